# SPDX-License-Identifier: Apache-2.0
"""The perceptual loss: a distance of images in features of a fixed network.

Johnson, Alahi, Fei-Fei: Perceptual Losses for Real-Time Style Transfer and
Super-Resolution, 2016, https://arxiv.org/abs/1603.08155; in the form of Hoshen, Wolf:
NAM, 2018, https://arxiv.org/abs/1806.00804, which the GLF paper (appendix B.1) and
GLANN (https://arxiv.org/abs/1812.08985) use.
Zhang, Isola, Efros, Shechtman, Wang: The Unreasonable Effectiveness of Deep Features as
a Perceptual Metric, 2018, https://arxiv.org/abs/1801.03924 (features over their norms).
"""

__all__ = ["Perceptual"]

import os
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import keras
import tensorflow as tf

from glf_tf import checks, errors, foreign, naming, parts, types
from glf_tf.networks import feature_networks, pixel_scales
from glf_tf.objectives import perceptual_options as options
from glf_tf.objectives import reconstruction

_LEAST = 1e-8
"""Added to squared norms of features, and to their means."""


class Perceptual(reconstruction.AbstractReconstruction):
    """L1 distances of pixels and of their features in a fixed network.

        w_0 * |u - v|_1 + sum_l w_l * |f_l(u) - f_l(v)|_1
        u = scaled(image),  v = scaled(sigmoid(logits))

    `|.|_1` is a sum ("sum", the code of GLF's authors) or a mean ("mean", NAM and
    GLANN) over pixels and channels, for each image. Pixels are compared as scaled for
    the network, and nothing is resized. It is not a likelihood and has no unit.

    **Which network.** VGG16, or any other: a Keras file, the folder of a SavedModel, in
    Python a Keras layer. `f_l` of VGG16 are the features of the first `levels` of
    block1_conv2, block2_conv2, block3_conv2, block4_conv3 and block5_pool; of another
    Keras network, of the last layer of each resolution from its first weights on; of a
    SavedModel, its outputs; or else those of `layers`. The network is called for
    inference and never trained. What is in a file is not in checkpoints, `.keras` files
    or SavedModels: the file is read when a loss is first computed, and sampling does
    not need it. A layer becomes a frozen part of the model, and is saved with it. Grey
    images get equal channels if the network takes several.

    **Which weights of VGG16.** The published code has torchvision's, and feeds them
    [-1, 1] (NAM, GLANN, and GLF on MNIST and Fashion-MNIST: "symmetric") or the mean
    and deviation that they expect (GLF on CIFAR-10 and CelebA: "imagenet"). Keras' are
    another training of the network, in Caffe: they expect BGR from 0 to 255, less the
    mean ("caffe"). In [-1, 1] they would see under a hundredth of the contrast, so
    scale and weights go together. Pixels are then 127.5 times further apart than in
    [-1, 1], to which Adam is invariant if this is the only term of encoder and decoder,
    as in GLF; but pixels and levels have other proportions in the sum than published,
    which the weights in the options can correct. For the published loss, save
    torchvision's weights to a file, and pass its path with the published `inputs`:

        state = torchvision.models.vgg16(weights="DEFAULT").features.state_dict()
        numpy.savez("vgg16.npz", **{k: v.numpy() for k, v in state.items()})

    **Which side of the ReLU.** torchvision's ReLUs overwrite their inputs, also the
    features that the published code has kept of a convolution, except the last ones,
    after which nothing runs. With three levels it compares relu(block1_conv2),
    relu(block2_conv2) and block3_conv2 without its ReLU ("in_place").

    **Levels in balance.** Levels of one network differ in scale. "channels" divides the
    features of each pixel by their norm over channels, as LPIPS does; "levels" divides
    each distance by the mean absolute feature of the image itself, so that it is a
    relative error. Pixels are divided by neither.

    Deviation: above 64 pixels GLANN adds the distances of images reduced to a quarter;
    here there are five levels of one size. GLF's authors compare colour images, scaled
    as "imagenet", with a tanh that has no such scale; here both are scaled alike. LPIPS
    has squared differences, and weights of channels that were learned from people.

    Args:
        network: The network: vgg16; the path of a .keras or .h5 file, or of a
            SavedModel's folder; in Python also a Keras layer.
        layers: Names of the layers of another network than vgg16 that are compared, or
            of a SavedModel's outputs; none for all its levels.
        levels: Number of levels of features, from the first; 0 for all of a network,
            and of vgg16 for the published rule by the shorter side: 2 up to 16 pixels,
            3 up to 32, 4 up to 64, then 5.
        level_weights: The weights of the levels, comma-separated; "" for 1 each.
        pixel_weight: Weight of the pixels.
        reduction: Whether differences of an image are summed or averaged.
        normalize: What features are divided by: the norm of their "channels", the mean
            of their "levels", or "none".
        activation: Whether features of VGG16's convolutions are taken "before" or
            "after" ReLU, or as in the published code ("in_place").
        inputs: How pixels are scaled, as the weights expect: "unit" [0, 1], "symmetric"
            [-1, 1], "bytes" [0, 255], "imagenet", "caffe"; "auto" is "caffe" for vgg16,
            and refused for other networks, of which only you know it.
        pad: Number of black pixels added on each side; GLANN has 2 at 28 pixels.
        weights: The weights of vgg16: imagenet (Keras' file, downloaded once to its
            cache), the path of a .h5 or .npz file, or random, for tests.
    """

    def __init__(
        self,
        image_shape: types.ImageShape,
        *,
        network: types.FixedNetwork = "vgg16",
        layers: Sequence[str] = (),
        levels: int = 0,
        level_weights: str = "",
        pixel_weight: float = 1.0,
        reduction: Literal["sum", "mean"] = "sum",
        normalize: Literal["none", "channels", "levels"] = "none",
        activation: Literal["in_place", "before", "after"] = "in_place",
        inputs: Literal[
            "auto", "unit", "symmetric", "bytes", "imagenet", "caffe"
        ] = "auto",
        pad: int = 0,
        weights: types.Path = "imagenet",
        **kwargs,
    ):
        super().__init__(image_shape, **kwargs)
        options.check(reduction=reduction, normalize=normalize, inputs=inputs)
        self._pad, self._normalize = pad, normalize
        self._reduce = tf.reduce_sum if reduction == "sum" else tf.reduce_mean
        self._pixel_weight = checks.not_negative("pixel_weight", pixel_weight)
        self._level_weights, how = level_weights, {"levels": levels, "pad": pad}
        if isinstance(network, str) and network == options.VGG16:
            self._inputs, self._is_rgb = "caffe" if inputs == "auto" else inputs, True
            options.check_vgg(layers=layers)
            self._network = options.vgg_network(
                weights, image_shape=self.image_shape, activation=activation, **how
            )
        else:
            self._inputs = options.stated(inputs)
            self._is_rgb = self._inputs in pixel_scales.OF_RGB
            options.check_other(activation=activation, weights=weights)
            self._network = self._made(network, layers=layers, **how)
        # Of a file whose layers nobody names, they are known when it is read.
        self._factors = self._network.names and self._weights()

    def __call__(self, image, logits):
        """Reads the network, once; returns `call(image, logits)`, `[batch]`."""
        # Not in `call`, where Keras would change the errors.
        self.prepare()
        return super().__call__(image, logits)

    def prepare(self):
        """Reads the network, once, and counts its levels."""
        self._network.load()
        self._factors = self._factors or self._weights()

    def call(self, image, logits):
        """Returns the weighted distance of each image, `[batch]`."""
        # Excludes the original images' pass through the network from the gradient.
        wanted = self._features(tf.stop_gradient(image))
        found = self._features(tf.sigmoid(logits))
        distances = [
            self._distance(wanted[0], found[0]),
            *map(self._distance_of_level, wanted[1:], found[1:]),
        ]
        pairs = zip(self._factors, distances, strict=True)
        return tf.add_n([factor * distance for factor, distance in pairs])

    def _distance(self, wanted: tf.Tensor, found: tf.Tensor) -> tf.Tensor:
        return self._reduce(tf.abs(wanted - found), axis=[1, 2, 3])

    def _distance_of_level(self, wanted: tf.Tensor, found: tf.Tensor) -> tf.Tensor:
        if self._normalize == "channels":
            return self._distance(_over_norm(wanted), _over_norm(found))
        distance = self._distance(wanted, found)
        if self._normalize == "levels":
            mean = tf.reduce_mean(tf.abs(wanted), axis=[1, 2, 3])
            return distance / (mean + _LEAST)
        return distance

    def _features(self, image: tf.Tensor) -> list[tf.Tensor]:
        pixels = self._scaled(image)
        return [pixels, *self._network(pixels)]

    def _scaled(self, image: tf.Tensor) -> tf.Tensor:
        """Returns images in [0, 1] with their border, scaled for the network."""
        border = (self._pad, self._pad)
        image = tf.pad(image, [(0, 0), border, border, (0, 0)])
        if self._is_rgb and image.shape[-1] == 1:
            image = tf.tile(image, [1, 1, 1, 3])
        return pixel_scales.scaled(image, self._inputs)

    def _weights(self) -> tuple[float, ...]:
        levels = len(self._network.names)
        return options.factors(
            self._level_weights, pixels=self._pixel_weight, levels=levels
        )

    def _made(
        self, network: Any, *, layers: Sequence[str], levels: int, pad: int
    ) -> feature_networks.AbstractFeatureNetwork:
        """Returns another network than VGG16; a layer becomes a part of this one."""
        height, width, channels = options.padded(self.image_shape, pad=pad)
        channels = 3 if self._is_rgb and channels == 1 else channels
        wanted = feature_networks.Wanted(tuple(layers), levels=levels)
        how = {"image_shape": (height, width, channels), "wanted": wanted}
        if isinstance(network, (str, os.PathLike)):
            return feature_networks.FileNetwork(network, **how)
        layer = foreign.make(network) if isinstance(network, Mapping) else network
        if not isinstance(layer, keras.layers.Layer):
            raise errors.InvalidType(
                "A network is a path, a name, or a Keras layer",
                received=type(network).__name__,
                do="Pass for instance a keras.Model",
            )
        made = feature_networks.LayerNetwork(layer, **how)
        # Its variables belong to no group that is trained, and are saved.
        layer.trainable = False
        self.network = layer
        naming.adopt(layer, role="feature_network")
        parts.settle(self, network=layer)
        return made


def _over_norm(features: tf.Tensor) -> tf.Tensor:
    """Returns features over the norm of each pixel's channels, as LPIPS does."""
    squares = tf.reduce_sum(tf.square(features), axis=-1, keepdims=True)
    return features * tf.math.rsqrt(squares + _LEAST)
