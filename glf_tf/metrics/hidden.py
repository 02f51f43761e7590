# SPDX-License-Identifier: Apache-2.0
"""Squared error of images of which parts were hidden: of those parts, and of all.

Papers on recovery print a mean without saying of which pixels, or in which unit: here
are both, in [0, 1] and in [-1, 1].
"""

__all__ = ["HiddenError", "hidden_error"]

import dataclasses

import numpy as np

from glf_tf import errors, types
from glf_tf.data import pixels
from glf_tf.metrics import reconstruction


@dataclasses.dataclass(frozen=True)
class HiddenError:
    """Mean squared errors over a set of images, each over all the pixels it is of.

    Attributes:
        hidden_unit: Of hidden pixels in [0, 1].
        hidden_symmetric: Of hidden pixels in [-1, 1].
        all_unit: Of all pixels in [0, 1].
        all_symmetric: Of all pixels in [-1, 1].
        hidden_share: How much was hidden.
        count: How many images.
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
    """Returns the squared error between images and what was made of their parts.

    Args:
        images: `[size, height, width, channels]`, uint8 or floats in [0, 1].
        made: The same.
        masks: `[size, height, width, 1]`, 1 for what was visible.

    Raises:
        InvalidValue: Shapes differ, or nothing was hidden.
    """
    whole = reconstruction.squared_error(images, reconstructions=made)
    hidden = 1.0 - np.asarray(masks, np.float64)
    if hidden.shape != (*np.shape(images)[:3], 1):
        raise errors.InvalidValue(
            "There must be a mask [height, width, 1] for each image",
            received=f"{hidden.shape} for images {np.shape(images)}",
            do="Pass the masks that the images were hidden with",
        )
    if not hidden.any():
        raise errors.InvalidValue(
            "An error of hidden pixels takes some that were hidden",
            received="masks that show everything",
            do="Look at the masks",
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
