# SPDX-License-Identifier: Apache-2.0
"""Returns feature extractors by name."""

__all__ = ["NAMES", "described", "make"]

import pathlib

import numpy as np

from glf_tf import errors, resources
from glf_tf.data import image_set
from glf_tf.data import paths as paths_lib
from glf_tf.metrics.extractors import (
    channel_classifier,
    classifier,
    features,
    inception,
    names,
    network,
    random_convolutional,
)

NAMES = names.EXTRACTORS

_LEAST_GAIN = 1.5
"""Minimum accuracy of a useful classifier, as a multiple of chance."""


def make(
    name: str,
    *,
    train: image_set.ImageSet,
    test: image_set.ImageSet,
    paths: paths_lib.DataPaths,
    inception_graph: str = "",
) -> features.AbstractExtractor:
    """Returns a feature extractor.

    Args:
        name: "classifier", trained on the set's labels, or those of the channels that
            it stacks, and cached; "random_convolutional", which needs none; "auto" for
            the classifier if the set has labels, otherwise the latter; "inception"; or
            a file, as `names.file_of` reads it.
        train: The training images, with labels for the classifier.
        test: The test images, with labels for the classifier.
        paths: The cache, and whether downloads are allowed.
        inception_graph: File of the 2015 graph; "" for that in the cache.

    Raises:
        InvalidValue: There is no such extractor, or its network takes no such images.
        Unsupported: The set has no images, or no labels to train the classifier on.
        NotFound: The graph or the file was not found.
    """
    names.check(name)
    train = image_set.checked(train, by="Extractors of features")
    if file := names.file_of(name):
        return network.NetworkExtractor(file, image_shape=train.image_shape)
    if name == "inception":
        graph = pathlib.Path(inception_graph).expanduser() if inception_graph else None
        return inception.Inception(
            graph or inception.find_graph(paths.cache_dir, download=paths.download)
        )
    has_labels = train.labels is not None and test.labels is not None
    is_classified = (
        has_labels
        and np.isin(test.labels, train.labels).all()
        and _missing_stacks(train) == 0
    )
    if name == "random_convolutional" or (name == "auto" and not is_classified):
        return random_convolutional.RandomConvolutional(train.image_shape[-1])
    _check(train, has_labels=has_labels)
    return _classifier(train, test=test, paths=paths)


def _classifier(
    train: image_set.ImageSet, *, test: image_set.ImageSet, paths: paths_lib.DataPaths
) -> features.AbstractClassifier:
    if train.channel_set is not None:
        return channel_classifier.ChannelClassifier(
            _classifier(train.channel_set, test=test.channel_set, paths=paths),
            channels=train.image_shape[-1],
            dataset=train.name,
        )
    return classifier.load_or_fit(
        paths.cache_dir / "classifiers",
        dataset=train.name,
        train=(train.images, _numbered(train.labels, of=train)),
        test=(test.images, _numbered(test.labels, of=train)),
        shipped=[resources.CLASSIFIERS],
    )


def _check(train: image_set.ImageSet, *, has_labels: bool) -> None:
    if not has_labels:
        raise errors.Unsupported(
            "The classifier needs a data set with labels",
            received=f"{train.name}, which has none",
            do="Use --extractor=random_convolutional or inception",
        )
    if missing := _missing_stacks(train):
        raise errors.Unsupported(
            "The classifier of channels needs each combination of their labels",
            received=f"{train.name}, in which {missing:,} are missing",
            do="Use more training images, or --extractor=random_convolutional",
        )


def _missing_stacks(train: image_set.ImageSet) -> int:
    """Returns how many combinations of labels no image stacks, if images are stacks."""
    if train.channel_set is None:
        return 0
    classes = len(np.unique(train.channel_set.labels))
    return classes ** train.image_shape[-1] - len(np.unique(train.labels))


def _numbered(labels: np.ndarray, *, of: image_set.ImageSet) -> np.ndarray:
    """Returns labels numbered from 0 if a class of the training set is left out."""
    classes = np.unique(of.labels)
    if not np.isin(labels, classes).all():
        return labels  # the classifier raises an error
    return np.searchsorted(classes, labels)


def described(extractor: features.AbstractExtractor) -> str:
    """Returns a line about an extractor, with a classifier's accuracy."""
    line = f"features of {extractor.name}, {extractor.dim} dimensions"
    if not isinstance(extractor, features.AbstractClassifier):
        return f"{line}, checksum {extractor.checksum}"
    line += f", accuracy {100 * extractor.accuracy:.2f} %"
    if extractor.accuracy > _LEAST_GAIN / extractor.classes:
        return line
    chance = f"chance is {100 / extractor.classes:.2f} %"
    advice = "distances mean little; --extractor=random_convolutional needs no labels"
    return f"{line}: {chance}, so that {advice}"
