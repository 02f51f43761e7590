# SPDX-License-Identifier: Apache-2.0
"""What every data set is: a name that loads its splits from wherever they are."""

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
        squaring: How a user's pictures become images like those of the set: keywords
            of `pictures.square` beside size and channels.
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
        """Returns lines on what was found, for people; none for a set that is known."""
        return ()


def check_split(split: str) -> None:
    """Refuses the name of a split that no data set has.

    Raises:
        InvalidValue: `split` is neither "train" nor "test".
    """
    if split not in get_args(Split):
        raise errors.InvalidValue(
            "`split` must be one of the two that every data set has",
            received=f"split={split!r}",
            do=errors.suggestion(split, get_args(Split)),
        )
