# SPDX-License-Identifier: Apache-2.0
"""Makes the feature extractor that a name stands for."""

__all__ = ["NAMES", "described", "make"]

import pathlib

import numpy as np

from glf_tf import errors
from glf_tf.data import dataset, image_set
from glf_tf.metrics import classifier, features, inception

NAMES = ("classifier", "inception")


def make(
    name: str,
    *,
    train: image_set.ImageSet,
    test: image_set.ImageSet,
    places: dataset.Places,
    inception_graph: str = "",
) -> features.AbstractExtractor:
    """Returns a feature extractor.

    Args:
        name: "classifier", trained on the set's labels and cached, or "inception".
        train: The training images, with labels for the classifier.
        test: The test images, likewise.
        places: Where to cache, and whether the network may be used.
        inception_graph: Where the 2015 graph is; "" to look in the cache.

    Raises:
        InvalidValue: There is no such extractor.
        Unsupported: The set has no labels to train the classifier on.
        NotFound: The graph is nowhere.
    """
    if name == "inception":
        graph = pathlib.Path(inception_graph).expanduser() if inception_graph else None
        return inception.Inception(
            graph or inception.find_graph(places.cache_dir, download=places.download)
        )
    if name != "classifier":
        raise errors.InvalidValue(
            "The extractor must be one that the library has",
            received=f"extractor={name!r}",
            do=errors.suggestion(name, NAMES),
        )
    if train.labels is None or test.labels is None:
        raise errors.Unsupported(
            "The classifier is trained on a data set's labels",
            received=f"{train.name}, which has none",
            do="Use --extractor=inception",
        )
    return classifier.load_or_fit(
        places.cache_dir / "classifiers",
        dataset=train.name,
        train=(train.images, _numbered(train.labels, of=train)),
        test=(test.images, _numbered(test.labels, of=train)),
    )


def _numbered(labels: np.ndarray, *, of: image_set.ImageSet) -> np.ndarray:
    """Returns labels numbered from 0, where a class of the training set is left out."""
    classes = np.unique(of.labels)
    if not np.isin(labels, classes).all():
        return labels  # which the classifier refuses
    return np.searchsorted(classes, labels)


def described(extractor: features.AbstractExtractor) -> str:
    """Returns a line about an extractor, with a classifier's test accuracy."""
    line = f"features of {extractor.name}, {extractor.dim} dimensions"
    if isinstance(extractor, classifier.Classifier):
        return f"{line}, test accuracy {100 * extractor.accuracy:.2f} %"
    return f"{line}, checksum {extractor.checksum}"
