# SPDX-License-Identifier: Apache-2.0
"""Recovers training images of which the model has seen a part.

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
        InvalidValue: Nothing is hidden in it.
    """
    if data.masks is None:
        raise errors.InvalidValue(
            "Recovery is of images that were trained on with hidden pixels",
            received=f"{data.name}, of which nothing was hidden",
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

    A model that keeps a chain for each training image goes on with it.

    Args:
        inference: The model's way to find latents.
        data: The first images of the training set, in its order.
        masks: Theirs.
        seed: A stateless seed of the chains.

    Returns:
        recovered: float32 `[size, height, width, channels]` in [0, 1].

    Raises:
        InvalidValue: The masks are not fit.
        Unsupported: The model's reconstruction term is no sum over pixels.
        Diverged: A chain did.
    """
    inpaint.check_masks(masks, images=data.images)
    start = _kept(inference, len(data))
    return inference.reconstruct(data.images, masks, seed=seed, start=start)


def start_of(model: model_lib.GenerativeModel, asked: str) -> str:
    """Returns where chains start: "auto" is the encoder, where there is one.

    It has learned from images with hidden pixels.

    Args:
        model: The model.
        asked: One of `infer.STARTS`.
    """
    has_encoder = isinstance(model, autoencoder.AbstractAutoencoder)
    return "encoder" if asked == "auto" and has_encoder else asked


def _kept(inference: infer.Inference, count: int) -> np.ndarray | None:
    """Returns where the chains of the first training images were left, if anywhere."""
    model = inference.model
    if not isinstance(model, inferred.AbstractInferred) or model.store is None:
        return None
    return model.store.read(tf.range(count)).numpy()
