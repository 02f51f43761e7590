# SPDX-License-Identifier: Apache-2.0
"""Squared error of recovered images: over hidden pixels, and over all.

Papers on recovery state neither which pixels they average nor their range: here are
both means, for pixels in [0, 1] and in [-1, 1].
"""

__all__ = ["HiddenError", "hidden_error"]

import dataclasses

import numpy as np

from glf_tf import errors, types
from glf_tf.data import pixels
from glf_tf.metrics import reconstruction


@dataclasses.dataclass(frozen=True)
class HiddenError:
    """Mean squared errors over all pixels of a set of images.

    Attributes:
        hidden_unit: Of hidden pixels in [0, 1].
        hidden_symmetric: Of hidden pixels in [-1, 1].
        all_unit: Of all pixels in [0, 1].
        all_symmetric: Of all pixels in [-1, 1].
        hidden_share: Fraction of hidden pixels.
        count: Number of images.
    """

    hidden_unit: float
    hidden_symmetric: float
    all_unit: float
    all_symmetric: float
    hidden_share: float
    count: int


def hidden_error(
    images: types.Tensor, *, made: types.Tensor, masks: types.Tensor
) -> HiddenError:
    """Returns the squared error between images and their completions.

    Args:
        images: `[size, height, width, channels]`, uint8 or floats in [0, 1].
        made: Completions `[size, height, width, channels]`, uint8 or floats in [0, 1].
        masks: `[size, height, width, 1]`, 1 for visible pixels.

    Raises:
        InvalidValue: Shapes differ, or nothing is hidden.
    """
    whole = reconstruction.squared_error(images, reconstructions=made)
    hidden = 1.0 - np.asarray(masks, np.float64)
    if hidden.shape != (*np.shape(images)[:3], 1):
        raise errors.InvalidValue(
            "There must be a mask [height, width, 1] for each image",
            received=f"{hidden.shape} for images {np.shape(images)}",
            do="Pass the masks of the images",
        )
    if not hidden.any():
        raise errors.InvalidValue(
            "An error of hidden pixels needs hidden pixels",
            received="masks without hidden pixels",
            do="Check the masks",
        )
    squares = np.square(pixels.to_unit(images) - pixels.to_unit(made))
    total, channels = float(np.sum(hidden * squares)), np.shape(images)[3]
    of_hidden = total / (channels * float(hidden.sum()))
    return HiddenError(
        hidden_unit=of_hidden,
        # [-1, 1] is twice as wide, and the error is squared.
        hidden_symmetric=4 * of_hidden,
        all_unit=whole.per_pixel_unit,
        all_symmetric=whole.per_pixel_symmetric,
        hidden_share=float(hidden.mean()),
        count=whole.count,
    )
