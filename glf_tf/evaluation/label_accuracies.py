# SPDX-License-Identifier: Apache-2.0
"""Whether a model that is conditional on labels knows what they mean."""

__all__ = ["check", "of_bayes_rule", "of_samples"]

import numpy as np

from glf_tf import types
from glf_tf.data import image_set
from glf_tf.evaluation import image_sources, likelihoods
from glf_tf.metrics.extractors import features
from glf_tf.models import label_inputs
from glf_tf.models import model as model_lib


def of_bayes_rule(
    model: model_lib.GenerativeModel, test: image_set.ImageSet
) -> np.ndarray:
    """Returns whether the most likely label of each image is its own, bool `[size]`.

    The model's density is the classifier: p(y | x) by the rule of Bayes.

    Args:
        model: A model that is conditional on labels.
        test: Images with labels.

    Raises:
        InvalidValue: There are no labels, or one is none of the model's.
        Unsupported: The model takes no labels.
    """
    check(model, test)
    example = test.noun.removesuffix("s")
    found = likelihoods.of_images(
        lambda batch, index: model.label_log_probs(batch[example]), test
    )
    return np.argmax(found, axis=-1) == test.labels


def of_samples(
    source: image_sources.ModelSamples,
    *,
    classifier: features.AbstractClassifier,
    train: image_set.ImageSet,
    samples: int,
    seed: types.Seed,
) -> np.ndarray:
    """Returns the share of samples of each label that a classifier finds to be of it.

    Args:
        source: Samples of a model that is conditional on labels.
        classifier: A classifier of the training images.
        train: The images that it was trained on, with labels.
        samples: Number of samples of each label.
        seed: A stateless seed.

    Returns:
        Shares `[number of labels that the training images have]`, in their order.

    Raises:
        InvalidValue: A label is none of the model's.
        Unsupported: The model takes no labels.
    """
    classes = np.unique(train.labels)  # the classifier numbers these
    wanted = np.repeat(np.arange(len(classes)), samples)
    batches = source.draw(len(wanted), seed=seed, labels=classes[wanted].tolist())
    found = np.concatenate([classifier.classify(images) for images in batches])
    return np.mean(np.reshape(found == wanted, [len(classes), samples]), axis=1)


def check(model: model_lib.GenerativeModel, images: image_set.ImageSet) -> None:
    """Checks that a model is conditional on labels, and that images have them.

    Raises:
        InvalidValue: There are no labels, or one is none of the model's.
        Unsupported: The model takes no labels.
    """
    label_inputs.check_conditional(
        model.num_classes, received=f"{type(model).__name__} without them"
    )
    model.check_labels(images)
