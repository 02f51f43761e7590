# SPDX-License-Identifier: Apache-2.0
"""The perceptual loss: a distance of images in features of VGG16.

Johnson, Alahi, Fei-Fei: Perceptual Losses for Real-Time Style Transfer and
Super-Resolution, 2016, https://arxiv.org/abs/1603.08155; in the form of Hoshen, Wolf:
NAM, 2018, https://arxiv.org/abs/1806.00804, which the GLF paper (appendix B.1) and
GLANN (https://arxiv.org/abs/1812.08985) use.
"""

__all__ = ["Perceptual"]

import math
from typing import Literal

import tensorflow as tf

from glf_tf import errors, types
from glf_tf.networks import vgg, vgg_weights
from glf_tf.objectives import reconstruction

_LEVELS_BY_SIZE = ((16, 2), (32, 3), (64, 4), (math.inf, 5))
_RGB_MEAN, _RGB_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_BGR_MEAN = (103.939, 116.779, 123.68)
_INPUTS = ("caffe", "symmetric", "imagenet")


class Perceptual(reconstruction.AbstractReconstruction):
    """L1 distances of pixels and of their VGG16 features.

        w_0 * |u - v|_1 + sum_l w_l * |f_l(u) - f_l(v)|_1
        u = scaled(image),  v = scaled(sigmoid(logits))

    `f_l` are the features of the first `levels` of block1_conv2, block2_conv2,
    block3_conv2, block4_conv3 and block5_pool, and `|.|_1` is a sum ("sum", the code of
    GLF's authors) or a mean ("mean", NAM and GLANN) over pixels and channels, for each
    image. Grey images get three equal channels first; pixels are compared as scaled for
    the network, and nothing is resized. It is not a likelihood and has no unit.

    **Which weights.** The published code has torchvision's, and feeds them [-1, 1]
    (NAM, GLANN, and GLF on MNIST and Fashion-MNIST: "symmetric") or the mean and
    deviation that they expect (GLF on CIFAR-10 and CelebA: "imagenet"). Keras' are
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

    The network is fixed and not saved in checkpoints, `.keras` files or SavedModels.
    Its file is read when a loss is first computed; sampling does not need it.

    Deviation: above 64 pixels GLANN adds the distances of images reduced to a quarter;
    here there are five levels of one size. GLF's authors compare colour images, scaled
    as "imagenet", with a tanh that has no such scale; here both are scaled alike.

    Args:
        levels: Number of levels of features; 0 for the published rule by the shorter
            side: 2 up to 16 pixels, 3 up to 32, 4 up to 64, then 5.
        level_weights: The weights of the levels, comma-separated; "" for 1 each.
        pixel_weight: Weight of the pixels.
        reduction: Whether differences of an image are summed or averaged.
        activation: Whether features of convolutions are taken "before" or "after" ReLU,
            or as in the published code ("in_place").
        inputs: How pixels are scaled, as the weights expect.
        pad: Number of black pixels added on each side; GLANN has 2 at 28 pixels.
        weights: The weights of VGG16: imagenet (Keras' file, downloaded once to its
            cache), the path of a .h5 or .npz file, or random, for tests.
    """

    def __init__(
        self,
        image_shape: types.ImageShape,
        *,
        levels: int = 0,
        level_weights: str = "",
        pixel_weight: float = 1.0,
        reduction: Literal["sum", "mean"] = "sum",
        activation: Literal["in_place", "before", "after"] = "in_place",
        inputs: Literal["caffe", "symmetric", "imagenet"] = "caffe",
        pad: int = 0,
        weights: types.Path = "imagenet",
        **kwargs,
    ):
        super().__init__(image_shape, **kwargs)
        _check_choice("reduction", reduction, known=("sum", "mean"))
        _check_choice("activation", activation, known=vgg.ACTIVATIONS)
        _check_choice("inputs", inputs, known=_INPUTS)
        vgg_weights.check_name(weights)
        self._side = _checked_side(self.image_shape, pad=pad)
        levels = levels or _levels_for(min(self.image_shape[:2]))
        _check_levels(levels, side=self._side)
        self._factors = (
            _checked_weight("pixel_weight", pixel_weight),
            *_level_weights(level_weights, levels=levels),
        )
        self._pad, self._inputs = pad, inputs
        self._reduce = tf.reduce_sum if reduction == "sum" else tf.reduce_mean
        self._network = vgg.Network(
            weights, architecture=vgg.VGG16, levels=levels, activation=activation
        )

    def __call__(self, image, logits):
        """Reads the network's weights; returns `call(image, logits)`, `[batch]`."""
        # Not in `call`, where Keras would change the errors.
        self._network.load()
        return super().__call__(image, logits)

    def call(self, image, logits):
        """Returns the weighted distance of each image, `[batch]`."""
        # Excludes the original images' pass through the network from the gradient.
        target = self._features(tf.stop_gradient(image))
        distances = [
            self._reduce(tf.abs(wanted - found), axis=[1, 2, 3])
            for wanted, found in zip(
                target, self._features(tf.sigmoid(logits)), strict=True
            )
        ]
        pairs = zip(self._factors, distances, strict=True)
        return tf.add_n([factor * distance for factor, distance in pairs])

    def _features(self, image: tf.Tensor) -> list[tf.Tensor]:
        pixels = self._scaled(image)
        return [pixels, *self._network(pixels)]

    def _scaled(self, image: tf.Tensor) -> tf.Tensor:
        """Returns images in [0, 1] scaled for the network, `[batch, h, w, 3]`."""
        border = (self._pad, self._pad)
        image = tf.pad(image, [(0, 0), border, border, (0, 0)])
        if image.shape[-1] == 1:
            image = tf.tile(image, [1, 1, 1, 3])
        if self._inputs == "symmetric":
            return 2.0 * image - 1.0
        if self._inputs == "imagenet":
            return (image - _RGB_MEAN) / _RGB_STD
        return 255.0 * image[..., ::-1] - _BGR_MEAN


def _levels_for(side: int) -> int:
    return next(levels for largest, levels in _LEVELS_BY_SIZE if side <= largest)


def _checked_side(image_shape: types.ImageShape, *, pad: int) -> int:
    if image_shape[-1] not in (1, 3):
        raise errors.InvalidValue(
            "VGG16 needs grey images, or images with three channels",
            received=f"{image_shape[-1]} channels",
            do="Use another --reconstruction",
        )
    if pad < 0:
        raise errors.InvalidValue(
            "`pad` is a number of pixels and must not be negative",
            received=f"pad={pad}",
            do="Use 0, or for instance --reconstruction.pad=2",
        )
    return min(image_shape[:2]) + 2 * pad


def _check_levels(levels: int, *, side: int) -> None:
    most = len(vgg.VGG16.compared)
    if not 0 < levels <= most:
        raise errors.InvalidValue(
            f"`levels` must lie between 1 and {most}, or be 0 for the published rule",
            received=f"levels={levels}",
            do="Use for instance --reconstruction.levels=3",
        )
    least = vgg.VGG16.least_size(levels)
    if side < least:
        raise errors.InvalidValue(
            f"Images must have sides of {least} pixels for {levels} levels",
            received=f"a side of {side}, with its `pad`",
            do="Use fewer --reconstruction.levels, or a --reconstruction.pad",
        )


def _level_weights(text: str, *, levels: int) -> tuple[float, ...]:
    if not text:
        return (1.0,) * levels
    try:
        weights = tuple(float(part) for part in text.split(","))
    except ValueError:
        weights = ()
    if len(weights) != levels:
        raise errors.InvalidValue(
            f"`level_weights` must be {levels} comma-separated numbers, one per level",
            received=f"level_weights={text!r}",
            do=f"Use for instance level_weights={','.join('1' * levels)}",
        )
    return tuple(_checked_weight("level_weights", weight) for weight in weights)


def _checked_weight(name: str, value: float) -> float:
    if not 0.0 <= value < math.inf:
        raise errors.InvalidValue(
            f"`{name}` weighs a distance and must not be negative",
            received=f"{name}={value}",
            do="Use 0 or a positive number",
        )
    return value


def _check_choice(name: str, value: str, *, known: tuple[str, ...]) -> None:
    if value not in known:
        raise errors.InvalidValue(
            f"`{name}` must be one of {', '.join(known)}",
            received=f"{name}={value!r}",
            do=errors.suggestion(value, known),
        )
