# SPDX-License-Identifier: Apache-2.0
"""The base classes of priors: densities over latents that can be sampled."""

__all__ = ["AbstractPrior", "AbstractNoisePrior", "Fitted"]

import abc

import keras
import numpy as np
import tensorflow as tf

from glf_tf import errors, parts, seeds, types


class AbstractPrior(parts.Part, keras.layers.Layer, abc.ABC):
    """A density over latents `[batch, latent_dim]`.

    Its parameters are learned by gradients if it has trainable variables, fitted to
    codes if it is `Fitted`, and none otherwise.

    Attributes:
        num_classes: Number of labels that it depends on; 0 for none. Those with labels
            are `Labelled`, and their methods take a `label`.
        normal_dim: Number of draws of N(0, 1) that `from_normal` makes a latent of; 0
            if there is no such map.
        has_noise_space: Whether latents have a noise, which does not depend on labels.
        term_names: The names of its `terms`, each of which has weight 1.
        is_smoothed: Whether its `terms` add noise to codes.
        is_guidable: Whether `sample` takes a `guidance`, a factor on what a label
            changes in samples.
        has_solver: Whether `log_prob` is that of a solver, whose `solver_error(z)`,
            nats `[batch]`, tells how far it is off.
    """

    part_kind = "prior"
    num_classes = 0
    normal_dim = 0
    has_noise_space = False
    term_names: tuple[str, ...] = ("nll",)
    is_smoothed = False
    is_guidable = False
    has_solver = False

    def __init__(self, latent_dim: int, **kwargs):
        """Initializes the prior.

        Args:
            latent_dim: Size of the latents.
            **kwargs: Keyword arguments of `keras.layers.Layer`.
        """
        kwargs["dtype"] = kwargs.get("dtype") or keras.config.floatx()
        kwargs.setdefault("name", "prior")
        super().__init__(**kwargs)
        self.latent_dim = int(latent_dim)

    @abc.abstractmethod
    def log_prob(self, z: tf.Tensor, *, training: bool = False) -> tf.Tensor:
        """Returns the log-density of each latent in nats, `[batch]`.

        Args:
            z: `[batch, latent_dim]`.
            training: Whether a flow's batch normalisation uses the statistics of this
                batch, and updates its moving averages by them: leave it out to measure.
        """

    @abc.abstractmethod
    def sample(
        self,
        n: int | tf.Tensor,
        *,
        seed: types.Seed,
        temperature: float = 1.0,
        training: bool = False,
    ) -> tf.Tensor:
        """Returns `n` latents `[n, latent_dim]`.

        Args:
            n: Number of latents.
            seed: A stateless seed.
            temperature: Factor on the standard deviation of the noise.
            training: Whether batch normalisation inside uses the statistics of these
                latents, as the GLF authors' script does.
        """

    def from_normal(
        self,
        normal: tf.Tensor,
        *,
        temperature: float | tf.Tensor = 1.0,
        label: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Returns the latents of draws of N(0, 1), without a random operation.

        They are distributed as those of `sample`. Where the choice of a component takes
        a draw of its own, that is the last one.

        Args:
            normal: `[batch, normal_dim]`.
            temperature: Factor on the standard deviation of the noise.
            label: Labels `[batch]`, if the density depends on them.

        Raises:
            Unsupported: There is no such map.
        """
        raise errors.Unsupported(
            "A latent of given draws needs a prior that is a map of them",
            received=type(self).__name__,
            do="Use `sample`, which draws itself, or another prior, such as flow",
        )

    def sample_density(self, n: int, *, seed: types.Seed) -> tf.Tensor:
        """Returns what `log_prob` is the density of, `[n, latent_dim]`.

        These are samples that are neither guided nor denoised.

        Args:
            n: Number of latents.
            seed: A stateless seed.
        """
        return self.sample(n, seed=seed)

    def with_noise(self, z: tf.Tensor, *, seed: types.Seed) -> tf.Tensor:
        """Returns codes as `log_prob` is their density, `[batch, latent_dim]`.

        They have the noise of a prior that is smoothed, and none of any other.

        Args:
            z: Codes, `[batch, latent_dim]`.
            seed: A stateless seed.
        """
        del seed
        return z

    def terms(
        self,
        z: tf.Tensor,
        *,
        seed: types.Seed,
        training: bool,
        label: tf.Tensor | None = None,
    ) -> types.Terms:
        """Returns the terms whose sum it learns to minimise, each `[batch]`.

        By default "nll", -log p(z) in nats. One that is learned otherwise overrides
        this, and `term_names`.

        Args:
            z: Codes, `[batch, latent_dim]`, that do not change with the prior.
            seed: A stateless seed.
            training: As in `log_prob`.
            label: Their labels `[batch]`, if the density depends on labels.
        """
        del seed  # a likelihood has no randomness
        given = {} if label is None else {"label": label}
        return {"nll": -self.log_prob(z, training=training, **given)}

    @property
    def least_codes(self) -> int:
        """Minimum number of codes for its fit; 0 if there is no fit."""
        return 0

    @property
    def least_codes_of_label(self) -> int:
        """Minimum number of codes of each label for its fit; 0 if it counts none."""
        return 0

    @property
    def starts(self) -> bool:
        """Whether `start` has an effect."""
        return False

    def start(self, z: np.ndarray, *, label: np.ndarray | None = None) -> None:
        """Sets what a flow starts from data, such as a scale, unless it is started.

        Args:
            z: Codes, `[size, latent_dim]`.
            label: Their labels `[size]`, if the density depends on labels.
        """
        del z, label

    @property
    def fits_noise(self) -> bool:
        """Whether `fit_noise` has an effect."""
        return False

    def fit_noise(self, z: np.ndarray, *, label: np.ndarray | None = None) -> None:
        """Fits the density of noise, unless it is N(0, I), to codes.

        Args:
            z: `[size, latent_dim]`.
            label: Their labels `[size]`, if the density depends on labels.

        Raises:
            InvalidValue: There are too few codes.
        """
        del z, label


class AbstractNoisePrior(AbstractPrior):
    """A prior that is an invertible map of noise, N(0, I) by default."""

    has_noise_space = True

    @property
    def normal_dim(self) -> int:
        """The size of latents, unless the noise is drawn in another way."""
        ours = AbstractNoisePrior
        is_plain = type(self).sample_noise is ours.sample_noise
        return self.latent_dim if is_plain and type(self).sample is ours.sample else 0

    def from_normal(self, normal, *, temperature=1.0, label=None):
        """Returns `forward(temperature * normal)`, `[batch, latent_dim]`."""
        if not self.normal_dim:
            return super().from_normal(normal)
        given = {} if label is None else {"label": label}
        normal = tf.cast(normal, self.compute_dtype)
        return self.forward(tf.cast(temperature, normal.dtype) * normal, **given)

    @abc.abstractmethod
    def forward(self, eps: tf.Tensor, *, training: bool = False) -> tf.Tensor:
        """Returns the latents of noise, `[batch, latent_dim]`."""

    @abc.abstractmethod
    def inverse(self, z: tf.Tensor) -> tf.Tensor:
        """Returns the noise of latents, `[batch, latent_dim]`."""

    def sample(
        self,
        n: int | tf.Tensor,
        *,
        seed: types.Seed,
        temperature: float = 1.0,
        training: bool = False,
    ) -> tf.Tensor:
        """Returns `forward(sample_noise(n))`, `[n, latent_dim]`."""
        noise = self.sample_noise(n, seed=seed, temperature=temperature)
        return self.forward(noise, training=training)

    def sample_noise(
        self, n: int | tf.Tensor, *, seed: types.Seed, temperature: float = 1.0
    ) -> tf.Tensor:
        """Returns draws of the noise, N(0, I) by default, `[n, latent_dim]`."""
        noise = tf.random.stateless_normal(
            [n, self.latent_dim], seed=seeds.make(seed), dtype=self.compute_dtype
        )
        return tf.cast(temperature, noise.dtype) * noise


class Fitted(abc.ABC):
    """A mix-in for priors whose parameters are fitted to codes, without gradients.

    They are non-trainable weights, so that they are saved, restored and exported with
    the model.
    """

    @property
    @abc.abstractmethod
    def free_parameters(self) -> int:
        """Number of free parameters of the fit.

        A covariance counts each pair of coordinates once, although the weight with its
        factor is a full square; mixture weights, which sum to one, count one less.
        """

    @abc.abstractmethod
    def fit(self, z: np.ndarray) -> None:
        """Fits the density to codes `[size, latent_dim]`.

        A density that depends on labels takes those of the codes, too, `label [size]`.

        Raises:
            InvalidValue: There are too few codes.
        """
