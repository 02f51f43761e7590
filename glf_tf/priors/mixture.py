# SPDX-License-Identifier: Apache-2.0
"""A mixture of normal densities, fitted to codes by expectation maximisation.

The density that is fitted after training in Ghosh, Sajjadi, Vergari, Black, Schoelkopf:
From Variational to Deterministic Autoencoders, 2020, section 4, and for the RAE of the
GLF paper, appendix B.5. https://arxiv.org/abs/1903.12436
"""

__all__ = ["MixturePrior", "check"]

import math

import numpy as np
import tensorflow as tf

from glf_tf import errors, seeds, types
from glf_tf.priors import codes, full_components, prior
from glf_tf.priors import components as components_lib


class MixturePrior(prior.AbstractPrior, prior.Fitted):
    """The density `p(z) = sum_k w_k N(z; m_k, L_k L_k^T)` with full covariances.

        log p(z) = logsumexp_k(log w_k - sum(eps_k^2) / 2 - sum(log diag(L_k)))
                   - dim * log(2 pi) / 2,   eps_k = L_k^-1 (z - m_k)

    It is fitted by expectation maximisation, which starts from k-means, to codes in
    units of each coordinate's deviation. Before the fit it is N(0, I). A
    sample is `m_k + temperature * L_k eps`: the temperature does not affect the choice
    of components.

    Args:
        components: Number of components.
        max_iterations: Maximum number of iterations of expectation maximisation.
        tolerance: The gain of the average log-likelihood, in nats, at which it stops.
        seed: Seed of k-means.
    """

    def __init__(
        self,
        latent_dim: int,
        *,
        components: int = 10,
        max_iterations: int = 500,
        tolerance: float = 1e-3,
        seed: int = 0,
        **kwargs,
    ):
        check(components, max_iterations=max_iterations, tolerance=tolerance)
        seeds.check_not_negative(seed=seed)
        super().__init__(latent_dim, **kwargs)
        self.components, self.max_iterations = components, max_iterations
        self.tolerance, self.seed = tolerance, seed
        self.logits = self._parameter("logits", shape=(), start=0.0)
        self.loc = self._parameter("loc", shape=(latent_dim,), start=0.0)
        self.scale_tril = self._parameter(
            "scale_tril", shape=(latent_dim, latent_dim), start=np.eye(latent_dim)
        )
        self.built = True

    @property
    def free_parameters(self) -> int:
        """Weights, means and covariances: `K - 1 + K d + K d (d + 1) / 2`."""
        size = self.latent_dim
        each = size + size * (size + 1) // 2
        return self.components - 1 + self.components * each

    def _parameter(self, name: str, *, shape: tuple[int, ...], start: np.ndarray):
        return self.add_weight(
            name=name,
            shape=(self.components, *shape),
            initializer=lambda shape, dtype: tf.cast(
                np.broadcast_to(start, shape), dtype
            ),
            trainable=False,
        )

    def fit(self, z: np.ndarray) -> None:
        """Fits the mixture to codes `[size, latent_dim]`."""
        z = codes.checked(z, latent_dim=self.latent_dim, at_least=self.least_codes)
        fitted = full_components.fit(
            z,
            components=self.components,
            max_iterations=self.max_iterations,
            tolerance=self.tolerance,
            seed=self.seed,
        )
        for variable, value in zip(self._parameters, fitted, strict=True):
            variable.assign(value)

    @property
    def least_codes(self) -> int:
        """The number of components."""
        return self.components

    def log_prob(self, z: tf.Tensor, *, training: bool = False) -> tf.Tensor:
        """Returns the log-density of each latent in nats, `[batch]`."""
        del training
        z = tf.cast(z, self.compute_dtype)
        return full_components.log_prob(z, self._mixture())

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
        of_component, of_noise = seeds.split(seed, 2)
        logits = tf.convert_to_tensor(self.logits)
        index = components_lib.draw(n, logits=logits, seed=of_component)
        eps = tf.random.stateless_normal(
            [n, self.latent_dim], of_noise, dtype=self.compute_dtype
        )
        return self._moved(eps, index=index, temperature=temperature)

    @property
    def normal_dim(self) -> int:
        """The size of latents, and one draw for the component."""
        return self.latent_dim + 1

    def from_normal(self, normal, *, temperature=1.0, label=None):
        """Returns latents of draws of N(0, 1), `[batch, latent_dim]`."""
        del label
        normal = tf.cast(normal, self.compute_dtype)
        logits = tf.convert_to_tensor(self.logits)
        index = components_lib.chosen(normal[:, -1], logits=logits)
        return self._moved(normal[:, :-1], index=index, temperature=temperature)

    def _moved(
        self, eps: tf.Tensor, *, index: tf.Tensor, temperature: float | tf.Tensor
    ) -> tf.Tensor:
        _, loc, scale = self._mixture()
        noise = tf.einsum("kij,nj->nki", scale, eps)
        noise = tf.gather(noise, index, axis=1, batch_dims=1)
        return tf.gather(loc, index) + tf.cast(temperature, noise.dtype) * noise

    @property
    def _parameters(self) -> full_components.Mixture:
        return full_components.Mixture(self.logits, self.loc, self.scale_tril)

    def _mixture(self) -> full_components.Mixture:
        return full_components.Mixture(*map(tf.convert_to_tensor, self._parameters))


def check(components: int, *, max_iterations: int, tolerance: float) -> None:
    """Checks the options of a mixture that is fitted.

    Raises:
        InvalidValue: One is out of range.
    """
    for name, count in (("components", components), ("max_iterations", max_iterations)):
        if count < 1:
            raise errors.InvalidValue(
                f"`{name}` of a mixture must be at least 1",
                received=f"{name}={count}",
                do=f"Use {name}=1 or more",
            )
    if not 0.0 <= tolerance < math.inf:
        raise errors.InvalidValue(
            "`tolerance`, the gain that ends the fit, must not be negative",
            received=f"tolerance={tolerance}",
            do="Use for instance tolerance=1e-3",
        )
