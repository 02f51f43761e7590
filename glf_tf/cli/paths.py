# SPDX-License-Identifier: Apache-2.0
"""Flags of the folders for data and caches."""

__all__ = ["define", "define_accepting", "chosen"]

import pathlib

from absl import flags

from glf_tf.cli import groups, kinds
from glf_tf.data import paths as paths_lib

FLAGS = flags.FLAGS


def define() -> None:
    """Defines the flags."""
    with groups.group("data"):
        kinds.define_path(
            "data_dir",
            None,
            "A folder with data sets; by default that of the run.",
        )
        kinds.define_path(
            "cache_dir",
            str(paths_lib.DataPaths.cache_dir),
            "Folder for decoded copies of large data sets, classifiers and statistics.",
        )
        flags.DEFINE_bool("download", False, "Allow downloads.")


def define_accepting() -> None:
    """Defines the flag that accepts changed data of a run."""
    with groups.group("data"):
        flags.DEFINE_bool(
            "accept_new_data", False, "Continue although the data have changed."
        )


def chosen() -> paths_lib.DataPaths:
    """Returns the paths of the flags."""
    return paths_lib.DataPaths(
        data_dir=FLAGS.data_dir and pathlib.Path(FLAGS.data_dir),
        cache_dir=pathlib.Path(FLAGS.cache_dir),
        download=FLAGS.download,
    )
