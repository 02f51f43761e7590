# SPDX-License-Identifier: Apache-2.0
"""Converts arrays and `tf.data` datasets into image sets."""

__all__ = ["MOST_BYTES", "read"]

import numpy as np
import tensorflow as tf

from glf_tf import errors
from glf_tf.data import image_set, pixels

MOST_BYTES = 8 * 2**30
"""Maximum size of a `tf.data.Dataset`, which is read into memory."""


def read(
    x: object, *, name: str = "arrays", split: str = "train"
) -> image_set.ImageSet:
    """Returns an image set.

    Pixels are stored as uint8: floats are rounded to the nearest of 256 levels.

    Args:
        x: Images `[size, height, width, channels]`, uint8 or floats in [0, 1]; or a
            finite `tf.data.Dataset`, in batches or not, of images, of pairs (image,
            label), or of mappings with `image` and perhaps `label`; or an `ImageSet`,
            which is returned as it is.
        name: The set's name.
        split: "train" or "test".

    Raises:
        InvalidType: `x` is of another type, or its pixels are neither uint8 nor floats.
        InvalidValue: The shape is wrong, a float is outside of [0, 1] or NaN, or the
            dataset is infinite or larger than `MOST_BYTES`.
    """
    if isinstance(x, image_set.ImageSet):
        return x
    labels = None
    if isinstance(x, tf.data.Dataset):
        x, labels = _collected(x)
    return image_set.ImageSet(
        name=name, split=split, images=_as_uint8(x), labels=labels, source="Python"
    )


def _as_uint8(x: object) -> np.ndarray:
    """Returns pixels as uint8 `[size, height, width, channels]`."""
    if not (isinstance(x, np.ndarray) or tf.is_tensor(x)):
        raise errors.InvalidType(
            "Images are a uint8 or float array, a tf.data.Dataset or an ImageSet",
            received=type(x).__name__,
            do="Convert them, for instance by numpy.asarray(x, numpy.float32)",
        )
    return pixels.round_to_uint8(x)


def _collected(dataset: tf.data.Dataset) -> tuple[np.ndarray, np.ndarray | None]:
    """Returns a dataset's images and labels, or None, as arrays."""
    if int(dataset.cardinality()) == tf.data.INFINITE_CARDINALITY:
        raise errors.InvalidValue(
            "A dataset to train on must be finite",
            received="an endless tf.data.Dataset",
            do="Remove repeat(): `epochs` sets the number of passes",
        )
    images, labels, size = [], [], 0
    for element in dataset.as_numpy_iterator():
        image, label = _split(element)
        image = _as_uint8(image if np.ndim(image) != 3 else image[None])
        size += image.nbytes
        if size > MOST_BYTES:
            raise errors.InvalidValue(
                f"A dataset is read into memory and has at most {MOST_BYTES >> 30} GiB",
                received=f"more after {len(images)} elements",
                do="Take fewer images, or pass an ImageSet that maps a file",
            )
        images.append(image)
        labels += [] if label is None else [np.reshape(label, [-1])]
    if not images:
        raise errors.InvalidValue(
            "A dataset has at least one image", received="none", do="Check the dataset"
        )
    found = np.concatenate(labels).astype(np.int64) if labels else None
    return np.concatenate(images), found


def _split(element: object) -> tuple[object, object]:
    if isinstance(element, dict) and "image" in element:
        return element["image"], element.get("label")
    if isinstance(element, tuple) and len(element) == 2:
        return element
    return element, None
