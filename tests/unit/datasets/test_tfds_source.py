# SPDX-License-Identifier: Apache-2.0
import dataclasses
import importlib.util
import pathlib
import shutil
import socket
import time

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from absl import logging

from glf_tf import errors
from glf_tf.datasets import celeb_a, mnist, tfds_source
from tests import samples


class Socket:
    """What a connection that works gives."""

    def close(self):
        pass


@pytest.fixture
def connected(monkeypatch):
    monkeypatch.setattr(socket, "create_connection", lambda *args: Socket())


def test_set_is_found_in_data_dir(paths):
    samples.write_tfds("mnist", paths.data_dir)
    found = mnist.Mnist(paths).load("test")
    assert found.source == str(paths.data_dir / "mnist" / "3.0.1")
    assert sorted(found.labels) == sorted(samples.labels("test"))


def test_set_is_found_in_the_folder_of_tfds(paths, tmp_path):
    samples.write_tfds("mnist", tmp_path / "tfds")
    assert str(tmp_path / "tfds") in mnist.Mnist(paths).load("test").source


def test_files_come_before_tfds(paths):
    samples.write_tfds("mnist", paths.data_dir)
    samples.write_idx(paths.data_dir)
    assert mnist.Mnist(paths).load("test").source == str(paths.data_dir)


def test_order_is_the_same_at_every_load(paths):
    """Also of a set in several files, which TFDS could read in any order."""
    samples.write_tfds("mnist", paths.data_dir, shards=5)
    assert len([*paths.data_dir.glob("mnist/*/*-train.tfrecord*")]) == 5
    digests = {mnist.Mnist(paths).load("train").digest for _ in range(5)}
    assert len(digests) == 1


def test_nothing_is_downloaded_unasked(paths, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("tried to download")

    core = tfds.core.DatasetBuilder
    monkeypatch.setattr(core, "download_and_prepare", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    with pytest.raises(errors.NotFound, match="--download on a connected machine"):
        mnist.Mnist(paths).load("train")


def test_download_without_network_fails_at_once(paths):
    paths = dataclasses.replace(paths, download=True)
    start = time.monotonic()
    with pytest.raises(errors.NotFound, match="connection to the internet"):
        mnist.Mnist(paths).load("train")
    assert time.monotonic() - start < 5


@pytest.mark.usefixtures("connected")
def test_download_that_fails_is_explained(paths, monkeypatch):
    def fail(*args, **kwargs):
        raise AssertionError("Manual download\nrequired")

    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", fail)
    paths = dataclasses.replace(paths, download=True)
    with pytest.raises(errors.NotFound, match="Manual download required"):
        mnist.Mnist(paths).load("train")


@pytest.mark.usefixtures("connected")
def test_download_goes_to_data_dir(paths, tmp_path, monkeypatch):
    samples.write_tfds("mnist", tmp_path / "net")

    def prepare(builder):
        shutil.copytree(tmp_path / "net" / "mnist" / "3.0.1", builder.data_path)
        builder.info.read_from_directory(builder.data_path)

    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", prepare)
    paths = dataclasses.replace(paths, download=True)
    found = mnist.Mnist(paths).load("test")
    assert found.source == str(paths.data_dir / "mnist" / "3.0.1")


def test_set_that_is_there_is_not_downloaded(paths):
    samples.write_tfds("mnist", paths.data_dir)
    paths = dataclasses.replace(paths, download=True)
    assert len(mnist.Mnist(paths).load("test")) == samples.COUNTS["test"]


def cut(file: pathlib.Path):
    file.write_bytes(file.read_bytes()[:-20])


def shorten(file: pathlib.Path):
    records = list(tf.data.TFRecordDataset(str(file)).as_numpy_iterator())
    with tf.io.TFRecordWriter(str(file)) as writer:
        for record in records[:-1]:
            writer.write(record)


@pytest.mark.parametrize("name", ["mnist", "celeb_a"])
@pytest.mark.parametrize("damage", [cut, shorten, pathlib.Path.unlink])
def test_damaged_set_is_named(paths, name, damage):
    samples.write_tfds(name, paths.data_dir)
    (file,) = paths.data_dir.glob(f"{name}/*/*-train.tfrecord*")
    damage(file)
    kind = mnist.Mnist if name == "mnist" else celeb_a.CelebA
    with pytest.raises(errors.InvalidValue, match=f"{name}/.*split train") as caught:
        kind(paths).load("train")
    assert "\n" not in str(caught.value)


def test_warnings_of_tfds_about_itself_are_hidden():
    class Builder:
        def as_dataset(self, **kwargs):
            self.verbosity = logging.get_verbosity()
            return tf.data.Dataset.range(2)

    builder, before = Builder(), logging.get_verbosity()
    assert list(tfds_source.examples(builder, "train", ["image"])) == [0, 1]
    assert builder.verbosity == logging.ERROR
    assert logging.get_verbosity() == before


@pytest.mark.parametrize("package", ["tensorflow_datasets", "sklearn", "scipy"])
def test_heavy_packages_are_imported_only_when_they_are_used(package):
    for file in pathlib.Path(tfds_source.__file__).parent.glob("*.py"):
        for line in file.read_text().splitlines():
            assert not line.startswith((f"import {package}", f"from {package}")), file


def test_shapes_are_those_of_the_official_builder(paths):
    """Our tiny copies are read through TFDS' own description of the sets."""
    features = tfds.builder("mnist", data_dir=paths.data_dir).info.features
    assert features["image"].shape == (28, 28, 1)
    assert features["image"].np_dtype == np.uint8


def test_without_tfds_other_sources_are_tried(paths, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name: None if name == "tensorflow_datasets" else find(name),
    )
    with pytest.raises(errors.NotFound, match=r"nothing in .*mnist \(TFDS\)"):
        mnist.Mnist(paths).load("test")
    message = r"extra tfds brings\. Run pip install 'glf_tf\[tfds\]'"
    asked = dataclasses.replace(paths, download=True)
    with pytest.raises(errors.NotFound, match=message):
        mnist.Mnist(asked).load("test")
    (paths.data_dir / "mnist").mkdir(parents=True)
    with pytest.raises(errors.NotFound, match=message):
        mnist.Mnist(paths).load("test")
    samples.write_idx(paths.data_dir)
    assert mnist.Mnist(paths).load("test").source == str(paths.data_dir)
