# SPDX-License-Identifier: Apache-2.0
"""The base class of data sets, which load their splits from local files or TFDS."""

__all__ = ["ALL_SPLITS", "AbstractDataset", "Split", "check_split"]

import abc
from collections.abc import Sequence
from typing import Any, Literal

from glf_tf import errors, parts
from glf_tf.data import example_set
from glf_tf.data import paths as paths_lib

Split = Literal["train", "test", "validation"]
"""A part of a data set; few have one for validation, see `AbstractDataset.splits`."""

ALL_SPLITS: tuple[Split, ...] = ("train", "validation", "test")
"""Those of a data set that has one for validation."""

_USUAL: tuple[Split, ...] = ("train", "test")


class AbstractDataset(parts.Part, abc.ABC):
    """A data set of images or vectors.

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
    def load(self, split: Split) -> example_set.AbstractExampleSet:
        """Returns one split.

        Raises:
            NotFound: No source has the data set; the message lists them.
        """

    @property
    def splits(self) -> tuple[Split, ...]:
        """The splits that it has: "train" and "test", and of few "validation"."""
        return _USUAL

    def load_for_training(
        self,
    ) -> tuple[example_set.AbstractExampleSet, example_set.AbstractExampleSet]:
        """Returns what a run is trained and validated on.

        It is validated on the split "validation" if there is one, otherwise on "test".
        """
        held_out = "validation" if "validation" in self.splits else "test"
        return self.load("train"), self.load(held_out)

    def report(self) -> tuple[str, ...]:
        """Returns lines on the files found; none for a standard data set."""
        return ()


def check_split(split: str, *, known: Sequence[Split] = _USUAL) -> None:
    """Checks the name of a split of a data set, by default of one for no validation.

    Raises:
        InvalidValue: `split` is none of `known`.
    """
    if split == "validation" and split not in known:
        raise errors.InvalidValue(
            "Only some data sets hold images out for validation",
            received=f"split={split!r} of one that does not",
            do="Use --dataset=held_out, which holds images of another set out",
        )
    if split not in known:
        raise errors.InvalidValue(
            f"`split` must be {', '.join(known[:-1])} or {known[-1]}",
            received=f"split={split!r}",
            do=errors.suggestion(split, known),
        )
