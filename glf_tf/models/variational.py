# SPDX-License-Identifier: Apache-2.0
"""The base class of variational autoencoders: a posterior and bounds of log p(x)."""

__all__ = ["AbstractVariational", "DiagonalNormal"]

import abc
import dataclasses
import math
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from glf_tf import errors, seeds, tracing, types
from glf_tf.data import image_set, pipeline
from glf_tf.models import autoencoder, coders, inputs

_AT_ONCE = 500
_HALF_LOG_2PI = 0.5 * math.log(2.0 * math.pi)


@dataclasses.dataclass(frozen=True)
class DiagonalNormal:
    """A normal distribution of each latent, `[batch, latent_dim]`.

    Attributes:
        mean: The means.
        log_scale: The logarithms of the standard deviations.
    """

    mean: tf.Tensor
    log_scale: tf.Tensor

    def sample(self, noise: tf.Tensor) -> tf.Tensor:
        """Returns `mean + scale * noise`, `[batch, latent_dim]`."""
        return self.mean + tf.exp(self.log_scale) * noise

    def log_prob_of_noise(self, noise: tf.Tensor) -> tf.Tensor:
        """Returns the log-density of `sample(noise)` in nats, `[batch]`."""
        return -tf.reduce_sum(
            self.log_scale + 0.5 * tf.square(noise) + _HALF_LOG_2PI, axis=-1
        )

    def entropy(self) -> tf.Tensor:
        """Returns the entropies in nats, `[batch]`."""
        return tf.reduce_sum(self.log_scale + 0.5 + _HALF_LOG_2PI, axis=-1)

    def kl_to_standard_normal(self) -> tf.Tensor:
        """Returns `KL(N(mean, scale^2) || N(0, I))` in nats, `[batch]`.

        sum(mean^2 + scale^2 - 1 - 2 log scale) / 2
        """
        variance = tf.exp(2.0 * self.log_scale)
        terms = tf.square(self.mean) + variance - 1.0 - 2.0 * self.log_scale
        return 0.5 * tf.reduce_sum(terms, axis=-1)


class AbstractVariational(autoencoder.AbstractAutoencoder):
    """An autoencoder whose encoder returns a distribution, q(z | x).

    The encoder's output is all means, then all log-scales, the logarithms of standard
    deviations. A user's encoder may also have two outputs, means and log-variances (see
    `adapters.Encoder`). `encode` returns the mean, which is decoded for
    reconstructions.
    """

    @property
    def code_sizes(self) -> coders.Sizes:
        """The size of the encoder's output: a mean and a log-scale per latent."""
        return coders.Sizes(per_latent=2)

    def code(self, image: tf.Tensor, *, training: bool = False) -> tf.Tensor:
        """Returns the encoder's output `[batch, code_dim]`: means and log-scales."""
        code = coders.apply(self.encoder, image, training=training)
        return tf.cast(code, self.reconstruction.compute_dtype)

    def normal_of(self, code: tf.Tensor) -> DiagonalNormal:
        """Returns the normal distribution of an encoder's output."""
        both = code[:, : 2 * self.latent_dim]
        return DiagonalNormal(*tf.split(both, 2, axis=-1))

    def base_posterior(
        self, image: tf.Tensor, *, training: bool = False
    ) -> DiagonalNormal:
        """Returns the distributions of images `[batch, height, width, channels]`."""
        return self.normal_of(self.code(image, training=training))

    def _encode(self, image: tf.Tensor, *, training: bool = False) -> tf.Tensor:
        """Returns the posterior's means: `[batch, latent_dim]`."""
        return self.base_posterior(image, training=training).mean

    def codes_of(self, data: image_set.ImageSet) -> Mapping[str, np.ndarray]:
        """Returns "code", the encoder's output of all images, `[size, code_dim]`.

        Latents are drawn from it at each step of a stage on finished codes.
        """
        batches = pipeline.evaluation_batches(data, batch_size=_AT_ONCE)
        codes = [self._traced_code(batch["image"]) for batch in batches]
        return {"code": np.concatenate(codes)}

    # TensorFlow keeps one trace per model, as long as the model exists.
    @tracing.method
    def _traced_code(self, image: tf.Tensor) -> tf.Tensor:
        return self.code(image)

    def latents_of(self, batch: types.Batch, *, seed: tf.Tensor) -> tf.Tensor:
        """Returns draws from the posteriors of a batch with its "code"."""
        posterior = self.normal_of(batch["code"])
        return posterior.sample(self.noise_like(posterior, seed=seed))

    def drawn_latents(
        self, image: tf.Tensor, *, seed: tf.Tensor, training: bool
    ) -> tf.Tensor:
        """Returns draws from the posteriors of images, `[batch, latent_dim]`."""
        posterior = self.base_posterior(image, training=training)
        return posterior.sample(self.noise_like(posterior, seed=seed))

    @abc.abstractmethod
    def sample_posterior(
        self, image: tf.Tensor, *, seed: types.Seed
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Draws a latent for each image.

        Returns:
            z: `[batch, latent_dim]`.
            log_prob: log q(z | x) in nats, `[batch]`.
        """

    def sample_normal(
        self, image: tf.Tensor, *, seed: types.Seed
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Computes `sample_posterior` `[batch, latent_dim]`, if it is normal."""
        posterior = self.base_posterior(image)
        noise = self.noise_like(posterior, seed=seed)
        return posterior.sample(noise), posterior.log_prob_of_noise(noise)

    def noise_like(self, posterior: DiagonalNormal, *, seed: types.Seed) -> tf.Tensor:
        """Returns standard normal noise for a posterior."""
        return tf.random.stateless_normal(
            tf.shape(posterior.mean), seed=seeds.make(seed), dtype=posterior.mean.dtype
        )

    def learned_prior_terms(
        self, batch: types.Batch, *, seed: tf.Tensor, training: bool
    ) -> types.Terms:
        """Returns the terms of the ELBO with a learned prior, `[batch]`, in nats.

        "reconstruction" is over visible pixels if the batch has a `mask`; "nll" is -log
        p(z), and "negative_entropy" is E[log q(z | x)]; "kl" is their sum, and
        "negative_elbo" that of all three.
        """
        image, mask = batch["image"], self.checked_mask(batch.get("mask"))
        seen = inputs.masked(image, mask)
        posterior = self.base_posterior(seen, training=training)
        z = posterior.sample(self.noise_like(posterior, seed=seed))
        logits = self.decoder(z, training=training)
        terms = {
            "reconstruction": self.reconstruction.of_visible(image, logits, mask),
            "nll": -self.prior.log_prob(z, training=training, **self._label_of(batch)),
            "negative_entropy": -posterior.entropy(),
        }
        terms["kl"] = terms["nll"] + terms["negative_entropy"]
        terms["negative_elbo"] = terms["reconstruction"] + terms["kl"]
        return terms

    def log_likelihood_bound(
        self, image: tf.Tensor, *, seed: types.Seed, num_samples: int
    ) -> tf.Tensor:
        """Returns a lower bound of log p(x) in nats, `[batch]`.

            log(1/K sum_k p(x | z_k) p(z_k) / q(z_k | x)),  z_k ~ q(z | x)

        With one sample it is the ELBO; it increases with the number of samples, and is
        exact in the limit. Burda, Grosse, Salakhutdinov: Importance Weighted
        Autoencoders, 2016, eq. 8. https://arxiv.org/abs/1509.00519

        Args:
            image: `[batch, height, width, channels]`.
            seed: A stateless seed.
            num_samples: K, at least 1.

        Raises:
            Unsupported: The reconstruction term is not a likelihood.
            InvalidValue: `num_samples` is less than 1.
        """
        self._check_bound(num_samples)
        image = inputs.images(image, shape=self.image_shape)

        def add(index, total):
            z, log_q = self.sample_posterior(image, seed=seeds.fold(seed, index))
            nll = self.reconstruction(image, self.decoder(z, training=False))
            log_weight = self.prior.log_prob(z) - nll - log_q
            return index + 1, tf.reduce_logsumexp([total, log_weight], axis=0)

        dtype = self.reconstruction.compute_dtype
        start = tf.fill(tf.shape(image)[:1], tf.constant(-math.inf, dtype))
        total = tf.while_loop(lambda index, _: index < num_samples, add, (0, start))[1]
        return total - math.log(num_samples)

    def _check_bound(self, num_samples: int) -> None:
        if num_samples < 1:
            raise errors.InvalidValue(
                "A bound of the likelihood needs at least 1 sample",
                received=f"num_samples={num_samples}",
                do="Use for instance num_samples=100",
            )
        if not self.reconstruction.is_likelihood:
            raise errors.Unsupported(
                "A bound of log p(x) needs a decoder that is a density",
                received=f"reconstruction {type(self.reconstruction).__name__}",
                do="Train with --reconstruction=gaussian or bernoulli",
            )
