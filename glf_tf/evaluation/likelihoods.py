# SPDX-License-Identifier: Apache-2.0
"""Likelihoods of test images under a model: of their latents, and a bound."""

__all__ = ["bound", "latents"]

import math
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from glf_tf import errors, seeds
from glf_tf.data import image_set, pipeline
from glf_tf.evaluation import image_sources
from glf_tf.metrics import likelihood
from glf_tf.models import autoencoder, variational
from glf_tf.models import model as model_lib


def latents(
    model: autoencoder.AbstractAutoencoder, test: image_set.ImageSet
) -> likelihood.Likelihood:
    """Returns the negative log-density of the images' latents under the prior."""
    log_prob = _of_images(
        lambda image, index: model.log_prob(model.encode(image)), test
    )
    return likelihood.negative_log_likelihood(log_prob, dim=model.latent_dim)


def bound(
    model: model_lib.GenerativeModel,
    test: image_set.ImageSet,
    *,
    num_samples: int,
    seed: int,
) -> likelihood.Likelihood:
    """Returns an importance-weighted bound on -log p(image).

    Args:
        model: A variational model.
        test: The images.
        num_samples: Samples of the posterior an image.
        seed: Of these samples.

    Raises:
        Unsupported: It is no variational model.
    """
    if not isinstance(model, variational.AbstractVariational):
        raise errors.Unsupported(
            "A bound of log p(x) is that of a variational model",
            received=type(model).__name__,
            do="Leave bound out of --metrics",
        )
    log_prob = _of_images(
        lambda image, index: model.log_likelihood_bound(
            image, seed=seeds.fold(seed, index), num_samples=num_samples
        ),
        test,
    )
    dim = math.prod(test.image_shape)
    return likelihood.negative_log_likelihood(log_prob, dim=dim)


def _of_images(function: Callable, images: image_set.ImageSet) -> np.ndarray:
    """Returns a number an image, from a function of images and their batch's index."""
    traced = tf.function(function, autograph=False, reduce_retracing=True)
    batches = pipeline.evaluation_batches(images, batch_size=image_sources.CHUNK)
    return np.concatenate(
        [
            traced(batch["image"], tf.constant(index))
            for index, batch in enumerate(batches)
        ]
    )
