# SPDX-License-Identifier: Apache-2.0
"""Trains a network on the images of a set, for its features, and makes a file of it."""

__all__ = ["METHODS", "content", "train"]

import pathlib
from collections.abc import Sequence

import keras
import numpy as np

from glf_tf import errors, files, seeds
from glf_tf.data import image_set
from glf_tf.metrics.extractors import classifier, classifier_training, rotations

METHODS = ("rotations", "labels")
"""What a network may learn: which way up images are, or their labels."""

_EPOCHS = 5
"""Those of the classifier that evaluation trains."""


def train(
    data: image_set.ImageSet,
    *,
    by: str,
    seed: int = 0,
    steps: int = 1000,
    widths: Sequence[int] = (16, 32, 64),
) -> tuple[keras.Sequential, float]:
    """Returns a network that takes images in [0, 1], and its accuracy in training.

    By labels it has the layers, and with seed 0 the weights, of the classifier that
    evaluation trains on these images: by which images are then not to be judged.

    Args:
        data: The training images; nothing else is read.
        by: One of `METHODS`.
        seed: Of weights and batches.
        steps: Number of steps, by rotations.
        widths: Channels of the convolutions at each resolution, by rotations.

    Raises:
        InvalidValue: The images or an option are not fit.
        Unsupported: The set has no images, or no labels to learn.
    """
    data = image_set.checked(data, by="Features that are trained")
    if by == "rotations":
        return rotations.fit(data.images, seed=seed, steps=steps, widths=widths)
    if data.labels is None:
        raise errors.Unsupported(
            "Features are trained by labels on a set that has them",
            received=f"{data.name}, which has none",
            do="Use --by=rotations",
        )
    seeds.check_not_negative(seed=seed)
    known, labels = np.unique(data.labels, return_inverse=True)
    labelled = (data.images, labels)
    classifier_training.check(labelled, test=labelled)
    network = classifier.build(data.image_shape, classes=len(known), seed=seed)
    batches = classifier_training.Batches(labelled, seed=seed)
    accuracy = classifier_training.optimize(
        network, batches, epochs=_EPOCHS, told="features"
    )
    return network, accuracy


def content(network: keras.Model, *, beside: pathlib.Path) -> bytes:
    """Returns the content of a `.keras` file of a network.

    Keras writes files by their names: it is given one beside the file that the content
    is for, which is removed.
    """
    aside = files.aside_of(beside)
    aside = aside.with_name(f"{aside.name}.keras")
    # Without its optimizer, which `clone_model` would copy.
    plain = type(network).from_config(network.get_config())
    plain.set_weights(network.get_weights())
    try:
        plain.save(aside)
        return aside.read_bytes()
    finally:
        files.remove(aside)
