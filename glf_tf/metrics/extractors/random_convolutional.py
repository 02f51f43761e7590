# SPDX-License-Identifier: Apache-2.0
"""A convolutional network with fixed random weights, for images without labels.

Three levels of convolution, ReLU and halving; the features are what each level answers
on average, the last one in each quarter of the image. It has learned nothing: it sees
edges, colours and textures, and their rough place, but not what is depicted. Distances
between such features compare models on one data set with each other, and with nothing
else: they are called `FD-random_convolutional` and never FID.

Saxe, Koh, Chen, Bhand, Suresh, Ng: On Random Weights and Unsupervised Feature Learning,
2011.
"""

__all__ = ["DIM", "RandomConvolutional"]

import numpy as np
import tensorflow as tf

from glf_tf import types
from glf_tf.metrics import digest
from glf_tf.metrics.extractors import features

_FILTERS = (16, 16, 24)
DIM = _FILTERS[0] + _FILTERS[1] + 4 * _FILTERS[2]


class RandomConvolutional(features.AbstractExtractor):
    """Features of a network that is a function of the seed and nothing else."""

    def __init__(self, channels: int, *, seed: int = 0, batch_size: int = 100):
        """Draws the kernels.

        Args:
            channels: Of the images.
            seed: Of the kernels.
            batch_size: Images at a time.
        """
        # RandomState's stream is frozen by NumPy's promise.
        random = np.random.RandomState(seed)
        widths = (channels, *_FILTERS)
        self._kernels = [
            np.float32(random.normal(size=(3, 3, *pair)) * np.sqrt(2 / (9 * pair[0])))
            for pair in zip(widths[:-1], widths[1:], strict=True)
        ]
        super().__init__(
            name="random_convolutional",
            checksum=digest.of_text(" ".join(map(digest.of_array, self._kernels))),
            dim=DIM,
            batch_size=batch_size,
        )
        self._traced = tf.function(self._forward, reduce_retracing=True)

    def _extract(self, images: np.ndarray) -> types.Tensor:
        return self._traced(tf.constant(images))

    def _forward(self, images: tf.Tensor) -> tf.Tensor:
        level, means = 2.0 * images - 1.0, []
        for kernel in self._kernels:
            level = tf.nn.relu(tf.nn.conv2d(level, kernel, 1, "SAME"))
            means.append(tf.reduce_mean(level, axis=[1, 2]))
            level = tf.nn.avg_pool2d(level, 2, 2, "SAME")
        quarters = tf.image.resize(level, [2, 2], method="area")
        quarters = tf.reshape(quarters, [-1, 4 * _FILTERS[-1]])
        return tf.concat([*means[:-1], quarters], axis=-1)
