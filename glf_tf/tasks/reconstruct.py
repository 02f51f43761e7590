# SPDX-License-Identifier: Apache-2.0
"""Encodes and decodes images, and sets each beside its reconstruction."""

__all__ = ["reconstruct", "side_by_side"]

import numpy as np
import tensorflow as tf

from glf_tf import errors
from glf_tf.models import autoencoder, model

CHUNK = 500
"""Images decoded at once."""


def reconstruct(model: model.GenerativeModel, images: np.ndarray) -> np.ndarray:
    """Returns the reconstructions of images, both `[n, h, w, c]` in [0, 1].

    Raises:
        Unsupported: The model has no encoder.
    """
    run = tf.function(as_autoencoder(model).reconstruct, reduce_retracing=True)
    chunks = range(0, len(images), CHUNK)
    return np.concatenate([run(images[start : start + CHUNK]) for start in chunks])


def side_by_side(images: np.ndarray, reconstructions: np.ndarray) -> np.ndarray:
    """Returns `[2 n, h, w, c]`: each image, followed by its reconstruction."""
    pairs = np.stack([images, reconstructions], axis=1)
    return pairs.reshape([-1, *images.shape[1:]])


def as_autoencoder(model: model.GenerativeModel) -> autoencoder.AbstractAutoencoder:
    """Returns the model, if it can encode and decode.

    Raises:
        Unsupported: It cannot.
    """
    if not isinstance(model, autoencoder.AbstractAutoencoder):
        raise errors.Unsupported(
            "This task needs a model that encodes and decodes images",
            received=type(model).__name__,
            do="Use a model with an encoder, such as glf",
        )
    return model
