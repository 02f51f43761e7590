# SPDX-License-Identifier: Apache-2.0
"""Checks of the labels that models' public methods take."""

__all__ = ["check_conditional", "check_labels", "labels"]

import numpy as np
import tensorflow as tf

from glf_tf import errors, types
from glf_tf.data import image_set
from glf_tf.models import inputs


def labels(
    label: types.Tensor | int, *, num_classes: int, count: int | tf.Tensor
) -> tf.Tensor:
    """Returns labels as a tensor of whole numbers, `[count]`.

    Args:
        label: `[count]`, or the one label of all.
        num_classes: Number of labels of the model; 0 if it takes none.
        count: Number of images.

    Raises:
        Unsupported: The model takes no labels.
        InvalidType: They are no whole numbers.
        InvalidValue: There are as many as there are no images, or one is out of range.
    """
    check_conditional(num_classes, received=f"label={label!r}".partition("\n")[0][:80])
    try:
        label = tf.convert_to_tensor(label)
    except (TypeError, ValueError):
        label = tf.constant("")
    if label.shape == (0,):  # an empty list is one of floats
        label = tf.cast(label, tf.int32)
    if not label.dtype.is_integer:
        raise errors.InvalidType(
            "Labels must be whole numbers", received=label.dtype.name, do="Cast them"
        )
    if label.shape.rank == 0:
        label = tf.fill([count], label)
    known = tf.get_static_value(count)
    if label.shape.rank != 1 or not label.shape.is_compatible_with([known]):
        raise errors.InvalidValue(
            "There must be one label an example, or one for all",
            received=f"labels of shape {tuple(label.shape)} for {known} examples",
            do="Pass as many labels as examples",
        )
    _check_range(inputs.values(label), num_classes=num_classes)
    return tf.cast(label, tf.int32)  # TensorFlow gathers by no unsigned numbers


def check_conditional(num_classes: int, *, received: str) -> None:
    """Checks that a model is conditional on labels.

    Raises:
        Unsupported: It is not.
    """
    if not num_classes:
        raise errors.Unsupported(
            "Labels are for models that are conditional on them",
            received=received,
            do="Make the model with num_classes, such as num_classes=10",
        )


def check_labels(data: image_set.ImageSet, *, num_classes: int) -> None:
    """Checks that a set of examples has the labels of a conditional model.

    Raises:
        InvalidValue: There are none, or one is out of range.
    """
    if data.labels is None:
        raise errors.InvalidValue(
            "A model that is conditional on labels needs one an example",
            received=f"{data.name} without labels for num_classes={num_classes}",
            do="Pass labels, in Python fit(x, y), or use num_classes=0",
        )
    _check_range(data.labels, num_classes=num_classes)


def _check_range(label: np.ndarray, *, num_classes: int) -> None:
    if label.size and not 0 <= label.min() <= label.max() < num_classes:
        raise errors.InvalidValue(
            f"Labels must lie between 0 and num_classes - 1 = {num_classes - 1}",
            received=f"labels from {label.min()} to {label.max()}",
            do="Number them from 0, or use a larger num_classes",
        )
