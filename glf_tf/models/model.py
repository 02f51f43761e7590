# SPDX-License-Identifier: Apache-2.0
"""The base class of models of images."""

__all__ = ["GenerativeModel"]

import numpy as np

from glf_tf import errors, types
from glf_tf.data import image_set
from glf_tf.models import base_model


class GenerativeModel(base_model.AbstractModel):
    """A model that draws images in [0, 1], `[n, height, width, channels]`."""

    example_kind = image_set.ImageSet

    def __init__(self, image_shape: types.ImageShape, *, name: str | None = None):
        """Initializes the model.

        Args:
            image_shape: (height, width, channels).
            name: Name of the Keras model.
        """
        super().__init__(name=name)
        self.image_shape = _checked_shape(image_shape)

    @classmethod
    def sizes_of(cls, data: image_set.ImageSet) -> dict:
        """Returns `image_shape`."""
        return {"image_shape": data.image_shape}


def _checked_shape(image_shape: object) -> types.ImageShape:
    shape = tuple(int(size) for size in np.ravel(image_shape))
    if len(shape) != 3 or min(shape) < 1:
        raise errors.InvalidValue(
            "`image_shape` must be (height, width, channels), all positive",
            received=f"image_shape={image_shape}",
            do="Use for instance image_shape=(28, 28, 1)",
        )
    return shape
