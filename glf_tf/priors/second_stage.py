# SPDX-License-Identifier: Apache-2.0
"""The second stage of the Two-Stage VAE: a VAE of the first stage's latents.

Dai, Wipf: Diagnosing and Enhancing VAE Models, 2019, section 4.
https://arxiv.org/abs/1903.05789
"""

__all__ = ["SecondStageVAE"]

import math

import keras
import tensorflow as tf
from keras import layers

from glf_tf import seeds, types
from glf_tf.priors import prior

_HALF_LOG_2PI = 0.5 * math.log(2.0 * math.pi)

_BOUND_SAMPLES = 32
"""Number of samples for the bound of `log_prob`."""


class SecondStageVAE(prior.AbstractPrior):
    """The density `p(z) = integral N(u; 0, I) N(z; f(u), gamma^2 I) du`.

        nll(z | u) = sum((z - f(u))^2 / (2 gamma^2) + log gamma + log(2 pi) / 2)
        kl(z)      = KL(N(m(z), s(z)^2) || N(0, I)),  u = m(z) + s(z) eps

    The latents `u` have the dimension of `z`; one `gamma` is learned for all
    coordinates. `f` and `(m, log s)` are dense networks with ReLU whose last layer has
    their input as well as the hidden units: `[u, h]` and `[z, h]`.

    Its density has no closed form: `log_prob` is a lower bound. A model must minimise
    `terms` instead, so it is not a value of `--prior`.

    Args:
        width: Units of each hidden layer.
        depth: Number of hidden layers.
    """

    is_selectable = False
    term_names = ("latent_reconstruction", "latent_kl")

    def __init__(self, latent_dim: int, *, width: int = 1024, depth: int = 3, **kwargs):
        super().__init__(latent_dim, **kwargs)
        # Its own precision, independent of Keras' global policy.
        sizes = {"width": width, "depth": depth, "dtype": self.compute_dtype}
        self.encoder = _network(
            latent_dim, 2 * latent_dim, name="second_encoder", **sizes
        )
        self.decoder = _network(latent_dim, latent_dim, name="second_decoder", **sizes)
        self.log_scale = self.add_weight(
            name="log_scale", shape=(), initializer="zeros"
        )
        self.built = True

    def terms(
        self,
        z: tf.Tensor,
        *,
        seed: types.Seed,
        training: bool,
        label: tf.Tensor | None = None,
    ) -> types.Terms:
        """Returns the two terms of the negative ELBO of latents, in nats.

        Args:
            z: `[batch, latent_dim]`.
            seed: A stateless seed.
            training: Passed on to the networks.
            label: Has no effect.

        Returns:
            `latent_reconstruction` and `latent_kl`, `[batch]`.
        """
        del label
        mean, log_scale = self._posterior(z, training=training)
        eps = tf.random.stateless_normal(
            tf.shape(mean), seed=seeds.make(seed), dtype=mean.dtype
        )
        u = mean + tf.exp(log_scale) * eps
        kl = tf.square(mean) + tf.exp(2.0 * log_scale) - 1.0 - 2.0 * log_scale
        return {
            "latent_reconstruction": self._nll(z, u, training=training),
            "latent_kl": 0.5 * tf.reduce_sum(kl, axis=-1),
        }

    def log_prob(self, z: tf.Tensor, *, training: bool = False) -> tf.Tensor:
        """Returns a lower bound of the log-density of each latent in nats, `[batch]`.

            log(1/K sum_k p(z | u_k) N(u_k; 0, I) / q(u_k | z)),  u_k = m + s eps_k

        with K = 32 and the same noise for every latent and call, so that the bound is a
        function of the latent. Its expectation over the noise is at most the
        log-density. Burda, Grosse, Salakhutdinov: Importance Weighted Autoencoders,
        2016, eq. 8. https://arxiv.org/abs/1509.00519
        """
        z = tf.cast(z, self.compute_dtype)
        mean, log_scale = self._posterior(z, training=training)
        noise = tf.random.stateless_normal(
            [_BOUND_SAMPLES, self.latent_dim], seed=seeds.make(0), dtype=z.dtype
        )

        def add(index, total):
            eps = noise[index]
            u = mean + tf.exp(log_scale) * eps
            log_ratio = tf.reduce_sum(
                0.5 * (tf.square(eps) - tf.square(u)) + log_scale, axis=-1
            )
            log_weight = log_ratio - self._nll(z, u, training=training)
            return index + 1, tf.reduce_logsumexp([total, log_weight], axis=0)

        start = tf.fill(tf.shape(z)[:1], tf.constant(-math.inf, z.dtype))
        _, total = tf.while_loop(
            lambda index, _: index < _BOUND_SAMPLES, add, (0, start)
        )
        return total - math.log(_BOUND_SAMPLES)

    def sample(
        self,
        n: int | tf.Tensor,
        *,
        seed: types.Seed,
        temperature: float = 1.0,
        training: bool = False,
    ) -> tf.Tensor:
        """Returns `f(u) + gamma * eps`, `[n, latent_dim]`; the temperature scales both.

        As in the paper, the first stage adds no noise to the image.
        """
        draws = [
            tf.random.stateless_normal([n, self.latent_dim], seed=part)
            for part in seeds.split(seed, 2)
        ]
        return self._decoded(*draws, temperature=temperature, training=training)

    @property
    def normal_dim(self) -> int:
        """Draws for `u`, and for what is added to `f(u)`."""
        return 2 * self.latent_dim

    def from_normal(self, normal, *, temperature=1.0, label=None):
        """Returns latents of draws of N(0, 1), `[batch, latent_dim]`."""
        del label
        draws = tf.split(tf.cast(normal, self.compute_dtype), 2, axis=-1)
        return self._decoded(*draws, temperature=temperature, training=False)

    def _decoded(
        self,
        *draws: tf.Tensor,
        temperature: float | tf.Tensor,
        training: bool,
    ) -> tf.Tensor:
        u, eps = (tf.cast(temperature, draw.dtype) * draw for draw in draws)
        mean = self.decoder(u, training=training)
        return mean + tf.exp(tf.convert_to_tensor(self.log_scale)) * eps

    def _posterior(self, z, *, training):
        return tf.split(self.encoder(z, training=training), 2, axis=-1)

    def _nll(self, z, u, *, training):
        log_scale = tf.convert_to_tensor(self.log_scale)
        error = (z - self.decoder(u, training=training)) * tf.exp(-log_scale)
        terms = 0.5 * tf.square(error) + log_scale + _HALF_LOG_2PI
        return tf.reduce_sum(terms, axis=-1)


def _network(
    inputs: int, outputs: int, *, width: int, depth: int, dtype: str, name: str
) -> keras.Model:
    """Returns dense layers with ReLU, and a linear layer of their input and output."""
    # Functional models do not prefix their layers' names with their own.
    with keras.name_scope(name):
        start = keras.Input((inputs,), dtype=dtype, name="input")
        hidden = start
        for index in range(depth):
            layer = f"dense_{index}"
            hidden = layers.Dense(width, "relu", dtype=dtype, name=layer)(hidden)
        both = layers.Concatenate(dtype=dtype, name="both")([start, hidden])
        end = layers.Dense(outputs, dtype=dtype, name="dense_last")(both)
    return keras.Model(start, end, name=name)
