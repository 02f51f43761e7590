# SPDX-License-Identifier: Apache-2.0
"""What published, labelled data sets share: files in known folders, or TFDS."""

__all__ = ["AbstractPublished"]

import abc
import pathlib
from typing import ClassVar

from glf_tf.data import image_set
from glf_tf.datasets import dataset, sources, tfds_source


class AbstractPublished(dataset.AbstractDataset):
    """A set whose published files are looked for in folders, and then TFDS'.

    Attributes:
        set_name: The set's name, which is also that of its TFDS builder.
        below_data_dir: Folders below `data_dir` in which the files may be.
        other_folders: Further folders, with whole paths.
        advice: How the user can bring the files there.
    """

    set_name: ClassVar[str]
    below_data_dir: ClassVar[tuple[str, ...]]
    other_folders: ClassVar[tuple[str, ...]] = ()
    advice: ClassVar[str]

    @abc.abstractmethod
    def source(self, split: dataset.Split, *, folder: pathlib.Path) -> sources.Source:
        """Returns a folder that may hold the published files, and how they are read."""

    def load(self, split: dataset.Split) -> image_set.ImageSet:
        """Returns one split: images uint8 `[size, height, width, channels]`, labels."""
        dataset.check_split(split)
        folders = [
            *self.paths.folders(*self.below_data_dir),
            *map(pathlib.Path, self.other_folders),
        ]
        candidates = [
            *(self.source(split, folder=folder) for folder in folders),
            *tfds_source.sources_of(self.set_name, split, paths=self.paths),
        ]
        return sources.first(self.set_name, candidates, do=self.advice)
