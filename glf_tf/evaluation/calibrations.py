# SPDX-License-Identifier: Apache-2.0
"""Ranks of held-out latents among those that a model's prior draws."""

__all__ = ["Ranks", "ranks"]

import dataclasses

import numpy as np
import tensorflow as tf

from glf_tf import errors, seeds
from glf_tf.data import image_set
from glf_tf.evaluation import image_sources, likelihoods
from glf_tf.metrics import calibration
from glf_tf.models import autoencoder, base_model, density, variational
from glf_tf.priors import prior as prior_lib


@dataclasses.dataclass(frozen=True)
class Ranks:
    """How a prior is calibrated on latents.

    Attributes:
        regions: Of the regions of highest density.
        coordinates: Of each coordinate: of the noise where the prior is a map of noise,
            whatever the label; otherwise of the latents.
        draws: Number of draws among which latents are ranked.
    """

    regions: calibration.Calibration
    coordinates: tuple[calibration.Calibration, ...]
    draws: int

    def chance(self, *, curves: int) -> float:
        """Returns the largest distance of a right density, with probability 95 %."""
        return calibration.chance(len(self.regions.ranks), self.draws, curves=curves)


def ranks(
    model: base_model.AbstractModel,
    test: image_set.ImageSet,
    *,
    num_draws: int,
    seed: int,
) -> Ranks:
    """Returns how the prior of a model is calibrated on the latents of images.

    Draws are those of its density: they are not guided and not denoised, and latents
    have the noise of a prior that is smoothed.

    Args:
        model: An autoencoder. Latents are its codes, or one draw an image of the
            posterior of a variational model, as their distribution is what the prior is
            to match. Or a density of vectors, which are standardised.
        test: The images.
        num_draws: Draws of the prior.
        seed: Of the draws.

    Raises:
        Unsupported: The model has no encoder or no density of its latents.
        InvalidValue: A latent or its density is not finite.
    """
    if not isinstance(model, (density.Density, autoencoder.AbstractAutoencoder)):
        raise errors.Unsupported(
            "Calibration is that of a density of the latents of images",
            received=type(model).__name__,
            do="Leave calibration out of --metrics",
        )
    of_latents, of_draws, of_noise = seeds.split(seed, 3)

    def of_images(batch, index):
        if isinstance(model, variational.AbstractVariational):
            fold = seeds.fold(of_latents, index)
            z, *_ = model.sample_posterior(batch["image"], seed=fold)
        else:
            z = likelihoods.latents_of(model, batch)
        z = model.prior.with_noise(z, seed=seeds.fold(of_noise, index))
        return _statistics(model.prior, z)

    found = likelihoods.of_images(of_images, test)
    drawn = _of_draws(model.prior, count=num_draws, seed=of_draws)
    rank = calibration.ranks(found, drawn)
    return Ranks(
        # A region of highest density contains what is more likely than its border.
        regions=calibration.summary(1.0 - rank[:, 0]),
        coordinates=tuple(map(calibration.summary, rank[:, 1:].T)),
        draws=num_draws,
    )


def _statistics(prior: prior_lib.AbstractPrior, z: tf.Tensor) -> tf.Tensor:
    """Returns log-density and coordinates of latents, `[batch, 1 + latent_dim]`."""
    has_noise = prior.has_noise_space
    coordinates = prior.inverse(z) if has_noise else tf.cast(z, prior.compute_dtype)
    return tf.concat([prior.log_prob(z)[:, None], coordinates], axis=-1)


def _of_draws(
    prior: prior_lib.AbstractPrior, *, count: int, seed: tf.Tensor
) -> np.ndarray:
    """Returns the statistics of draws, `[count, 1 + latent_dim]`."""

    @tf.function(autograph=False)
    def chunk(index):
        fold = seeds.fold(seed, index)
        drawn = prior.sample_density(image_sources.CHUNK, seed=fold)
        return _statistics(prior, drawn)

    chunks = range(-(-count // image_sources.CHUNK))
    return np.concatenate([chunk(tf.constant(index)) for index in chunks])[:count]
