# SPDX-License-Identifier: Apache-2.0
"""The modes of a data set that images cover: the classes of its labels."""

__all__ = ["check", "notes", "of_images"]

from collections.abc import Iterable

import numpy as np

from glf_tf import errors
from glf_tf.data import image_set
from glf_tf.metrics import modes
from glf_tf.metrics.extractors import features


def of_images(
    batches: Iterable[np.ndarray],
    *,
    classifier: features.AbstractClassifier,
    train: image_set.ImageSet,
) -> modes.Modes:
    """Returns which modes images are of, by a classifier.

    Args:
        batches: Images `[size, height, width, channels]`, uint8 or floats in [0, 1].
        classifier: A classifier of the training images.
        train: The training images, whose labels' classes are the modes, in the shares
            that they have.
    """
    sizes = np.unique(train.labels, return_counts=True)[1]  # the classifier's numbers
    found = np.concatenate([classifier.classify(images) for images in batches])
    return modes.count(found, shares=sizes / np.sum(sizes))


def notes(
    found: modes.Modes, *, classifier: features.AbstractClassifier, samples: int
) -> tuple[str, ...]:
    """Returns what must be known beside the numbers."""
    return (
        f"modes are {found.total:,} classes; the classifier finds "
        f"{100 * classifier.accuracy:.2f} % of labels of images it did not learn, and "
        f"{samples:,} samples of the data itself have a KL of about "
        f"{found.kl_by_chance:.2g} nats by chance",
    )


def check(train: image_set.ImageSet) -> None:
    """Checks that there are modes.

    Raises:
        Unsupported: The images have no labels.
    """
    if train.labels is None:
        raise errors.Unsupported(
            "Modes are the classes of a data set with labels",
            received=f"{train.name}, which has none",
            do="Leave modes out of --metrics",
        )
