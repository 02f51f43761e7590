# SPDX-License-Identifier: Apache-2.0
"""A mixture of normal densities that is learned by gradients.

Stimper, Schoelkopf, Hernandez-Lobato: Resampling Base Distributions of Normalizing
Flows, 2022, on such noise for data of many modes. https://arxiv.org/abs/2110.15828
"""

__all__ = ["LearnedMixturePrior"]

import math
from collections.abc import Callable

import keras
import tensorflow as tf

from glf_tf import errors, seeds, types
from glf_tf.priors import components as components_lib
from glf_tf.priors import prior


class LearnedMixturePrior(prior.AbstractPrior):
    """The density `p(z) = sum_k w_k N(z; m_k, diag(s_k)^2)`, learned by gradients.

    Equal components would have equal gradients for ever, so means start as draws of
    N(0, spread^2 I). Deviations start at `sqrt(1 - spread^2)`, so that mean and
    variance start near those of N(0, I); weights start equal. A sample is `m_k +
    temperature * s_k eps`: the temperature does not affect the choice of components.

    Args:
        components: Number of components.
        spread: Deviation of the means at the start, above 0 and below 1.
        seed: Of the means at the start.
    """

    def __init__(
        self,
        latent_dim: int,
        *,
        components: int = 10,
        spread: float = 0.5,
        seed: int = 0,
        **kwargs,
    ):
        super().__init__(latent_dim, **kwargs)
        _check(components, spread=spread)
        self.components = components
        size = (components, self.latent_dim)
        self._logits = self.add_weight((components,), "zeros", name="logits")
        self._loc = self.add_weight(size, _normal(spread, seed=seed), name="loc")
        deviation = keras.initializers.Constant(0.5 * math.log1p(-(spread**2)))
        self._log_scale = self.add_weight(size, deviation, name="log_scale")
        self.built = True

    def log_prob(self, z: tf.Tensor, *, training: bool = False) -> tf.Tensor:
        """Returns the log-density of each latent in nats, `[batch]`."""
        del training
        z = tf.cast(z, self.compute_dtype)
        return components_lib.log_prob(z, **self._mixture())

    def sample(
        self,
        n: int | tf.Tensor,
        *,
        seed: types.Seed,
        temperature: float = 1.0,
        training: bool = False,
    ) -> tf.Tensor:
        """Returns `n` latents `[n, latent_dim]`, each of a random component."""
        del training
        how = {"seed": seed, "temperature": temperature}
        return components_lib.sample(n, **self._mixture(), **how)

    @property
    def normal_dim(self) -> int:
        """The size of latents, and one draw for the component."""
        return self.latent_dim + 1

    def from_normal(self, normal, *, temperature=1.0, label=None):
        """Returns latents of draws of N(0, 1), `[batch, latent_dim]`."""
        del label
        how = {"temperature": temperature}
        return components_lib.from_normal(normal, **self._mixture(), **how)

    def _mixture(self) -> dict[str, tf.Tensor]:
        return {
            "logits": tf.convert_to_tensor(self._logits),
            "loc": tf.convert_to_tensor(self._loc),
            "log_scale": tf.convert_to_tensor(self._log_scale),
        }


def _normal(deviation: float, *, seed: int) -> Callable:
    """Returns an initializer of draws from N(0, deviation^2 I)."""

    def draw(shape, dtype):
        drawn = tf.random.stateless_normal(shape, seeds.make(seed), dtype=dtype)
        return deviation * drawn

    return draw


def _check(components: int, *, spread: float) -> None:
    if components < 1:
        raise errors.InvalidValue(
            "`components` of a mixture must be at least 1",
            received=f"components={components}",
            do="Use components=1 or more",
        )
    if not 0.0 < spread < 1.0:
        raise errors.InvalidValue(
            "`spread`, the deviation of a mixture's means, is above 0 and below 1",
            received=f"spread={spread}",
            do="Use for instance spread=0.5",
        )
