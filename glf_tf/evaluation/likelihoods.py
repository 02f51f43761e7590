# SPDX-License-Identifier: Apache-2.0
"""Likelihoods of test images under a model: of their latents, and bounds."""

__all__ = [
    *("bits_per_dim", "bound", "latents", "latents_of"),
    *("of_images", "solver_error"),
]

import math
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from glf_tf import errors, seeds, types
from glf_tf.data import example_set, image_set, pipeline
from glf_tf.evaluation import image_sources
from glf_tf.metrics import likelihood
from glf_tf.models import autoencoder, base_model, density, image_flow, variational
from glf_tf.tasks import reconstruct


def latents(
    model: base_model.AbstractModel, test: image_set.ImageSet
) -> likelihood.Likelihood:
    """Returns the negative log-density of the images' latents under the prior.

    That of a density of vectors is of the vectors themselves.

    Raises:
        Unsupported: The model has no encoder, or no density of its latents.
    """
    if isinstance(model, density.Density):
        log_prob = of_images(lambda batch, _: model.log_prob(batch["vector"]), test)
        return likelihood.negative_log_likelihood(log_prob, dim=model.event_dim)
    reconstruct.as_autoencoder(model)
    if not isinstance(model, autoencoder.AbstractAutoencoder):
        raise errors.Unsupported(
            "A likelihood of latents needs a model that has learned their density",
            received=type(model).__name__,
            do="Leave nll out of --metrics; flows on images have bits_per_dim",
        )
    log_prob = of_images(
        lambda batch, index: model.log_prob(model.encode(batch["image"])), test
    )
    return likelihood.negative_log_likelihood(log_prob, dim=model.latent_dim)


def latents_of(model: base_model.AbstractModel, batch: types.Batch) -> tf.Tensor:
    """Returns what a prior is a density of: codes, or standardised vectors."""
    if isinstance(model, density.Density):
        return model.standardized(batch["vector"])
    return model.encode(batch["image"])


def solver_error(
    model: base_model.AbstractModel, test: image_set.ImageSet
) -> float | None:
    """Returns the solver's error in the likelihood of latents, in nats.

    Of at most 500 images, on average; None of a prior whose density needs no solver.
    """
    if not model.prior.has_solver:
        return None
    error = of_images(
        lambda batch, _: model.prior.solver_error(latents_of(model, batch)),
        test.take(image_sources.CHUNK),
    )
    return float(np.mean(error))


def bound(
    model: base_model.AbstractModel,
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
    return _bound(
        lambda batch, index: model.log_likelihood_bound(
            batch["image"], seed=seeds.fold(seed, index), num_samples=num_samples
        ),
        test,
    )


def bits_per_dim(
    model: base_model.AbstractModel,
    test: image_set.ImageSet,
    *,
    num_draws: int,
    seed: int,
) -> likelihood.Likelihood:
    """Returns a bound on -log p(image) of images with whole numbers, and its bits.

    All numbers of the images are scored, and nothing that was added to them.

    Args:
        model: A flow on images.
        test: The images; a model that is conditional on labels is given theirs, if
            there are any.
        num_draws: Draws of the dequantisation's noise an image.
        seed: Of the noise.

    Raises:
        Unsupported: It is no flow on images.
        InvalidValue: A label is none of the model's.
    """
    if not isinstance(model, image_flow.ImageFlow):
        raise errors.Unsupported(
            "Bits per dimension are those of a flow on images",
            received=type(model).__name__,
            do="Leave bits_per_dim out of --metrics",
        )
    has_labels = model.num_classes and test.labels is not None
    if has_labels:
        model.check_labels(test)

    def log_prob(batch, index):
        return model.log_prob(
            batch["image"],
            label=batch["label"] if has_labels else None,
            seed=seeds.fold(seed, index),
            num_draws=num_draws,
        )

    return _bound(log_prob, test)


def _bound(function: Callable, test: image_set.ImageSet) -> likelihood.Likelihood:
    """Returns minus a bound of images' log-probabilities, from `of_images`."""
    dim = math.prod(test.image_shape)
    return likelihood.negative_log_likelihood(of_images(function, test), dim=dim)


def of_images(function: Callable, images: example_set.AbstractExampleSet) -> np.ndarray:
    """Returns numbers of each example, from a function of a batch and its index."""
    traced = tf.function(function, autograph=False, reduce_retracing=True)
    batches = pipeline.evaluation_batches(images, batch_size=image_sources.CHUNK)
    return np.concatenate(
        [traced(batch, tf.constant(index)) for index, batch in enumerate(batches)]
    )
