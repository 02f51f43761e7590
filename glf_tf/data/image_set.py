# SPDX-License-Identifier: Apache-2.0
"""Image sets: images with labels, as every loader returns them."""

__all__ = ["ImageSet", "checked"]

import dataclasses
from collections.abc import Callable

import numpy as np

from glf_tf import errors
from glf_tf.data import example_set


@dataclasses.dataclass(frozen=True)
class ImageSet(example_set.AbstractExampleSet):
    """Images of one split of a data set, in memory or mapped from a file.

    Attributes:
        name: The data set's name, such as "mnist".
        split: "train", "test" or "validation".
        images: uint8 `[size, height, width, channels]` in [0, 255]; an array, or a
            `numpy.memmap` if the set is too large for memory.
        labels: int64 `[size]`, or None if the data set has no labels.
        source: Origin of the images, such as a folder or a package; only displayed.
        masks: Function from indices int64 `[batch]` to masks float32 `[batch, height,
            width, 1]`, 1 for visible pixels, which runs in the graph; None if all
            pixels are visible. `images` are complete: batches hide the other pixels.
        channel_set: The grey images that channels are drawn from, where labels are
            numbers of as many digits as there are channels, which are the channels'
            own labels; None for all other sets.
    """

    noun = "images"

    name: str
    split: str
    images: np.ndarray
    labels: np.ndarray | None = None
    source: str = ""
    masks: Callable | None = None
    channel_set: "ImageSet | None" = None

    def __post_init__(self):
        """Checks shapes and dtypes.

        Raises:
            InvalidValue: The images are not uint8 `[size, height, width, channels]`,
                there are none, or their number differs from that of the labels.
        """
        if self.images.dtype != np.uint8 or self.images.ndim != 4 or not len(self):
            raise errors.InvalidValue(
                "Images must be uint8 [size, height, width, channels], at least one",
                received=f"{self.images.dtype} {self.images.shape} for {self.name}",
                do="Check the files that were read",
            )
        self._check_labels()

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(height, width, channels)."""
        return self.images.shape[1:]


def checked(found: example_set.AbstractExampleSet, *, by: str) -> ImageSet:
    """Returns a set whose examples must be images.

    Args:
        found: The set.
        by: What needs images, in the plural, such as "Extractors of features".

    Raises:
        Unsupported: They are others.
    """
    if isinstance(found, ImageSet):
        return found
    raise errors.Unsupported(
        f"{by} are for images",
        received=f"the {found.noun} of {found.name}",
        do="Use a data set of images, such as mnist; of vectors, --model=density is "
        "measured by tools/evaluate.py",
    )
