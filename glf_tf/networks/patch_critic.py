# SPDX-License-Identifier: Apache-2.0
"""A critic of images that judges patches, and has features of them.

Isola, Zhu, Zhou, Efros: Image-to-Image Translation with Conditional Adversarial
Networks, 2017, section 3.2.2. https://arxiv.org/abs/1611.07004
Miyato, Kataoka, Koyama, Yoshida: Spectral Normalization for Generative Adversarial
Networks, 2018. https://arxiv.org/abs/1802.05957
"""

__all__ = ["patch_critic", "side_of_patch"]

from collections.abc import Sequence

import keras
from keras import layers

from glf_tf import errors, types
from glf_tf.layers import leaky_relu, spectral
from glf_tf.networks import halving

_SLOPE = 0.2
_KERNEL = 4


def patch_critic(
    image_shape: types.ImageShape,
    *,
    widths: Sequence[int],
    is_spectral: bool = True,
    name: str = "critic",
) -> keras.Model:
    """Returns a new critic: images to a list of features, and scores last.

        conv 4x4 of stride 2, leaky ReLU of slope 0.2     for each width
        conv 4x4 of stride 1 to one channel               the scores

    A score belongs to a patch of `side_of_patch(widths)` pixels a side; what lies
    outside of the image counts as 0. The features are those after each ReLU, `[batch,
    height / 2^k, width / 2^k, widths[k - 1]]` with sides rounded up, and scores have
    the shape of the last features with one channel.

    No layer compares the images of a batch, so that gradient penalties are possible.

    Args:
        image_shape: (height, width, channels).
        widths: Channels of each convolution that halves the image.
        is_spectral: Whether all kernels are divided by their spectral norms.
        name: The model's name.

    Raises:
        InvalidValue: There is no width, one is not positive, or the image is too small
            to be halved so often.
    """
    _check(image_shape, widths=widths)
    wrapped = spectral.SpectralNormalized if is_spectral else (lambda layer: layer)
    image = keras.Input(image_shape, name="image")
    x, features = image, []
    for index, width in enumerate(widths):
        conv = halving.conv(width, f"conv_{index}", use_bias=True)
        x = leaky_relu.LeakyReLU(_SLOPE, name=f"relu_{index}")(wrapped(conv)(x))
        features.append(x)
    # No bias: a loss that compares the scores of two kinds of image does not see it.
    last = layers.Conv2D(
        1,
        kernel_size=_KERNEL,
        padding="same",
        use_bias=False,
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.02),
        name="conv_last",
    )
    return keras.Model(image, [*features, wrapped(last)(x)], name=name)


def side_of_patch(widths: Sequence[int]) -> int:
    """Returns the height and width in pixels of what a score depends on."""
    side = _KERNEL
    for _ in widths:
        side = 2 * (side - 1) + _KERNEL
    return side


def _check(image_shape: types.ImageShape, *, widths: Sequence[int]) -> None:
    if not widths or min(widths) < 1:
        raise errors.InvalidValue(
            "`widths` of a critic must be positive numbers, at least one",
            received=f"widths={tuple(widths)}",
            do="Use for instance widths=32,64,128",
        )
    side = min(image_shape[:2])
    if side < 2 ** len(widths):
        raise errors.InvalidValue(
            f"A critic of {len(widths)} widths halves images so often: their sides "
            f"must have at least {2 ** len(widths)} pixels",
            received=f"{len(widths)} widths for image_shape={image_shape}",
            do=f"Use at most {side.bit_length() - 1} widths",
        )
