# SPDX-License-Identifier: Apache-2.0
"""Recovers training images with hidden pixels.

Han, Lu, Zhu, Wu: Alternating Back-Propagation for Generator Network, 2017, section 5.3.
https://arxiv.org/abs/1606.08571
"""

__all__ = ["masks_of", "recover", "start_of"]

import numpy as np
import tensorflow as tf

from glf_tf import errors, types
from glf_tf.data import image_set
from glf_tf.models import autoencoder, inferred
from glf_tf.models import model as model_lib
from glf_tf.tasks import infer, inpaint


def masks_of(data: image_set.ImageSet) -> np.ndarray:
    """Returns the masks of a set with hidden pixels, `[size, height, width, 1]`.

    Raises:
        InvalidValue: The set has no hidden pixels.
    """
    if data.masks is None:
        raise errors.InvalidValue(
            "Recovery needs training images with hidden pixels",
            received=f"{data.name}, which has none",
            do="Train with --dataset=occluded --dataset.dataset=...; to complete other "
            "images, use tools/inpaint.py",
        )
    return data.masks(tf.range(len(data), dtype=tf.int64)).numpy()


def recover(
    inference: infer.Inference,
    data: image_set.ImageSet,
    masks: np.ndarray,
    *,
    seed: types.Seed = 0,
) -> np.ndarray:
    """Returns recovered images: decoded latents of the visible pixels.

    A model that keeps a chain for each training image continues it.

    Args:
        inference: How latents are inferred.
        data: The first images of the training set, in order.
        masks: Their masks, `[size, height, width, 1]`, 1 for visible pixels.
        seed: A stateless seed of the chains.

    Returns:
        recovered: float32 `[size, height, width, channels]` in [0, 1].

    Raises:
        InvalidValue: The masks are invalid.
        Unsupported: The model's reconstruction term is not a sum over pixels.
        Diverged: A chain diverged.
    """
    inpaint.check_masks(masks, images=data.images)
    start = _kept(inference, len(data))
    return inference.reconstruct(data.images, masks, seed=seed, start=start)


def start_of(model: model_lib.GenerativeModel, asked: str) -> str:
    """Returns where chains start: "auto" is the encoder, if there is one.

    The encoder was trained on images with hidden pixels.

    Args:
        model: The model.
        asked: One of `infer.STARTS`.
    """
    has_encoder = isinstance(model, autoencoder.AbstractAutoencoder)
    return "encoder" if asked == "auto" and has_encoder else asked


def _kept(inference: infer.Inference, count: int) -> np.ndarray | None:
    """Returns the saved chains of the first training images, if there are any."""
    model = inference.model
    if not isinstance(model, inferred.AbstractInferred) or model.store is None:
        return None
    return model.store.read(tf.range(count)).numpy()
