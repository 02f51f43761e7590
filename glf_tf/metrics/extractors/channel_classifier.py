# SPDX-License-Identifier: Apache-2.0
"""A classifier of grey images, applied to each channel of images that stack them."""

__all__ = ["ChannelClassifier"]

import numpy as np

from glf_tf import types
from glf_tf.metrics.extractors import features


class ChannelClassifier(features.AbstractClassifier):
    """Features and classes of all channels, by a classifier of one.

    Features are those of the first channel, then the second, and so on. Classes are
    numbers whose digits are the channels' classes, the first channel's first:

        label = sum(label_of_channel * classes_of_channel**(channels - 1 - channel))

    `accuracy` is that of all channels at once, if they are right independently.
    """

    def __init__(
        self, of_channel: features.AbstractClassifier, *, channels: int, dataset: str
    ):
        """Initializes the extractor.

        Args:
            of_channel: The classifier of single channels.
            channels: Number of channels.
            dataset: The name of the set of stacked images.
        """
        super().__init__(
            name=f"classifier({dataset})",
            checksum=of_channel.checksum,
            dim=channels * of_channel.dim,
            batch_size=of_channel.batch_size,
        )
        self._of_channel, self._base = of_channel, (of_channel.classes,) * channels
        self.accuracy = of_channel.accuracy**channels
        self.classes = of_channel.classes**channels

    def classify(self, images: types.Tensor) -> np.ndarray:
        """Returns the numbers that the channels' classes make up."""
        images = np.asarray(images)
        found = self._of_channel.classify(_apart(images))
        digits = np.reshape(found, [len(images), len(self._base)])
        return np.ravel_multi_index(digits.T, self._base)

    def _extract(self, images: np.ndarray) -> types.Tensor:
        return np.reshape(self._of_channel(_apart(images)), [len(images), self.dim])


def _apart(images: np.ndarray) -> np.ndarray:
    """Returns all channels of one image, then of the next: `[n * c, h, w, 1]`."""
    size, height, width, channels = images.shape
    return np.moveaxis(images, -1, 1).reshape([size * channels, height, width, 1])
