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
            "A folder that holds data sets; that of the run by default.",
        )
        kinds.define_path(
            "cache_dir",
            str(paths_lib.DataPaths.cache_dir),
            "For decoded copies of large sets, classifiers and statistics.",
        )
        flags.DEFINE_bool("download", False, "Let downloads use the network.")


def define_accepting() -> None:
    """Defines the flag that lets a run's data be others than it began with."""
    with groups.group("data"):
        flags.DEFINE_bool(
            "accept_new_data", False, "Go on though the images are others than before."
        )


def chosen() -> paths_lib.DataPaths:
    """Returns what the flags say."""
    return paths_lib.DataPaths(
        data_dir=FLAGS.data_dir and pathlib.Path(FLAGS.data_dir),
        cache_dir=pathlib.Path(FLAGS.cache_dir),
        download=FLAGS.download,
    )
