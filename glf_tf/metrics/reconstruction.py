# SPDX-License-Identifier: Apache-2.0
"""Squared error of reconstructions, in all common units.

A "reconstruction error" may be a sum or a mean over the values of an image, of pixels
in [0, 1] or in [-1, 1]; these differ by factors of 4 and of the number of values.
"""

__all__ = ["ReconstructionError", "squared_error"]

import dataclasses

import numpy as np

from glf_tf import errors, types
from glf_tf.data import pixels

_BATCH = 1024


@dataclasses.dataclass(frozen=True)
class ReconstructionError:
    """Mean squared errors over a set of images.

    A pixel here is one value: a colour image has three per position.

    Attributes:
        per_image_unit: Summed over an image, pixels in [0, 1].
        per_pixel_unit: Averaged over an image, pixels in [0, 1].
        per_image_symmetric: Summed over an image, pixels in [-1, 1].
        per_pixel_symmetric: Averaged over an image, pixels in [-1, 1].
        standard_error: Standard error of `per_image_unit`; None for a single image.
        count: Number of images.
    """

    per_image_unit: float
    per_pixel_unit: float
    per_image_symmetric: float
    per_pixel_symmetric: float
    standard_error: float | None
    count: int


def squared_error(
    images: types.Tensor, *, reconstructions: types.Tensor
) -> ReconstructionError:
    """Returns the squared error between images and their reconstructions.

    Args:
        images: `[size, height, width, channels]`, uint8 or floats in [0, 1].
        reconstructions: `[size, height, width, channels]`, uint8 or floats in [0, 1].

    Raises:
        InvalidValue: The shapes differ, or the images are invalid.
    """
    images = pixels.check(images)
    made = pixels.check(reconstructions, name="reconstructions")
    if images.shape != made.shape:
        raise errors.InvalidValue(
            "Images and reconstructions must have the same shape",
            received=f"{images.shape} and {made.shape}",
            do="Reconstruct exactly these images",
        )
    sums = np.concatenate(
        [
            np.sum(np.square(x - y, dtype=np.float64), axis=(1, 2, 3))
            for x, y in zip(
                pixels.batches(images, size=_BATCH),
                pixels.batches(made, size=_BATCH, name="reconstructions"),
                strict=True,
            )
        ]
    )
    return _summary(sums, values=int(np.prod(images.shape[1:])))


def _summary(sums: np.ndarray, *, values: int) -> ReconstructionError:
    total = float(sums.mean())
    count = len(sums)
    return ReconstructionError(
        per_image_unit=total,
        per_pixel_unit=total / values,
        # [-1, 1] is twice as wide, and the error is squared.
        per_image_symmetric=4 * total,
        per_pixel_symmetric=4 * total / values,
        standard_error=float(sums.std(ddof=1) / count**0.5) if count > 1 else None,
        count=count,
    )
