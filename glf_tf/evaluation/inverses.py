# SPDX-License-Identifier: Apache-2.0
"""Whether the inverse of a flow on images gives images back, also unusual ones."""

__all__ = ["inverse_errors"]

import numpy as np
import tensorflow as tf

from glf_tf import errors, types
from glf_tf.metrics import inverse_error
from glf_tf.models import image_flow
from glf_tf.models import model as model_lib


def inverse_errors(
    model: model_lib.GenerativeModel,
    *,
    train: np.ndarray,
    test: np.ndarray,
    seed: types.Seed = 0,
) -> dict[str, inverse_error.InverseError]:
    """Returns the errors of each set of `inverse_error.image_sets`.

    Args:
        model: A flow on images.
        train: The training images, uint8 `[size, height, width, channels]`.
        test: The test images, of the same shape.
        seed: Of the images that are drawn.

    Raises:
        Unsupported: It is no flow on images.
    """
    if not isinstance(model, image_flow.ImageFlow):
        raise errors.Unsupported(
            "An error of the inverse is that of a flow on images",
            received=f"{type(model).__name__}, which has no inverse",
            do="Leave inverse_error out of --metrics",
        )
    traced = tf.function(model.inverse_error, autograph=False)
    sets = inverse_error.image_sets(train, test, seed=seed)
    return {
        name: inverse_error.summary(traced(np.float32(images) / 255.0).numpy())
        for name, images in sets.items()
    }
