# SPDX-License-Identifier: Apache-2.0
"""Draws any number of images from a model, a bounded number at a time."""

__all__ = ["sample"]

from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from glf_tf import errors, seeds, types
from glf_tf.models import model as model_lib

CHUNK = 500
"""Images drawn at once."""


def sample(
    model: model_lib.GenerativeModel,
    n: int,
    *,
    seed: types.Seed = 0,
    temperature: float = 1.0,
) -> Iterator[np.ndarray]:
    """Draws `n` images.

    The first 500 are those of `model.sample(500, seed)`; the k-th 500 after them have
    the seed `seeds.fold(seed, k)`. So a few images are the beginning of many.

    Args:
        model: The model.
        n: How many.
        seed: A stateless seed.
        temperature: Factor on the standard deviation of the noise.

    Yields:
        images: float32 `[up to 500, height, width, channels]` in [0, 1].

    Raises:
        InvalidValue: `n` is less than 1, or `temperature` is negative.
    """
    check(n, temperature=temperature)
    temperature = tf.constant(temperature, tf.float32)
    for chunk in range(-(-n // CHUNK)):
        folded = seeds.fold(seed, chunk) if chunk else seeds.make(seed)
        count = tf.constant(min(CHUNK, n - chunk * CHUNK))
        yield model.traced_sample(count, seed=folded, temperature=temperature).numpy()


def check(n: int, *, temperature: float) -> None:
    """Checks the number of samples and the temperature.

    Raises:
        InvalidValue: `n` is less than 1, or `temperature` is negative.
    """
    if n < 1:
        raise errors.InvalidValue(
            "The number of samples must be at least 1",
            received=f"num_samples={n}",
            do="Ask for one or more",
        )
    if not temperature >= 0:
        raise errors.InvalidValue(
            "The temperature scales the noise and must not be negative",
            received=f"temperature={temperature}",
            do="Use 1 for the model's own samples, less for likelier ones",
        )
