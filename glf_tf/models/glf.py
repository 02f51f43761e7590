# SPDX-License-Identifier: Apache-2.0
"""Generative Latent Flow: a deterministic autoencoder and a flow on its latents.

Xiao, Yan, Amit: Generative Latent Flow, 2019. https://arxiv.org/abs/1905.10485
"""

__all__ = ["GLF"]

from typing import Literal

import keras
import tensorflow as tf

from glf_tf import checks, errors, signatures, types
from glf_tf.flows import flow as flow_lib
from glf_tf.models import autoencoder, latent
from glf_tf.priors import flow as flow_prior
from glf_tf.training import stages

_OF_PRIOR = signatures.defaults(flow_prior.FlowPrior)


@keras.saving.register_keras_serializable(package="glf_tf")
class GLF(autoencoder.AbstractAutoencoder):
    """An autoencoder whose latents are modelled by a flow, learned together.

        loss = mean(beta * recon(x, G(E(x))) + nll(f(stop_gradient(E(x)))))     (eq. 2)
        nll(f(z)) = -log N(f(z); 0, I) - log |det df/dz|                        (eq. 1)

    The gradient of the likelihood does not reach the encoder: with the gradient
    stopped, autoencoder and flow share no parameter, and Adam divides the factor `beta`
    out again but for its `epsilon`, which is not multiplied: a `beta` of 64 with an
    `epsilon` of 64e-8 gives the bits of 1 with 1e-8. Clipping and weight decay would
    not divide it out either. Without the stop (regularised GLF) `beta` matters, and
    small values diverge.

    Ours: learned beside an encoder that moves, the flow lags behind. By default a
    closing stage learns it further on the codes of the finished encoder, with noise
    from a mixture that is fitted before it and once more after it, by expectation
    maximisation: 5 to 7 s of one core a fit of 50 components to 60,000 codes of 20
    numbers. docs/results.md has its effect. `procedure="joint"` is the paper's.

    Args:
        image_shape: (height, width, channels).
        flow: The flow on the latents.
        beta: Weight of the reconstruction term.
        stop_gradient: Whether to stop the likelihood's gradient before the encoder.
        procedure: "joint" trains both at once, as in the paper; "closing" then
            continues with the flow alone; "two_stage" trains the flow after the
            autoencoder.
        noise: The density of the flow's noise. One that is fitted without gradients
            needs a stage of the flow's own; before it, the noise is N(0, I).
        components: Number of components of the mixture that takes the place of noise
            from N(0, I), and of no other, if the flow has its own stage; 0 for none.
            See `FlowPrior`.
        num_classes: Number of labels, 0 to `num_classes - 1`, that the flow depends on;
            0 for none.
        smoothing: Noise on codes in the stage of the flow's own, as in `FlowPrior`.
        denoising: Whether samples are denoised, if there is such noise.
        label_dropout: Share of labels that the flow is not given in its own stage, for
            guidance.
        guidance: Factor on what a label changes in samples of flows that can, as
            `tarflow`.
        **kwargs: As in `AbstractAutoencoder`.
    """

    takes_critic = True

    def __init__(
        self,
        image_shape: types.ImageShape,
        *,
        flow: types.Flow = "real_nvp",
        beta: float = 1.0,
        stop_gradient: bool = True,
        procedure: Literal["closing", "joint", "two_stage"] = "closing",
        noise: types.Prior = "standard_normal",
        components: int = 10,
        num_classes: int = 0,
        smoothing: float = _OF_PRIOR["smoothing"],
        denoising: bool = _OF_PRIOR["denoising"],
        label_dropout: float = _OF_PRIOR["label_dropout"],
        guidance: float = _OF_PRIOR["guidance"],
        name: str | None = "glf",
        **kwargs,
    ):
        super().__init__(image_shape, name=name, **kwargs)
        if procedure == "two_stage" and not stop_gradient:
            raise errors.InvalidValue(
                "Without the stop-gradient, both must be trained together",
                received=f"procedure={procedure!r}, stop_gradient={stop_gradient}",
                do='Use procedure="joint", or keep the stop-gradient',
            )
        self.beta = checks.not_negative("beta", beta)
        self.stop_gradient, self.procedure = stop_gradient, procedure
        self.num_classes = checks.at_least("num_classes", num_classes, 0)
        self._prior = flow_prior.FlowPrior(
            self.latent_dim,
            flow=flow,
            noise=noise,
            components=0 if procedure == "joint" else components,
            num_classes=num_classes,
            smoothing=smoothing,
            denoising=denoising,
            label_dropout=label_dropout,
            guidance=guidance,
        )
        if procedure == "joint":
            latent.check_learned(self._prior)
            _check_all_labels(label_dropout)
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
        """Returns the stages; "joint" has two optimisers, "noise" none."""
        ae = self.autoencoder_group
        flow = stages.Group("flow", layers=(self.prior,))
        joint = self.reconstructing(
            "joint",
            ae,
            flow,
            terms=self._joint_terms,
            weights={"reconstruction": self.beta, "nll": 1.0},
            prepare=self._start_prior,
        )
        if self.procedure == "joint":
            return self.sharpened(joint)
        if self.procedure == "closing":
            return self.sharpened(joint, *self.stages_on_codes(flow))
        first = self.reconstructing(
            "autoencoder",
            ae,
            terms=self._autoencoder_terms,
            weights={"reconstruction": self.beta},
        )
        return self.sharpened(first, *self.stages_on_codes(flow))

    def _joint_terms(
        self, batch: types.Batch, *, seed: tf.Tensor, training: bool
    ) -> types.Terms:
        """Returns "reconstruction" and "nll" (nats) of eq. 2, each `[batch]`."""
        z = self._encode(batch["image"], training=training)
        terms = self._reconstruction_terms(batch, z, seed=seed, training=training)
        # Protects the encoder, whose latents the flow would shrink towards zero.
        z = tf.stop_gradient(z) if self.stop_gradient else z
        is_normal = self.prior.fits_noise
        log_prob = self.prior.log_prob_of_normal if is_normal else self.prior.log_prob
        terms["nll"] = -log_prob(z, training=training, **self._label_of(batch))
        return terms

    def _autoencoder_terms(
        self, batch: types.Batch, *, seed: tf.Tensor, training: bool
    ) -> types.Terms:
        """Returns "reconstruction", `[batch]`."""
        z = self._encode(batch["image"], training=training)
        return self._reconstruction_terms(batch, z, seed=seed, training=training)

    def _reconstruction_terms(
        self, batch: types.Batch, z: tf.Tensor, *, seed: tf.Tensor, training: bool
    ) -> types.Terms:
        logits = self.decoder(z, training=training)
        how = {"seed": seed, "training": training}
        return dict(self.reconstruction.terms(batch["image"], logits, **how))


def _check_all_labels(dropout: float) -> None:
    """Checks that no labels are dropped where the flow has no stage of its own.

    Raises:
        InvalidValue: Some are.
    """
    if dropout:
        raise errors.InvalidValue(
            "Labels are dropped in a stage of the flow's own, on finished codes",
            received=f"label_dropout={dropout}, procedure='joint'",
            do="Use procedure='closing' or 'two_stage', or label_dropout=0",
        )
