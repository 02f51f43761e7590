# SPDX-License-Identifier: Apache-2.0
"""The Gaussian likelihood of pixels in [-1, 1], as LFBM, LEBM and ABP state it.

Pang, Han, Nijkamp, Zhu, Wu: Learning Latent Space Energy-Based Prior Model, 2020, eq.
1. https://arxiv.org/abs/2006.08205
"""

__all__ = ["SignedGaussian"]

import math

import tensorflow as tf

from glf_tf import errors, types
from glf_tf.objectives import reconstruction

RANGE = 2.0
"""Ratio of the ranges [-1, 1] and [0, 1]."""


class SignedGaussian(reconstruction.AbstractPixelwise):
    """The negative log-likelihood of a Gaussian with a tanh as mean, in nats.

        sum((x - g)^2 / (2 sigma^2) + log(2 pi sigma^2) / 2)
        x = 2 * image - 1,  g = tanh(logits / 2) = 2 * sigmoid(logits) - 1

    As in the papers, sigma is for pixels in [-1, 1]. Up to a constant, this is
    `gaussian` with a variance of `sigma^2 / 4`.

    Args:
        sigma: The standard deviation of a pixel.
    """

    is_likelihood = True

    def __init__(self, image_shape: types.ImageShape, *, sigma: float = 0.3, **kwargs):
        super().__init__(image_shape, **kwargs)
        if not 0.0 < sigma < math.inf:
            raise errors.InvalidValue(
                "The standard deviation of a Gaussian decoder must be positive",
                received=f"sigma={sigma}",
                do="Use for instance --reconstruction.sigma=0.3",
            )
        self.sigma = sigma

    def of_pixels(self, image, logits):
        """Returns -log p in nats, `[batch, height, width, channels]`."""
        error = RANGE * (image - tf.sigmoid(logits)) / self.sigma
        constant = math.log(self.sigma) + 0.5 * math.log(2.0 * math.pi)
        return 0.5 * tf.square(error) + constant
