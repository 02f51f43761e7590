# SPDX-License-Identifier: Apache-2.0
"""Keeps the files and the network of this machine out of the tests of data."""

import socket

import pytest

from glf_tf.data import paths as paths_lib
from glf_tf.datasets import fashion_mnist


@pytest.fixture(autouse=True)
def _no_other_sources(request, tmp_path, monkeypatch):
    if request.node.get_closest_marker("real_data"):
        return

    def refuse(*args, **kwargs):
        raise OSError("no network in tests")

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    debian = (str(tmp_path / "debian"),)
    monkeypatch.setattr(fashion_mnist.FashionMnist, "other_folders", debian)


@pytest.fixture
def paths(tmp_path) -> paths_lib.DataPaths:
    """An empty `data_dir` and an empty cache."""
    (tmp_path / "data").mkdir()
    return paths_lib.DataPaths(data_dir=tmp_path / "data", cache_dir=tmp_path / "cache")
