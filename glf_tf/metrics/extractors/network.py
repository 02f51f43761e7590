# SPDX-License-Identifier: Apache-2.0
"""Features of a network of one's own: a Keras file or a SavedModel."""

__all__ = ["NetworkExtractor"]

import pathlib

import numpy as np
import tensorflow as tf

from glf_tf import errors, foreign, types
from glf_tf.metrics import digest
from glf_tf.metrics.extractors import features, names
from glf_tf.networks import feature_networks, feature_sources, pixel_scales


class NetworkExtractor(features.AbstractExtractor):
    """Features of a network in a file, called for inference.

    They are the network's output, or that of one of its layers. Features with pixels,
    `[batch, height, width, channels]`, are averaged over these, as the Inception
    network's are. Grey images are made three equal channels if it takes three. The
    distance is named after the file and the layer, as in `FD-net.keras/relu_2`.
    """

    def __init__(
        self,
        file: names.File,
        *,
        image_shape: types.ImageShape,
        batch_size: int = 100,
    ):
        """Reads the network.

        Args:
            file: Where it is, and how it expects pixels.
            image_shape: (height, width, channels) of the images.
            batch_size: Images at a time.

        Raises:
            NotFound: There is no such file.
            InvalidValue: It has no such features of such images.
        """
        path = pathlib.Path(file.path).expanduser()
        source = feature_networks.read(path)
        self._scale = file.scale
        self._channels = feature_networks.checked_channels(
            source, image_shape, shown=str(path)
        )
        self._layer = _chosen(source, file.layer, shown=str(path))
        self._function = source.function([self._layer])
        self._traced = tf.function(self._forward, reduce_retracing=True)
        probe = np.random.RandomState(0).uniform(size=(2, *image_shape))
        super().__init__(
            name="/".join(filter(None, [path.name, file.layer])),
            checksum=_checksum(source),
            dim=self._dim(np.float32(probe), shown=str(path)),
            batch_size=batch_size,
        )

    def _dim(self, probe: np.ndarray, *, shown: str) -> int:
        """Returns the width of the features, of which it tries some."""
        try:
            found = self._traced(tf.constant(probe))
        except errors.UserError:
            raise
        except Exception as error:  # of the user's layers
            raise errors.InvalidValue(
                "An extractor's network must accept the images; nothing is resized",
                received=f"{shown}: {foreign.reason(error)[:200]}",
                do="Pass a network for such images",
            ) from error
        return int(found.shape[-1])

    def _extract(self, images: np.ndarray) -> types.Tensor:
        return self._traced(tf.constant(images))

    def _forward(self, images: tf.Tensor) -> tf.Tensor:
        if images.shape[-1] != self._channels:
            images = tf.tile(images, [1, 1, 1, self._channels])
        pixels = pixel_scales.scaled(images, self._scale)
        found = tf.cast(self._function(pixels)[self._layer], tf.float32)
        if found.shape.rank not in (2, 4):
            raise errors.InvalidValue(
                "Features are [batch, width] or [batch, height, width, channels]",
                received=f"{self._layer} of shape {tuple(found.shape)}",
                do="Name another layer: keras:FILE:SCALE:LAYER",
            )
        return tf.reduce_mean(found, [1, 2]) if found.shape.rank == 4 else found


def _chosen(source: feature_sources.AbstractSource, layer: str, *, shown: str) -> str:
    """Returns the name of the features: the last ones if nobody names any."""
    if not layer:
        return source.names[-1]
    if layer not in source.names:
        raise errors.InvalidValue(
            "The layer of an extractor is one of its network",
            received=f"{layer}, of {shown}",
            do=errors.suggestion(layer, source.names),
        )
    return layer


def _checksum(source: feature_sources.AbstractSource) -> str:
    """Returns a digest of a network's tensors and weights; its file has a date too."""
    found = [digest.of_array(np.atleast_1d(weight)) for weight in source.weights]
    return digest.of_text(" ".join([*source.names, *found]))
