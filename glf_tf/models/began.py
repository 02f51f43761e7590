# SPDX-License-Identifier: Apache-2.0
"""BEGAN: the critic is an autoencoder, which reconstructs real images better.

Berthelot, Schumm, Metz: BEGAN: Boundary Equilibrium Generative Adversarial Networks,
2017. https://arxiv.org/abs/1703.10717
"""

__all__ = ["BEGAN"]

from collections.abc import Mapping
from typing import Literal

import keras
import tensorflow as tf
from keras import layers

from glf_tf import checks, errors, naming, parts, seeds, types
from glf_tf.layers import replicas
from glf_tf.models import adversarial
from glf_tf.networks import network as network_lib
from glf_tf.networks import normalized


@keras.saving.register_keras_serializable(package="glf_tf")
class BEGAN(adversarial.AbstractAdversarial):
    """A generator G, and an autoencoder A that tells images by their errors.

        L(x) = mean(|x - A(x)|) over pixels and channels
        critic     L(x) - k L(G)
        generator  L(G)
        k <- k + balance_rate * mean(diversity * L(x) - L(G))      (section 3.4)

    `k` starts at 0 and moves after each update of the critic; it is saved with the
    model. Terms of weight 0 tell how training goes: `real_error`, `made_error`,
    `balance`, which is k, and `convergence`, `L(x) + |diversity * L(x) - L(G)|` of the
    batch, which falls as images get better (section 3.4.1).

    Deviation: encoder and decoder of the critic are those of `network`, as in
        compare_gan; the paper has deeper ones without dense layers in between.

    Args:
        image_shape: (height, width, channels).
        critic_dim: Size of the autoencoder's codes.
        critic: Another family for the autoencoder than `network`.
        critic_norm: Normalisation of its layers: "batch", where its family has it;
            "spectral", or "none".
        balance_rate: How fast k moves, lambda in the paper.
        diversity: The ratio of both errors that k holds, gamma in the paper.
        clip_balance: Whether k stays in [0, 1], as in the paper; not in compare_gan.
        **kwargs: As in `AbstractAdversarial`.
    """

    ordered_terms = frozenset({"convergence"})

    def __init__(
        self,
        image_shape: types.ImageShape,
        *,
        critic_dim: int = 64,
        critic: types.Network | None = None,
        critic_norm: Literal["none", "batch", "spectral"] = "none",
        balance_rate: float = 0.001,
        diversity: float = 0.75,
        clip_balance: bool = True,
        network: types.Network = "infogan",
        name: str | None = "began",
        **kwargs,
    ):
        super().__init__(image_shape, network=network, name=name, **kwargs)
        checks.at_least("critic_dim", critic_dim, 1)
        self.diversity = _checked_share(diversity)
        self.critic_encoder, self.critic_decoder = _autoencoder(
            _family(network if critic is None else critic),
            critic_dim,
            image_shape=self.image_shape,
            norm=critic_norm,
        )
        self.balance = _Balance(
            rate=checks.not_negative("balance_rate", balance_rate),
            is_clipped=clip_balance,
        )
        self.built = True

    @property
    def critic_layers(self) -> tuple[keras.layers.Layer, ...]:
        """Encoder and decoder of the critic."""
        return self.critic_encoder, self.critic_decoder

    @property
    def critic_weights(self) -> Mapping[str, float]:
        """The weight of the critic's loss; others are measured."""
        measured = ("real_error", "made_error", "balance", "convergence")
        return {"critic": 1.0, **dict.fromkeys(measured, 0.0)}

    def error(self, image: tf.Tensor, *, training: bool = False) -> tf.Tensor:
        """Returns the critic's mean absolute error of images, `[batch]`."""
        code = self.critic_encoder(image, training=training)
        logits = self.critic_decoder(code, training=training)
        found = tf.sigmoid(tf.cast(logits, tf.float32))
        return tf.reduce_mean(tf.abs(image - found), axis=[1, 2, 3])

    def score(self, image: tf.Tensor, *, training: bool = False) -> tf.Tensor:
        """Returns the negative errors of images, `[batch]`, large for real ones."""
        return -self.error(image, training=training)

    def critic_terms(
        self, batch: types.Batch, *, seed: tf.Tensor, training: bool
    ) -> types.Terms:
        """Returns "critic" and diagnostics, `[batch]`, and "balance", `[]`."""
        noise_seed, _ = seeds.split(seed, 2)
        made = self.made(batch, seed=noise_seed, training=training)
        real_error = self.error(batch["image"], training=training)
        made_error = self.error(made, training=training)
        gap = self.diversity * real_error - made_error
        balance = self.balance.value()
        if training:
            self.balance.follow(tf.reduce_mean(gap))
        return {
            "critic": real_error - balance * made_error,
            "real_error": real_error,
            "made_error": made_error,
            "balance": balance,
            "convergence": real_error + tf.abs(tf.reduce_mean(gap)),
        }

    def generator_terms(
        self, batch: types.Batch, *, seed: tf.Tensor, training: bool
    ) -> types.Terms:
        """Returns "generator", `[batch]`."""
        noise_seed, _ = seeds.split(seed, 2)
        made = self.made(batch, seed=noise_seed, training=training)
        return {"generator": self.error(made, training=training)}


def _family(critic: types.Network) -> network_lib.AbstractNetwork:
    """Returns the family that makes both halves of the critic."""
    if isinstance(critic, keras.layers.Layer) and not isinstance(critic, parts.Part):
        raise errors.InvalidType(
            "BEGAN's critic is an autoencoder, whose halves a family of networks makes",
            received=f"critic: a {type(critic).__name__}",
            do="Pass a family, such as critic='dcgan', or one of your own, an "
            "AbstractNetwork",
        )
    return parts.make("network", critic)


def _autoencoder(
    family: types.Network,
    dim: int,
    *,
    image_shape: types.ImageShape,
    norm: normalized.Norm,
) -> list[keras.layers.Layer]:
    """Returns the critic's encoder and decoder."""
    made = {
        "critic_encoder": family.encoder(image_shape, dim, name="critic_encoder"),
        "critic_decoder": family.decoder(dim, image_shape, name="critic_decoder"),
    }
    return [
        naming.made_by(family, normalized.renormalized(layer, norm=norm), role=role)
        for role, layer in made.items()
    ]


def _checked_share(diversity: float) -> float:
    if not 0.0 <= diversity <= 1.0:
        raise errors.InvalidValue(
            "`diversity` is a ratio of errors in [0, 1]",
            received=f"diversity={diversity}",
            do="Use for instance --diversity=0.75",
        )
    return diversity


class _Balance(replicas.Joined, layers.Layer):
    """The number k, which holds the errors of made and real images in a ratio."""

    def __init__(self, *, rate: float, is_clipped: bool, name: str = "balance"):
        super().__init__(name=name, dtype=keras.config.floatx())
        self._rate, self._is_clipped = rate, is_clipped
        # All replicas compute the same value; `add_weight` does not support "on_read".
        with keras.name_scope(name):
            self.k = keras.Variable(
                "zeros",
                shape=(),
                dtype=self.variable_dtype,
                trainable=False,
                synchronization="on_read",
                aggregation="only_first_replica",
                name="k",
            )
        self.built = True

    def value(self) -> tf.Tensor:
        """Returns k, `[]`."""
        return tf.convert_to_tensor(self.k.value)

    def follow(self, gap: tf.Tensor) -> None:
        """Moves k by the mean over replicas of a number, `[]`, times its rate."""
        # A move that the critic must not learn to cause.
        gap = replicas.mean(tf.stop_gradient(gap))
        moved = self.value() + self._rate * gap
        self.k.assign(tf.clip_by_value(moved, 0.0, 1.0) if self._is_clipped else moved)
