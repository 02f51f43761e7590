# SPDX-License-Identifier: Apache-2.0
"""A mixture of normal densities for each label, fitted by expectation maximisation.

Hastie, Tibshirani: Discriminant Analysis by Gaussian Mixtures, 1996, without what the
classes share there.
"""

__all__ = ["LabelledMixturePrior"]

import numpy as np
import tensorflow as tf

from glf_tf import seeds, signatures, types
from glf_tf.priors import codes, full_components, labelled, mixture, prior
from glf_tf.priors import components as components_lib

_OF_MIXTURE = signatures.defaults(mixture.MixturePrior)


class LabelledMixturePrior(labelled.Labelled, prior.AbstractPrior, prior.Fitted):
    """A density `p(z | y) = sum_k w_yk N(z; m_yk, L_yk L_yk^T)` for each label y.

    Each is fitted as `MixturePrior` is, to the codes of its label alone; before the fit
    it is N(0, I). With one component it is a normal density with a full covariance,
    that of quadratic discriminant analysis. Without a label it is the density of
    latents whatever their label is, all being equally likely.

    Args:
        components: Number of components for each label.
        max_iterations: Maximum number of iterations of expectation maximisation.
        tolerance: The gain of the average log-likelihood, in nats, at which it stops.
        seed: Seed of k-means.
        num_classes: Number of labels.
    """

    def __init__(
        self,
        latent_dim: int,
        *,
        components: int = _OF_MIXTURE["components"],
        max_iterations: int = _OF_MIXTURE["max_iterations"],
        tolerance: float = _OF_MIXTURE["tolerance"],
        seed: int = _OF_MIXTURE["seed"],
        num_classes: int = 0,
        **kwargs,
    ):
        labelled.check_labels(num_classes, of="A mixture for each label")
        mixture.check(components, max_iterations=max_iterations, tolerance=tolerance)
        seeds.check_not_negative(seed=seed)
        super().__init__(latent_dim, **kwargs)
        self.num_classes, self.components = num_classes, components
        self.max_iterations, self.tolerance = max_iterations, tolerance
        self.seed = seed
        size = self.latent_dim
        self.logits = self._parameter("logits", shape=())
        self.loc = self._parameter("loc", shape=(size,))
        self.scale_tril = self._parameter("scale_tril", shape=(size, size))
        self.scale_tril.assign(np.broadcast_to(np.eye(size), self.scale_tril.shape))
        self.built = True

    def _parameter(self, name: str, *, shape: tuple[int, ...]):
        shape = (self.num_classes, self.components, *shape)
        return self.add_weight(
            name=name, shape=shape, initializer="zeros", trainable=False
        )

    @property
    def free_parameters(self) -> int:
        """Those of a mixture, for each label."""
        size = self.latent_dim
        each = size + size * (size + 1) // 2
        return self.num_classes * (self.components - 1 + self.components * each)

    @property
    def least_codes(self) -> int:
        """The number of components of all labels."""
        return self.num_classes * self.components

    @property
    def least_codes_of_label(self) -> int:
        """The number of components of one."""
        return self.components

    def fit(self, z: np.ndarray, *, label: np.ndarray) -> None:
        """Fits each mixture to the codes of its label.

        Args:
            z: Codes, `[size, latent_dim]`.
            label: Their labels, `[size]`.

        Raises:
            InvalidValue: There are too few codes of a label.
        """
        z = codes.checked(z, latent_dim=self.latent_dim, at_least=self.least_codes)
        labelled.check_counts(
            label, num_classes=self.num_classes, at_least=self.components
        )
        fitted = [
            full_components.fit(
                z[np.asarray(label) == each],
                components=self.components,
                max_iterations=self.max_iterations,
                tolerance=self.tolerance,
                seed=self.seed,
                of=f"The mixture of label {each}",
            )
            for each in range(self.num_classes)
        ]
        values = map(tf.stack, zip(*fitted, strict=True))
        for variable, value in zip(self._parameters, values, strict=True):
            variable.assign(value)

    def log_prob(
        self,
        z: tf.Tensor,
        *,
        label: tf.Tensor | None = None,
        training: bool = False,
    ) -> tf.Tensor:
        """Returns the log-density of latents in nats, `[batch]`.

        Args:
            z: `[batch, latent_dim]`.
            label: Their labels, `[batch]`; None for the density whatever they are.
            training: Has no effect.
        """
        del training
        if label is None:
            return self._log_prob_of_any(z)
        return tf.gather(self.log_prob_of_labels(z), label, axis=1, batch_dims=1)

    def log_prob_of_labels(self, z: tf.Tensor) -> tf.Tensor:
        """Returns the log-density of latents given each label, `[batch, classes]`."""
        z, mixtures = tf.cast(z, self.compute_dtype), self._mixtures()
        return tf.transpose(full_components.log_prob(z, mixtures))

    def sample(
        self,
        n: int | tf.Tensor,
        *,
        seed: types.Seed,
        temperature: float = 1.0,
        training: bool = False,
        label: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Returns latents `[n, latent_dim]` of labels `[n]`, by default drawn ones."""
        del training
        if label is None:
            label = self.sample_labels(n, seed=seed)
        # Other seeds than that of labels.
        of_component, of_noise = seeds.split(seeds.fold(seed, 1), 2)
        index = self._drawn(n, label=label, seed=of_component)
        eps = tf.random.stateless_normal(
            [n, self.latent_dim], of_noise, dtype=self.compute_dtype
        )
        at = {"label": label, "index": index}
        return self._moved(eps, **at, temperature=temperature)

    @property
    def normal_dim(self) -> int:
        """The size of latents, and one draw for the component."""
        return self.latent_dim + 1

    def from_normal(self, normal, *, temperature=1.0, label=None):
        """Returns latents of draws of N(0, 1) and labels, `[batch, latent_dim]`."""
        normal = tf.cast(normal, self.compute_dtype)
        logits = tf.gather(tf.convert_to_tensor(self.logits), label)
        index = components_lib.chosen(normal[:, -1], logits=logits)
        at = {"label": label, "index": index}
        return self._moved(normal[:, :-1], **at, temperature=temperature)

    def _moved(
        self,
        eps: tf.Tensor,
        *,
        label: tf.Tensor,
        index: tf.Tensor,
        temperature: float | tf.Tensor,
    ) -> tf.Tensor:
        at = tf.stack([label, tf.cast(index, label.dtype)], axis=1)
        _, loc, scale = (tf.gather_nd(value, at) for value in self._mixtures())
        noise = tf.linalg.matvec(scale, eps)
        return loc + tf.cast(temperature, noise.dtype) * noise

    def _drawn(
        self, n: int | tf.Tensor, *, label: tf.Tensor, seed: types.Seed
    ) -> tf.Tensor:
        """Returns indices of components of labels, int32 `[n]`."""
        weights = tf.nn.softmax(self._mixtures().logits)
        ends = tf.gather(tf.cumsum(weights, axis=1)[:, :-1], label)
        uniform = tf.random.stateless_uniform([n, 1], seed, dtype=ends.dtype)
        return tf.reduce_sum(tf.cast(uniform >= ends, label.dtype), axis=1)

    @property
    def _parameters(self) -> full_components.Mixture:
        return full_components.Mixture(self.logits, self.loc, self.scale_tril)

    def _mixtures(self) -> full_components.Mixture:
        return full_components.Mixture(*map(tf.convert_to_tensor, self._parameters))
