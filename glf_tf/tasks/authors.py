# SPDX-License-Identifier: Apache-2.0
"""Samples with the habits of the GLF authors' script, to see what they are worth.

Their script leaves the model in training mode, so that batch normalisation uses the
statistics of each batch of 500 samples, and stretches every image to the full range
before it is saved. Published distances probably rest on both; neither is said in the
paper. The library's own figures are "plain" unless they say otherwise.
"""

__all__ = ["sample"]

from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from glf_tf import errors, seeds, types
from glf_tf.models import autoencoder
from glf_tf.models import model as model_lib
from glf_tf.priors import prior as prior_lib
from glf_tf.tasks import sample as sample_lib

BATCH = 500
"""The authors' batch, whose statistics are used."""


def sample(
    model: model_lib.GenerativeModel,
    n: int,
    *,
    seed: types.Seed = 0,
    temperature: float = 1.0,
) -> Iterator[np.ndarray]:
    """Draws `n` images as the authors' script does.

    The model is as it was afterwards: what training mode does to its moving averages is
    undone.

    Args:
        model: An autoencoder whose prior is a map of noise.
        n: How many; the last batch may be smaller than 500.
        seed: A stateless seed.
        temperature: Factor on the standard deviation of the noise.

    Yields:
        images: float32 `[up to 500, height, width, channels]`, each from 0 to 1.

    Raises:
        Unsupported: The model is no such autoencoder.
    """
    sample_lib.check(n, temperature=temperature)
    _check(model)

    @tf.function(autograph=False, reduce_retracing=True)
    def draw(seed, count):
        noise = tf.random.stateless_normal([count, model.latent_dim], seed=seed)
        z = model.prior.forward(temperature * noise, training=True)
        return model.decode(z, training=True)

    moving = [(v, np.array(v)) for v in model.non_trainable_variables]
    try:
        for chunk in range(-(-n // BATCH)):
            folded = seeds.fold(seed, chunk) if chunk else seeds.make(seed)
            count = tf.constant(min(BATCH, n - chunk * BATCH))
            yield _stretched(draw(folded, count).numpy())
    finally:
        for variable, value in moving:
            variable.assign(value)


def _stretched(images: np.ndarray) -> np.ndarray:
    """Returns each image with its least pixel at 0 and its greatest at 1."""
    low = images.min(axis=(1, 2, 3), keepdims=True)
    high = images.max(axis=(1, 2, 3), keepdims=True)
    return (images - low) / np.maximum(high - low, 1e-12)


def _check(model: model_lib.GenerativeModel) -> None:
    is_fit = isinstance(model, autoencoder.AbstractAutoencoder) and isinstance(
        model.prior, prior_lib.AbstractNoisePrior
    )
    if not is_fit:
        raise errors.Unsupported(
            "The authors' sampling is that of an autoencoder with a flow",
            received=type(model).__name__,
            do="Use --sampling=plain",
        )
