# SPDX-License-Identifier: Apache-2.0
"""Generative Latent Flow: a deterministic autoencoder and a flow on its latents.

Xiao, Yan, Amit: Generative Latent Flow, 2019. https://arxiv.org/abs/1905.10485
"""

__all__ = ["GLF"]

from collections.abc import Mapping
from typing import Literal

import keras
import tensorflow as tf

from glf_tf import errors, types
from glf_tf.flows import flow as flow_lib
from glf_tf.models import autoencoder, checks
from glf_tf.priors import flow as flow_prior
from glf_tf.training import stages


@keras.saving.register_keras_serializable(package="glf_tf")
class GLF(autoencoder.AbstractAutoencoder):
    """An autoencoder whose latents are modelled by a flow, learned together.

        loss = mean(beta * recon(x, G(E(x))) + nll(f(stop_gradient(E(x)))))     (eq. 2)
        nll(f(z)) = -log N(f(z); 0, I) - log |det df/dz|                        (eq. 1)

    The likelihood never reaches the encoder: with the gradient stopped, autoencoder and
    flow share no parameter, and Adam divides the factor `beta` out again but for its
    `epsilon`, which is not multiplied: a `beta` of 64 with an `epsilon` of 64e-8 gives
    the bits of 1 with 1e-8. Clipping and weight decay would not divide it out either.
    Without the stop (regularised GLF) `beta` matters, and small values diverge.

    Ours: learned beside an encoder that moves, the flow lags behind. By default a
    closing stage learns it further on the codes of the finished encoder, with noise
    from a mixture that is fitted before it and once more after it, by expectation
    maximisation: 33 to 39 s a fit of 50 components to 60,000 codes, on a shared core.
    docs/results.md has what it is worth. `procedure="joint"` is the paper's.

    Args:
        image_shape: (height, width, channels).
        flow: The flow on the latents.
        beta: Weight of the reconstruction term.
        stop_gradient: Whether the flow's likelihood is kept from the encoder.
        procedure: "joint" learns both at once, as the paper does; "closing" then goes
            on with the flow alone; "two_stage" learns the flow after the autoencoder.
        components: Of the noise's mixture, where the flow has a stage of its own; 0 for
            N(0, I). See `FlowPrior`.
        **kwargs: As in `AbstractAutoencoder`.
    """

    def __init__(
        self,
        image_shape: types.ImageShape,
        *,
        flow: types.Flow = "real_nvp",
        beta: float = 1.0,
        stop_gradient: bool = True,
        procedure: Literal["closing", "joint", "two_stage"] = "closing",
        components: int = 10,
        name: str | None = "glf",
        **kwargs,
    ):
        super().__init__(image_shape, name=name, **kwargs)
        checks.at_least(
            "latent_dim", self.latent_dim, 2, why="for a coupling to halve it"
        )
        if procedure == "two_stage" and not stop_gradient:
            raise errors.InvalidValue(
                "Without the stop-gradient, autoencoder and flow are learned together",
                received=f"procedure={procedure!r}, stop_gradient={stop_gradient}",
                do='Use procedure="joint", or keep the stop-gradient',
            )
        self.beta = checks.not_negative("beta", beta)
        self.stop_gradient, self.procedure = stop_gradient, procedure
        self._prior = flow_prior.FlowPrior(
            self.latent_dim,
            flow=flow,
            components=0 if procedure == "joint" else components,
        )
        self.built = True

    @property
    def prior(self) -> flow_prior.FlowPrior:
        """The flow's density."""
        return self._prior

    @property
    def flow(self) -> flow_lib.AbstractFlow:
        """The flow on the latents."""
        return self._prior.flow

    def stages(self) -> tuple[stages.Stage, ...]:
        """Returns what the procedure says; "joint" has two optimisers, "noise" none."""
        ae = self.autoencoder_group
        flow = stages.Group("flow", layers=(self.prior,))
        joint = stages.Stage.of("joint", ae, flow)
        first = stages.Stage.of("autoencoder", ae)
        last = (stages.Stage.of("flow", flow),)
        if self.prior.fits_noise:
            last += (stages.Stage("noise"),)
        return {
            "joint": (joint,),
            "two_stage": (first, *last),
            "closing": (joint, *last),
        }[self.procedure]

    @property
    def term_weights(self) -> Mapping[str, Mapping[str, float]]:
        """The weights of eq. 2."""
        return {
            "joint": {"reconstruction": self.beta, "nll": 1.0},
            "autoencoder": {"reconstruction": self.beta},
            "flow": {"nll": 1.0},
        }

    def prepare(self, stage, data):
        """Fits the density of noise before the flow's own stage, and after it."""
        if stage.name in ("flow", "noise") and self.prior.fits_noise:
            self.prior.fit_noise(self.encode_all(data))

    def cache(self, stage, data):
        """Returns the codes for the stage that learns the flow alone."""
        return {"z": self.encode_all(data)} if stage.name == "flow" else None

    def terms(
        self, update: str, batch: types.Batch, *, seed: tf.Tensor, training: bool
    ) -> types.Terms:
        """Returns "reconstruction" and "nll" (nats), or one of them; each `[batch]`."""
        del seed  # nothing is drawn
        if update == "flow":
            return {"nll": -self.prior.log_prob(batch["z"], training=training)}
        z = self._encode(batch["image"], training=training)
        logits = self.decoder(z, training=training)
        terms = {"reconstruction": self.reconstruction(batch["image"], logits)}
        if update == "joint":
            # Protects the encoder: the flow would shrink its latents towards zero.
            z = tf.stop_gradient(z) if self.stop_gradient else z
            terms["nll"] = -self.prior.log_prob_of_normal(z, training=training)
        return terms
