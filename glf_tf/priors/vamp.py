# SPDX-License-Identifier: Apache-2.0
"""The VampPrior: a mixture of the posteriors of learned pseudo-inputs.

Tomczak, Welling: VAE with a VampPrior, 2018. https://arxiv.org/abs/1705.07120
"""

__all__ = ["Start", "VampPrior"]

from collections.abc import Callable
from typing import Literal

import numpy as np
import tensorflow as tf

from glf_tf import errors, types
from glf_tf.priors import components as components_lib
from glf_tf.priors import prior

Start = Literal["images", "noise"]
"""What pseudo-inputs start from: training images, or uniform noise."""

_MARGIN = 0.01
"""How far pseudo-inputs start from 0 and 1, where the sigmoid's slope vanishes."""


class VampPrior(prior.AbstractPrior):
    """The density `p(z) = 1 / K sum_k q(z | u_k)` of K pseudo-inputs u_k    (eq. 10).

    q is the posterior of the model, a diagonal normal, which is attached to the prior.
    The pseudo-inputs are images, learned by gradients together with the encoder, which
    normalises them by the moving averages of its batches: the prior depends on no
    batch.

    Deviation: pseudo-inputs are a sigmoid of the weights. The authors' code clips them
        to [0, 1], which has no gradient outside.

    Args:
        image_shape: (height, width, channels).
        components: K, the number of pseudo-inputs.
        start: What they start from.
    """

    is_selectable = False

    def __init__(
        self,
        latent_dim: int,
        *,
        image_shape: types.ImageShape,
        components: int = 500,
        start: Start = "images",
        **kwargs,
    ):
        super().__init__(latent_dim, **kwargs)
        self.components = components
        self._start, self._posterior_of = start, None
        noise = np.random.default_rng(0).uniform(size=(components, *image_shape))
        self._logits = self.add_weight(
            (components, *image_shape),
            lambda shape, dtype: tf.constant(_logits(noise), dtype),
            name="pseudo_inputs",
        )
        self._is_started = self.add_weight(
            name="is_started",
            shape=(),
            dtype="bool",
            initializer="zeros",
            trainable=False,
            autocast=False,
        )
        self.built = True

    def attach(
        self, posterior_of: Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]
    ) -> None:
        """Sets the posterior.

        Args:
            posterior_of: Returns means and log-scales, each `[batch, latent_dim]`, of
                images. The encoder is the model's: it is no layer of the prior.
        """
        self._posterior_of = posterior_of

    @property
    def pseudo_inputs(self) -> tf.Tensor:
        """The pseudo-inputs, `[components, height, width, channels]` in [0, 1]."""
        return tf.sigmoid(tf.convert_to_tensor(self._logits))

    @property
    def least_codes(self) -> int:
        """Number of training images that pseudo-inputs start from."""
        return self.components if self._start == "images" else 0

    def start_from(self, images: np.ndarray) -> None:
        """Starts the pseudo-inputs, if it is from images, and has not been done.

        Args:
            images: uint8 `[size, height, width, channels]`, at least `least_codes`.
        """
        if not self.least_codes or self._is_started.numpy():
            return
        generator = np.random.default_rng(0)
        chosen = generator.choice(len(images), self.least_codes, replace=False)
        self._logits.assign(_logits(images[np.sort(chosen)] / 255.0))
        self._is_started.assign(True)

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
        """Returns `n` latents `[n, latent_dim]`, of posteriors of random pseudo-inputs.

        The temperature does not affect the choice of pseudo-inputs.
        """
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
        if self._posterior_of is None:
            raise errors.InvalidValue(
                "A VampPrior is a mixture of posteriors, which a model has",
                received="a VampPrior of no model",
                do="Call attach(posterior_of), or use VAEVampPrior",
            )
        loc, log_scale = self._posterior_of(self.pseudo_inputs)
        logits = tf.zeros([self.components], loc.dtype)
        return {"logits": logits, "loc": loc, "log_scale": log_scale}


def _logits(images: np.ndarray) -> np.ndarray:
    """Returns the weights of pseudo-inputs near images in [0, 1]."""
    inside = _MARGIN + (1.0 - 2.0 * _MARGIN) * images
    return np.log(inside) - np.log1p(-inside)
