# SPDX-License-Identifier: Apache-2.0
"""The base class of data sets, which load their splits from local files or TFDS."""

__all__ = ["AbstractDataset", "Split", "check_split"]

import abc
from typing import Any, Literal, get_args

from glf_tf import errors, parts
from glf_tf.data import image_set
from glf_tf.data import paths as paths_lib

Split = Literal["train", "test"]


class AbstractDataset(parts.Part, abc.ABC):
    """A data set of images.

    A subclass takes `paths` and, after it, keywords with defaults, which become flags.

    Attributes:
        paths: Folders to search.
        squaring: How a user's pictures are converted to images like those of the set:
            keywords of `pictures.square` other than size and channels.
    """

    part_kind = "dataset"

    def __init__(self, paths: paths_lib.DataPaths):
        self.paths = paths
        self.squaring: dict[str, Any] = {}

    @abc.abstractmethod
    def load(self, split: Split) -> image_set.ImageSet:
        """Returns one split.

        Raises:
            NotFound: No source has the data set; the message lists them.
        """

    def report(self) -> tuple[str, ...]:
        """Returns lines on the files found; none for a standard data set."""
        return ()


def check_split(split: str) -> None:
    """Checks the name of a split.

    Raises:
        InvalidValue: `split` is neither "train" nor "test".
    """
    if split not in get_args(Split):
        raise errors.InvalidValue(
            "`split` must be train or test",
            received=f"split={split!r}",
            do=errors.suggestion(split, get_args(Split)),
        )
