# SPDX-License-Identifier: Apache-2.0
"""The convolutions of VGG16, as a fixed function of pixels.

Simonyan, Zisserman: Very Deep Convolutional Networks for Large-Scale Image Recognition,
2014, table 1, column D. https://arxiv.org/abs/1409.1556
"""

__all__ = ["ACTIVATIONS", "VGG16", "Architecture", "Network"]

import dataclasses

import tensorflow as tf

from glf_tf.networks import feature_networks, vgg_weights

ACTIVATIONS = ("in_place", "before", "after")
"""Whether features of convolutions are taken before or after ReLU; see `Network`."""


@dataclasses.dataclass(frozen=True)
class Architecture:
    """Blocks of 3 x 3 convolutions with ReLU, each block followed by a 2 x 2 maximum.

    Layers are called as in `keras.applications`: `block1_conv1`, ..., `block1_pool`.

    Attributes:
        blocks: The widths of each block's convolutions.
        compared: The layers that have features, in order; a "level" is one of them.
    """

    blocks: tuple[tuple[int, ...], ...]
    compared: tuple[str, ...]

    def layers(self, levels: int) -> tuple[str, ...]:
        """Returns the names of the layers that the first levels need, in order."""
        names = []
        for number, widths in enumerate(self.blocks, start=1):
            names += [f"block{number}_conv{i + 1}" for i in range(len(widths))]
            names.append(f"block{number}_pool")
        return tuple(names[: names.index(self.compared[levels - 1]) + 1])

    def kernel_shapes(self, levels: int) -> dict[str, tuple[int, int, int, int]]:
        """Returns the shape of the kernel of each convolution of `layers`, in order."""
        widths = iter(width for block in self.blocks for width in block)
        shapes, before = {}, 3
        for name in self.layers(levels):
            if "conv" in name:
                width = next(widths)
                shapes[name] = (3, 3, before, width)
                before = width
        return shapes

    def least_size(self, levels: int) -> int:
        """Returns the smallest height and width of images that reach the last level."""
        return 2 ** sum("pool" in name for name in self.layers(levels))


VGG16 = Architecture(
    blocks=((64, 64), (128, 128), (256,) * 3, (512,) * 3, (512,) * 3),
    compared=(
        "block1_conv2",
        "block2_conv2",
        "block3_conv2",
        "block4_conv3",
        "block5_pool",
    ),
)
"""VGG16 and the layers that NAM compares: numbers 2, 7, 12, 21, 30 of torchvision's."""


class Network(feature_networks.AbstractFeatureNetwork):
    """Features of pixels, with weights that are read when they are first needed.

    It is intentionally not a Keras layer, as its weights would be in every checkpoint,
    and a model that only samples would need their file. The weights are eager
    constants: a traced function captures them without a copy.
    """

    def __init__(
        self, weights: str, *, architecture: Architecture, levels: int, activation: str
    ):
        """Initializes the network without reading the weights.

        Args:
            weights: The weights, as for `vgg_weights.read`.
            architecture: The layers.
            levels: Number of compared layers, from the first.
            activation: Whether features of convolutions are taken "before" or "after"
                ReLU; "in_place" for after ReLU except at the last level.
        """
        self._weights, self._tensors = weights, None
        self._architecture, self._levels = architecture, levels
        self._activation = activation
        self.names = architecture.compared[:levels]

    def load(self) -> None:
        """Reads the weights once.

        Raises:
            NotFound: Their file does not exist and cannot be downloaded.
            InvalidValue: Their file has other content.
        """
        if self._tensors is not None:
            return
        shapes = self._architecture.kernel_shapes(self._levels)
        arrays = vgg_weights.read(self._weights, shapes=shapes)
        # They may be first needed in a trace, or on a replica.
        with tf.init_scope():
            self._tensors = {
                name: (tf.constant(kernel), tf.constant(bias))
                for name, (kernel, bias) in arrays.items()
            }

    def __call__(self, pixels: tf.Tensor) -> list[tf.Tensor]:
        """Returns the features of each level, `[batch, height, width, width of layer]`.

        Args:
            pixels: `[batch, height, width, 3]`, scaled as the weights expect it.
        """
        self.load()
        layers = self._architecture.layers(self._levels)
        compared = self._architecture.compared[: self._levels]
        features, x = [], pixels
        for name in layers:
            if "pool" in name:
                before = x = tf.nn.max_pool2d(x, ksize=2, strides=2, padding="VALID")
            else:
                before = self._convolution(name, x)
                x = tf.nn.relu(before)
            if name in compared:
                takes_before = self._takes_before(is_last=name == layers[-1])
                features.append(before if takes_before else x)
        return features

    def _takes_before(self, *, is_last: bool) -> bool:
        return self._activation == "before" or (
            self._activation == "in_place" and is_last
        )

    def _convolution(self, name: str, x: tf.Tensor) -> tf.Tensor:
        kernel, bias = (tf.cast(array, x.dtype) for array in self._tensors[name])
        return tf.nn.bias_add(tf.nn.conv2d(x, kernel, strides=1, padding="SAME"), bias)
