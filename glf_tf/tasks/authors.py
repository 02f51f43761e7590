# SPDX-License-Identifier: Apache-2.0
"""Samples as the GLF authors' script does, to measure the effect on distances.

Their script leaves the model in training mode, so that batch normalisation uses the
statistics of each batch of 500 samples, and stretches every image to the full range
before it is saved. Published distances probably use both; the paper mentions neither.
The library's own figures are "plain" unless stated otherwise.
"""

__all__ = ["sample"]

from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from glf_tf import errors, seeds, types
from glf_tf.models import latent
from glf_tf.models import model as model_lib
from glf_tf.tasks import sample as sample_lib

BATCH = 500
"""The authors' batch size, for batch statistics."""


def sample(
    model: model_lib.GenerativeModel,
    n: int,
    *,
    seed: types.Seed = 0,
    temperature: float = 1.0,
) -> Iterator[np.ndarray]:
    """Draws `n` images as the authors' script does.

    The moving averages that training mode changes are restored afterwards.

    Args:
        model: A model that decodes draws of a prior.
        n: Number of images; the last batch may be smaller than 500.
        seed: A stateless seed.
        temperature: Factor on the standard deviation of the noise.

    Yields:
        images: float32 `[up to 500, height, width, channels]`, each from 0 to 1.

    Raises:
        InvalidValue: A batch has a single image, which has no statistics.
        Unsupported: The model does not decode draws of a prior.
    """
    sample_lib.check(n, temperature=temperature)
    _check(model)

    # A trace for full batches and one for the rest: batch normalisation depends on the
    # batch size.
    @tf.function(autograph=False, input_signature=[tf.TensorSpec([2], tf.int32)])
    def draw_batch(seed):
        return _draw(model, BATCH, seed=seed, temperature=temperature)

    @tf.function(autograph=False, input_signature=[tf.TensorSpec([2], tf.int32)])
    def draw_rest(seed):
        return _draw(model, n % BATCH, seed=seed, temperature=temperature)

    draws = [draw_batch] * (n // BATCH) + [draw_rest] * (n % BATCH > 0)
    for draw in set(draws):
        draw.get_concrete_function()  # An invalid batch is refused before any is drawn.
    moving = [(v, np.array(v)) for v in model.non_trainable_variables]
    try:
        for chunk, draw in enumerate(draws):
            folded = seeds.fold(seed, chunk) if chunk else seeds.make(seed)
            yield _stretched(draw(folded).numpy())
    finally:
        for variable, value in moving:
            variable.assign(value)


def _draw(
    model: latent.AbstractLatentModel, n: int, *, seed: tf.Tensor, temperature: float
) -> tf.Tensor:
    z = model.prior.sample(n, seed=seed, temperature=temperature, training=True)
    return model.decode(z, training=True)


def _stretched(images: np.ndarray) -> np.ndarray:
    """Scales each image to a minimum of 0 and a maximum of 1."""
    low = images.min(axis=(1, 2, 3), keepdims=True)
    high = images.max(axis=(1, 2, 3), keepdims=True)
    return (images - low) / np.maximum(high - low, 1e-12)


def _check(model: model_lib.GenerativeModel) -> None:
    if not isinstance(model, latent.AbstractLatentModel):
        raise errors.Unsupported(
            "The authors' sampling needs a model that decodes draws of a prior",
            received=type(model).__name__,
            do="Use --sampling=plain",
        )
