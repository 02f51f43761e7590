# SPDX-License-Identifier: Apache-2.0
"""A block of TarFlow: tokens of vectors are transformed depending on those before them.

Zhai, Zhang, Nakkiran, Berthelot, Gu, Zheng, Chen, Bautista, Jaitly, Susskind:
Normalizing Flows are Capable Generative Models, 2024. https://arxiv.org/abs/2412.06329
"""

__all__ = ["TransformerAutoregressive"]

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from glf_tf.bijectors import autoregressive, coupling, step
from glf_tf.bijectors import guidance as guidance_lib
from glf_tf.bijectors.conditioners import causal_transformer

tfb = tfp.bijectors


class _Standardization:
    """Functions `y = (x - mean) * exp(-log_scale)` of one number, of bounded scale."""

    def __init__(self, parameters: tf.Tensor):
        """Initializes the functions by means and raw log-scales, `[..., 2]`."""
        self._mean, raw = tf.unstack(parameters, axis=-1)
        self._log_scale = coupling.soft_clamp(raw)

    def forward_and_log_slope(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns `y`, and `log dy/dx`, of the shape of `x`."""
        return (x - self._mean) * tf.exp(-self._log_scale), -self._log_scale

    def inverse_and_log_slope(self, y: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns `x`, and `log dx/dy`, of the shape of `y`."""
        return y * tf.exp(self._log_scale) + self._mean, self._log_scale


@keras.saving.register_keras_serializable(package="glf_tf")
class TransformerAutoregressive(step.AbstractFlowStep):
    """An autoregressive step whose parameters are those of a `CausalTransformer`.

    Towards noise, for all tokens i at once,

        eps[i] = (x[i] - mu[i]) * exp(-alpha[i]),  mu[i], alpha[i] of x[0] to x[i - 1]

    Towards data, tokens are found one after the other. It starts as the identity.

    Deviation: log-scales alpha are bounded as those of couplings are, `2 * 0.636 *
        atan(raw)` in (-2, 2), so that no sample can overflow. Guidance is that of raw
        log-scales, and keeps the bound.
    """

    is_guidable = True

    def __init__(
        self,
        event_dim: int,
        *,
        token_dim: int = 4,
        hidden: int = 64,
        depth: int = 2,
        head_dim: int = 32,
        dropout: float = 0.0,
        seed: int = 0,
        **kwargs,
    ):
        """Initializes the step and its variables.

        Args:
            event_dim: Size of the vectors.
            token_dim: Number of coordinates of a token; the last may have fewer.
            hidden: Width of the transformer.
            depth: Number of its layers.
            head_dim: Width of a head of attention, which divides `hidden`.
            dropout: Share of what a layer adds that is set to zero in training.
            seed: Seed of dropout.
            **kwargs: As in `AbstractFlowStep`.
        """
        super().__init__(event_dim, **kwargs)
        with keras.name_scope(self.name):
            self.network = causal_transformer.CausalTransformer(
                event_dim,
                2,
                token_dim=token_dim,
                hidden=hidden,
                depth=depth,
                head_dim=head_dim,
                dropout=dropout,
                condition_dim=self.condition_dim,
                seed=seed,
                dtype=self.dtype_policy,
                name="network",
            )
        self.built = True

    def bijector(
        self,
        *,
        training: bool = False,
        condition: tf.Tensor | None = None,
        guidance: float | tf.Tensor = 1.0,
    ) -> tfb.Bijector:
        """Returns a fresh bijector from noise to data.

        Args:
            training: Whether there is dropout.
            condition: `[batch, condition_dim]`, one-hot labels if there is guidance.
            guidance: 1 for none; see `GuidedNetwork`.
        """
        network, is_guided = self.network, guidance_lib.has_effect(guidance)

        def given(x: tf.Tensor) -> tf.Tensor:
            if not is_guided:
                return self.conditioned(x, condition)
            none = guidance_lib.no_label(condition)
            both = [self.conditioned(x, each) for each in (condition, none)]
            return tf.concat(both, axis=0)

        if is_guided:
            network = guidance_lib.GuidedNetwork(network, guidance=guidance)
        return autoregressive.AutoregressiveBijector(
            network, _Standardization, given_fn=given, training=training
        )
