# SPDX-License-Identifier: Apache-2.0
"""How far images are from what a flow's inverse makes of their noise.

A flow is invertible, but in float32 only as far as its inverse does not amplify
roundings, which is not seen in likelihoods, and is worst away from the data.

Behrmann, Vicol, Wang, Grosse, Jacobsen: Understanding and Mitigating Exploding Inverses
in Invertible Neural Networks, 2021. https://arxiv.org/abs/2006.09347
"""

__all__ = ["InverseError", "image_sets", "summary"]

import dataclasses

import numpy as np

from glf_tf import types

_COUNT = 256
"""Images a set: of constant images, one of each grey level."""


@dataclasses.dataclass(frozen=True)
class InverseError:
    """The largest errors of a set of images, in levels of their numbers.

    An error below 1/2 is rounded away: the image comes back as it was. One that is NaN
    counts as infinite.

    Attributes:
        max: The largest error of all images.
        median: The median, over images, of the largest error of each.
        nonfinite: How many images have an error that is not finite.
        count: The number of images.
    """

    max: float
    median: float
    nonfinite: int
    count: int


def image_sets(
    train: np.ndarray, test: np.ndarray, *, seed: types.Seed
) -> dict[str, np.ndarray]:
    """Returns five sets of as many images, on the data and away from it.

    Args:
        train: The training images, uint8 `[size, height, width, channels]`.
        test: The test images, of the same shape.
        seed: Of what is drawn.

    Returns:
        images: uint8 `[count, height, width, channels]`: "train images" and "test
            images" drawn from them, "uniform noise", "constant images" of grey levels
            from 0 to 255, and "saturated images" whose numbers are 0 or 255 at random.
    """
    count = min(_COUNT, len(train), len(test))
    shape = (count, *test.shape[1:])
    random = np.random.default_rng(seed)
    grey = np.linspace(0, 255, count).round().astype(np.uint8)
    return {
        "train images": random.choice(train, count, replace=False),
        "test images": random.choice(test, count, replace=False),
        "uniform noise": random.integers(0, 256, shape, np.uint8),
        "constant images": np.broadcast_to(grey[:, None, None, None], shape),
        "saturated images": 255 * random.integers(0, 2, shape, np.uint8),
    }


def summary(error: np.ndarray) -> InverseError:
    """Summarises the largest error of each image, `[size]`."""
    is_finite = np.isfinite(error)
    error = np.where(is_finite, error, np.inf)
    return InverseError(
        max=float(error.max()),
        median=float(np.median(error)),
        nonfinite=int(np.count_nonzero(~is_finite)),
        count=len(error),
    )
