# SPDX-License-Identifier: Apache-2.0
"""A Gaussian decoder whose variance is learned.

Dai, Wipf: Diagnosing and Enhancing VAE Models, 2019, section 4.
https://arxiv.org/abs/1903.05789
"""

__all__ = ["LearnedGaussian"]

from glf_tf import types
from glf_tf.objectives import gaussian


class LearnedGaussian(gaussian.AbstractGaussian):
    """`gaussian` with a learned variance, initially 1 as in the authors' code.

        sum((image - sigmoid(logits))^2 / (2 v) + log(2 pi v) / 2)

    Args:
        variance: The initial variance.
    """

    def __init__(
        self, image_shape: types.ImageShape, *, variance: float = 1.0, **kwargs
    ):
        super().__init__(image_shape, variance=variance, learned=True, **kwargs)
