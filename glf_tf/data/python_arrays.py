# SPDX-License-Identifier: Apache-2.0
"""Converts arrays and `tf.data` datasets into image sets."""

__all__ = ["MOST_BYTES", "labelled", "read", "read_unrounded", "whole_labels"]

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from glf_tf import errors
from glf_tf.data import example_set, image_set, pixels

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


def labelled(
    examples: example_set.AbstractExampleSet, y: object
) -> example_set.AbstractExampleSet:
    """Returns a set of examples with labels, whole numbers `[size]` or `[size, 1]`.

    Raises:
        InvalidType: They are no whole numbers, or not one an example.
    """
    labels = whole_labels(y, len(examples), of=examples.noun)
    return dataclasses.replace(examples, labels=labels)


def read_unrounded(x: object) -> np.ndarray:
    """Returns images as float32 `[size, height, width, channels]` in [0, 1].

    Args:
        x: As for `read`.

    Raises:
        InvalidType: As `read`.
        InvalidValue: As `read`.
    """
    if isinstance(x, image_set.ImageSet):
        x = x.images
    if isinstance(x, tf.data.Dataset):
        return _collected(x, convert=_as_floats)[0]
    return _as_floats(x)


def _as_floats(x: object) -> np.ndarray:
    return pixels.to_unit(_checked(x))


def _as_uint8(x: object) -> np.ndarray:
    return pixels.round_to_uint8(_checked(x))


def _checked(x: object) -> object:
    """Returns an array or a tensor as it is."""
    if not (isinstance(x, np.ndarray) or tf.is_tensor(x)):
        raise errors.InvalidType(
            "Images are a uint8 or float array, a tf.data.Dataset or an ImageSet",
            received=type(x).__name__,
            do="Convert them, for instance by numpy.asarray(x, numpy.float32)",
        )
    if np.ma.is_masked(x):
        raise errors.InvalidType(
            "The mask of a NumPy array would be lost",
            received=f"a masked array with {np.ma.count_masked(x)} hidden numbers",
            do="Pass an ImageSet with `masks`, or the array's filled()",
        )
    return x


def _collected(
    dataset: tf.data.Dataset, *, convert: Callable = _as_uint8
) -> tuple[np.ndarray, np.ndarray | None]:
    """Returns a dataset's images and labels, or None, as arrays."""
    if int(dataset.cardinality()) == tf.data.INFINITE_CARDINALITY:
        raise errors.InvalidValue(
            "A dataset to train on must be finite",
            received="an endless tf.data.Dataset",
            do="Remove repeat(): `epochs` sets the number of passes",
        )
    images, labels, size = [], [], 0
    for element in _elements(dataset):
        image, label = _split(element)
        image = convert(image if np.ndim(image) != 3 else image[None])
        _check_size(image, images[:1])
        size += image.nbytes
        if size > MOST_BYTES:
            raise errors.InvalidValue(
                f"A dataset is read into memory and has at most {MOST_BYTES >> 30} GiB",
                received=f"more after {len(images)} elements",
                do="Take fewer images, or pass an ImageSet that maps a file",
            )
        images.append(image)
        labels += [] if label is None else [whole_labels(label, len(image))]
    if not images:
        raise errors.InvalidValue(
            "A dataset has at least one image", received="none", do="Check the dataset"
        )
    return np.concatenate(images), np.concatenate(labels) if labels else None


def _elements(dataset: tf.data.Dataset) -> Iterator[object]:
    """Yields a dataset's elements.

    Raises:
        InvalidValue: The dataset itself fails.
    """
    try:
        yield from dataset.as_numpy_iterator()
    except (tf.errors.OpError, TypeError) as error:
        raise errors.InvalidValue(
            "A dataset to train on must yield its elements as arrays",
            received=str(error).partition("\n")[0][-200:],
            do="Run through it by `for element in dataset` to see the error",
        ) from error


def _check_size(image: np.ndarray, first: list[np.ndarray]) -> None:
    if first and image.shape[1:] != first[0].shape[1:]:
        raise errors.InvalidValue(
            "All images of a dataset must have the same size",
            received=f"{image.shape[1:]} after {first[0].shape[1:]}",
            do="Resize them in the dataset, by `map` and tf.image.resize",
        )


def whole_labels(label: object, count: int, *, of: str = "images") -> np.ndarray:
    """Returns labels as int64 `[count]`.

    Args:
        label: `[count]` or `[count, 1]`.
        count: Number of examples.
        of: What the examples are.

    Raises:
        InvalidType: They are no whole numbers, or not one an example.
    """
    try:
        label = np.asarray(label)
    except ValueError:  # lists of unequal lengths
        label = np.asarray(label, object)
    is_fit = label.dtype.kind in "biuf" and label.size == count
    is_fit = is_fit and np.all(np.isfinite(label)) and np.all(label == np.trunc(label))
    if not is_fit:
        raise errors.InvalidType(
            f"Labels must be whole numbers, one for each of the {of}",
            received=f"{label.dtype} of shape {label.shape} for {count} {of}",
            do="Pass numbers of classes from 0, or no labels, which "
            "map(lambda image, label: image) drops",
        )
    return np.reshape(label, [-1]).astype(np.int64)


def _split(element: object) -> tuple[object, object]:
    if isinstance(element, dict) and "image" in element:
        return element["image"], element.get("label")
    if isinstance(element, tuple) and len(element) == 2:
        return element
    return element, None
