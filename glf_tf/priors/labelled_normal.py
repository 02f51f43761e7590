# SPDX-License-Identifier: Apache-2.0
"""A normal density whose mean and deviation depend on a label.

Kingma, Dhariwal: Glow: Generative Flow with Invertible 1x1 Convolutions, 2018, the
released code (`--ycond`). https://arxiv.org/abs/1807.03039
"""

__all__ = ["LabelledNormalPrior"]

import tensorflow as tf

from glf_tf import types
from glf_tf.bijectors import factor_out
from glf_tf.priors import labelled, prior, standard_normal


class LabelledNormalPrior(labelled.Labelled, prior.AbstractPrior):
    """A normal density for each label y, with a diagonal covariance.

        z = mean[y] + eps * exp(5 tanh(u[y] / 5)),   eps ~ N(0, I)
        log p(z | y) = log N(eps; 0, I) - sum(5 tanh(u[y] / 5))

    Means and `u` start at zero. Without a label it is the density of latents whatever
    their label is, all being equally likely. As the noise of a flow on vectors it is
    that of FlowGMM, https://arxiv.org/abs/1912.13025.

    Of a flow on images it is the noise with a `shape`: then only the last numbers of z,
    those of the top level, depend on y, with one mean and one `u` a channel; the others
    are N(0, I).

    Deviation: Glow adds both to those of its last factor. Here the factor is the same
        for all labels, so that the latents of an image are, too.

    Args:
        latent_dim: Size of the latents.
        shape: (height, width, channels) of the top level; None if each number has a
            mean of its own.
        num_classes: Number of labels.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Raises:
        InvalidValue: There are no labels.
    """

    def __init__(
        self,
        latent_dim: int,
        *,
        shape: types.ImageShape | None = None,
        num_classes: int = 0,
        **kwargs,
    ):
        super().__init__(latent_dim, **kwargs)
        labelled.check_labels(num_classes, of="A normal density for each label")
        height, width, channels = shape or (1, 1, self.latent_dim)
        self.num_classes, self._pixels = num_classes, height * width
        self._rest = self.latent_dim - height * width * channels
        self.embedding = self.add_weight(
            name="embedding", shape=(num_classes, 2 * channels), initializer="zeros"
        )
        self._normal = standard_normal.StandardNormalPrior(self.latent_dim)
        self.built = True

    def log_prob(self, z, *, label: tf.Tensor | None = None, training=False):
        """Returns the log-density of latents in nats, `[batch]`.

        Args:
            z: `[batch, latent_dim]`.
            label: Their labels, `[batch]`; None for the density whatever they are.
            training: Has no effect.
        """
        del training
        if label is None:
            return self._log_prob_of_any(z)
        _, log_deviation = self._parameters(label)
        log_prob = self._normal.log_prob(self.inverse(z, label=label))
        return log_prob - tf.reduce_sum(log_deviation, axis=-1)

    def log_prob_of_labels(self, z: tf.Tensor) -> tf.Tensor:
        """Returns the log-density of latents given each label, `[batch, classes]`."""
        return self.log_prob(z[:, None], label=tf.range(self.num_classes)[None])

    def forward(self, eps: tf.Tensor, *, label: tf.Tensor) -> tf.Tensor:
        """Returns the latents of noise given labels, `[batch, latent_dim]`."""
        mean, log_deviation = self._parameters(label)
        return mean + tf.cast(eps, mean.dtype) * tf.exp(log_deviation)

    def inverse(self, z: tf.Tensor, *, label: tf.Tensor) -> tf.Tensor:
        """Returns the noise of latents given labels, `[batch, latent_dim]`."""
        mean, log_deviation = self._parameters(label)
        return (tf.cast(z, mean.dtype) - mean) * tf.exp(-log_deviation)

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
        eps = self._normal.sample(n, seed=seed, temperature=temperature)
        return self.forward(eps, label=label)

    @property
    def normal_dim(self) -> int:
        """The size of latents."""
        return self.latent_dim

    def from_normal(self, normal, *, temperature=1.0, label=None):
        """Returns latents of draws of N(0, 1) and labels, `[batch, latent_dim]`."""
        normal = self._normal.from_normal(normal, temperature=temperature)
        return self.forward(normal, label=label)

    def _parameters(self, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns mean and log-deviation of all latents, `[..., latent_dim]`."""
        of_label = tf.gather(tf.convert_to_tensor(self.embedding), label)
        mean, raw = tf.split(of_label, 2, axis=-1)
        return self._of_all(mean), self._of_all(factor_out.bounded(raw))

    def _of_all(self, channels: tf.Tensor) -> tf.Tensor:
        """Returns numbers of channels at each pixel, and 0 for all other latents."""
        axes = [[0, 0]] * (channels.shape.rank - 1)
        top = tf.tile(channels, [1] * (channels.shape.rank - 1) + [self._pixels])
        return tf.pad(top, [*axes, [self._rest, 0]])
