# SPDX-License-Identifier: Apache-2.0
"""A variational autoencoder whose posterior is transformed by planar flows.

Rezende, Mohamed: Variational Inference with Normalizing Flows, 2015.
https://arxiv.org/abs/1505.05770
"""

__all__ = ["VAEFlowPosterior"]

from collections.abc import Mapping
from typing import Literal

import keras
import tensorflow as tf

from glf_tf import checks, parts, types
from glf_tf.bijectors import planar
from glf_tf.models import coders, variational
from glf_tf.priors import standard_normal
from glf_tf.training import stages as stages_lib


@keras.saving.register_keras_serializable(package="glf_tf")
class VAEFlowPosterior(variational.AbstractVariational):
    """A VAE with the prior N(0, I) and a posterior transformed by planar flows.

        z_0 ~ N(mean(x), scale(x)^2),  z = f_K(... f_1(z_0))
        log q(z | x) = log q_0(z_0 | x) - sum_k log |det df_k|            (eq. 13)
        loss = E[log q(z | x)] + E[recon(x, G(z))] - E[log p(z)]          (eq. 15)

    The loss is the negative ELBO. With warm-up, it is tempered by a weight `w` that
    increases from 0.01 to 1: "joint" weights all of log p(x, z), including the
    reconstruction (eq. 20); "kl" weights both terms of the KL divergence only. The ELBO
    without weights is measured in each case.

    Args:
        image_shape: (height, width, channels).
        flows: Number of planar flows.
        amortized: Whether the encoder adds an offset to the flows' parameters for each
            image; otherwise all images share them.
        warm_up: The terms that the warm-up weights.
        warm_up_steps: Steps in which the weight increases by 1.
        **kwargs: As in `AbstractAutoencoder`.
    """

    def __init__(
        self,
        image_shape: types.ImageShape,
        *,
        flows: int = 10,
        amortized: bool = True,
        warm_up: Literal["none", "joint", "kl"] = "none",
        warm_up_steps: int = 10_000,
        name: str | None = "vae_flow_posterior",
        **kwargs,
    ):
        checks.at_least("flows", flows, 1)
        checks.at_least("warm_up_steps", warm_up_steps, 1)
        super().__init__(image_shape, name=name, **kwargs)
        self._amortized, self._warm_up = amortized, warm_up
        self._ramp = stages_lib.Ramp(0.01, steps=warm_up_steps)
        self._flow_names = tuple(f"planar_{index}" for index in range(flows))
        # An attribute each: `tf.train.Checkpoint` does not track Keras' lists.
        for index, flow in enumerate(self._flow_names):
            setattr(self, flow, planar.Planar(self.latent_dim, seed=index, name=flow))
        self._prior = standard_normal.StandardNormalPrior(self.latent_dim)
        self.built = True

    @property
    def code_sizes(self) -> coders.Sizes:
        """Means, log-scales, and `2 * latent_dim + 1` numbers per amortised flow."""
        arguments = parts.arguments_of(self)
        moved = arguments["flows"] if arguments["amortized"] else 0
        return coders.Sizes(per_latent=2 + 2 * moved, extra=moved)

    @property
    def prior(self) -> standard_normal.StandardNormalPrior:
        """N(0, I)."""
        return self._prior

    @property
    def flows(self) -> list[planar.Planar]:
        """The planar flows, in the order of their application to samples."""
        return [getattr(self, name) for name in self._flow_names]

    def stages(self) -> tuple[stages_lib.Stage, ...]:
        """Returns a stage with two optimisers."""
        flow = stages_lib.Group("flow", layers=tuple(self.flows))
        joint = stages_lib.Stage.of(
            "joint",
            self.autoencoder_group,
            flow,
            terms=self._joint_terms,
            weights=self._joint_weights(),
        )
        return self.sharpened(joint)

    def _joint_weights(self) -> Mapping[str, stages_lib.Weight]:
        """Returns the weights; terms of weight 0 are only measured."""
        rising = {
            "none": (),
            "joint": ("reconstruction", "cross_entropy"),
            "kl": ("cross_entropy", "negative_entropy"),
        }[self._warm_up]
        minimised = ("reconstruction", "cross_entropy", "negative_entropy")
        weights = {name: self._ramp if name in rising else 1.0 for name in minimised}
        return {**weights, "kl": 0.0, "negative_elbo": 0.0}

    def _joint_terms(
        self, batch: types.Batch, *, seed: tf.Tensor, training: bool
    ) -> types.Terms:
        """Returns the terms of the ELBO in nats, `[batch]`.

        "cross_entropy" is -E[log p(z)] and "negative_entropy" is E[log q(z | x)]; "kl"
        is their sum, which is an estimate and can be negative for one image.
        """
        code = self.code(batch["image"], training=training)
        normal = self.normal_of(code)
        z, log_det = self._carry(
            normal.sample(self.noise_like(normal, seed=seed)), code
        )
        logits = self.decoder(z, training=training)
        terms = {
            "reconstruction": self.reconstruction(batch["image"], logits),
            "cross_entropy": -self.prior.log_prob(z),
            # The normal part in closed form, for less noise in the gradient.
            "negative_entropy": -normal.entropy() - log_det,
        }
        terms["kl"] = terms["cross_entropy"] + terms["negative_entropy"]
        terms["negative_elbo"] = terms["reconstruction"] + terms["kl"]
        return terms

    def _encode(self, image: tf.Tensor, *, training: bool = False) -> tf.Tensor:
        """Returns the means of the posterior's base, transformed by the flows."""
        code = self.code(image, training=training)
        return self._carry(self.normal_of(code).mean, code)[0]

    def sample_posterior(
        self, image: tf.Tensor, *, seed: types.Seed
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns latents `[batch, latent_dim]`, and log q(z | x) `[batch]`."""
        code = self.code(image)
        normal = self.normal_of(code)
        noise = self.noise_like(normal, seed=seed)
        z, log_det = self._carry(normal.sample(noise), code)
        return z, normal.log_prob_of_noise(noise) - log_det

    def latents_of(self, batch: types.Batch, *, seed: tf.Tensor) -> tf.Tensor:
        """Returns draws from the posteriors of a batch with its "code"."""
        normal = self.normal_of(batch["code"])
        drawn = normal.sample(self.noise_like(normal, seed=seed))
        return self._carry(drawn, batch["code"])[0]

    def _carry(self, z: tf.Tensor, code: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns latents transformed by the flows, and the sum of log-determinants.

        No flow needs to be inverted.
        """
        moves = [None] * len(self._flow_names)
        if self._amortized:
            moves = tf.split(code[:, 2 * self.latent_dim :], len(moves), axis=1)
        log_det = tf.zeros(tf.shape(z)[:1], z.dtype)
        for flow, move in zip(self.flows, moves, strict=True):
            bijector = flow.bijector(moved_by=move)
            log_det += bijector.forward_log_det_jacobian(z)
            z = bijector.forward(z)
        return z, log_det
