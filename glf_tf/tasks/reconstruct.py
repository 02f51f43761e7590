# SPDX-License-Identifier: Apache-2.0
"""Reconstructs images, and arranges each next to its reconstruction."""

__all__ = ["reconstruct", "side_by_side", "as_autoencoder"]

import numpy as np

from glf_tf import errors, types
from glf_tf.models import codes, model
from glf_tf.tasks import infer


def reconstruct(
    model: model.GenerativeModel,
    images: np.ndarray,
    *,
    inference: infer.Inference | None = None,
    seed: types.Seed = 0,
) -> np.ndarray:
    """Returns the reconstructions of images, both `[n, h, w, c]` in [0, 1].

    Args:
        model: The model.
        images: `[n, height, width, channels]`, uint8 or floats in [0, 1].
        inference: How latents are inferred; None for the model's default.
        seed: A stateless seed of the chains, if there are any.

    Raises:
        Unsupported: The model does not decode latents of a known density.
        Diverged: A chain diverged.
    """
    inference = inference or infer.Inference(model)
    return inference.reconstruct(images, seed=seed)


def side_by_side(images: np.ndarray, reconstructions: np.ndarray) -> np.ndarray:
    """Returns `[2 n, h, w, c]`: each image, followed by its reconstruction."""
    pairs = np.stack([images, reconstructions], axis=1)
    return pairs.reshape([-1, *images.shape[1:]])


def as_autoencoder(model: model.GenerativeModel) -> codes.EncodesImages:
    """Returns the model, if it can encode and decode.

    Raises:
        Unsupported: The model cannot.
    """
    if not isinstance(model, codes.EncodesImages):
        raise errors.Unsupported(
            "This task needs a model that encodes and decodes images",
            received=type(model).__name__,
            do="Use a model with an encoder, such as glf",
        )
    return model
