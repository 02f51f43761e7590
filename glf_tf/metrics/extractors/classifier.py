# SPDX-License-Identifier: Apache-2.0
"""A small classifier as feature extractor, for machines without the Inception graph.

Its features distinguish the classes of one data set, at its resolution, for which the
ImageNet features of the FID are not well suited. Their distances compare models on that
data set only; they are named after the classifier, `FD-classifier(mnist)`, and not FID.

The features are the 128 activations (after ReLU) before the last layer.
"""

__all__ = ["DIM", "LabelledImages", "Classifier", "build", "load_or_fit"]

import pathlib
import warnings
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from glf_tf import seeds, types
from glf_tf.metrics import archive, digest, statistics_cache
from glf_tf.metrics.extractors import classifier_training, features

DIM = 128
KIND = "classifier weights"
VERSION = 1
"""Increased when network or training change; features of two versions differ."""

LabelledImages = classifier_training.LabelledImages


class Classifier(features.AbstractClassifier):
    """Features of a trained classifier."""

    def __init__(
        self,
        network: keras.Sequential,
        *,
        dataset: str,
        accuracy: float,
        batch_size: int = 500,
    ):
        """Initializes the extractor; see `load_or_fit`.

        Args:
            network: A trained network of `build`.
            dataset: The name of its training set.
            accuracy: Accuracy on the test images.
            batch_size: Images per batch.
        """
        weights = [digest.of_array(np.asarray(w)) for w in network.get_weights()]
        super().__init__(
            name=f"classifier({dataset})",
            checksum=digest.of_text(" ".join(weights)),
            dim=DIM,
            batch_size=batch_size,
        )
        self.accuracy, self.classes = accuracy, network.output_shape[-1]
        self._trunk = tf.function(
            keras.Sequential(network.layers[:-1]), reduce_retracing=True
        )
        self._head = network.layers[-1]

    def classify(self, images: np.ndarray) -> np.ndarray:
        """Returns the class with the largest logit; see `AbstractClassifier`."""
        return np.argmax(self._head(self(images)), axis=-1)

    def _extract(self, images: np.ndarray) -> types.Tensor:
        return self._trunk(tf.constant(images))


def build(
    image_shape: types.ImageShape, *, classes: int, seed: types.Seed
) -> keras.Sequential:
    """Returns the untrained network, from images in [0, 1] to logits `[n, classes]`."""
    *kernels, dropout = [seeds.of_keras(part) for part in seeds.split(seed, num=5)]
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input(image_shape),
            *_convolution(24, seed=kernels[0]),
            *_convolution(48, seed=kernels[1]),
            layers.Flatten(),
            layers.Dense(DIM, "relu", kernel_initializer=_initializer(kernels[2])),
            layers.Dropout(0.3, seed=dropout),
            layers.Dense(classes, kernel_initializer=_initializer(kernels[3])),
        ]
    )


def load_or_fit(
    cache_dir: pathlib.Path,
    *,
    dataset: str,
    train: LabelledImages,
    test: LabelledImages,
    seed: int = 0,
    epochs: int = 5,
    shipped: Sequence[pathlib.Path] = (),
) -> Classifier:
    """Returns the classifier of a data set from a file, or trains and caches it.

    Two that are trained on different processors differ, and so do their distances.

    Args:
        cache_dir: The folder of the cache.
        dataset: The name of the data set.
        train: Images `[size, height, width, channels]`, uint8 or floats in [0, 1], and
            labels `[size]`, counted from 0.
        test: Test images and labels for the accuracy, `[size, height, width, channels]`
            and `[size]`.
        seed: Of weights, order and dropout.
        epochs: Passes over the training images.
        shipped: Folders of classifiers that come before the cache, for reading alone.

    Raises:
        InvalidValue: The images or labels are not fit.
    """
    classifier_training.check(train, test=test)
    classes = int(train[1].max()) + 1
    network = build(train[0].shape[1:], classes=classes, seed=seed)
    # Of what it learned from alone, so that it is the same for all held-out images.
    name = _file_name(train, settings=f"{seed} {epochs}")
    path = pathlib.Path(cache_dir).expanduser() / name
    places = (*(folder / name for folder in shipped), path)
    if not any(_load(place, network=network) for place in places):
        classifier_training.fit(network, train=train, seed=seed, epochs=epochs)
        _save(path, network=network)
    accuracy = classifier_training.accuracy(network, test=test)
    return Classifier(network, dataset=dataset, accuracy=accuracy)


def _convolution(filters: int, *, seed: int) -> list[keras.layers.Layer]:
    layers = keras.layers
    kernel = _initializer(seed)
    return [
        layers.Conv2D(
            filters, 3, padding="same", use_bias=False, kernel_initializer=kernel
        ),
        layers.MaxPooling2D(padding="same"),
        # The default momentum of 0.99 is too slow for the few steps of this training.
        layers.BatchNormalization(momentum=0.9),
        layers.ReLU(),
    ]


def _initializer(seed: int) -> keras.Initializer:
    return keras.initializers.GlorotUniform(seed=seed)


def _file_name(data: tuple[np.ndarray, ...], *, settings: str) -> str:
    parts = [digest.of_array(np.asarray(array)) for array in data]
    return f"classifier-{digest.of_text(' '.join([*parts, settings]))}.npz"


def _load(path: pathlib.Path, *, network: keras.Sequential) -> bool:
    """Fills the network from a file, if there is one of use; returns whether."""
    try:
        found = archive.find(path, kind=KIND, version=VERSION)
        if found is None:
            return False
        _fill(network, found[0], path=path)
        return True
    except archive.StaleArchive as error:
        warnings.warn(str(error), statistics_cache.StaleCacheWarning, stacklevel=3)
        return False


def _fill(network: keras.Sequential, arrays, *, path: pathlib.Path) -> None:
    """Assigns the weights of an archive."""
    weights = [arrays.get(f"weight_{i}") for i in range(len(arrays))]
    shapes = [array.shape for array in network.get_weights()]
    are_right = [getattr(array, "shape", None) for array in weights] == shapes and all(
        array.dtype == np.float32 and np.isfinite(array).all() for array in weights
    )
    if not are_right:
        raise archive.StaleArchive(
            "A classifier's file holds its weights",
            received=f"{path}, which holds something else",
            do="Delete it; it will be made anew",
        )
    network.set_weights(weights)


def _save(path: pathlib.Path, *, network: keras.Sequential) -> None:
    weights = network.get_weights()
    archive.keep(
        path,
        kind=KIND,
        version=VERSION,
        arrays={f"weight_{i}": weight for i, weight in enumerate(weights)},
        about={},
    )
