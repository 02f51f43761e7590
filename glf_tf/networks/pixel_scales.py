# SPDX-License-Identifier: Apache-2.0
"""The ranges of pixels that networks expect."""

__all__ = ["OF_RGB", "SCALES", "scaled"]

import tensorflow as tf

_RGB_MEAN, _RGB_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_BGR_MEAN = (103.939, 116.779, 123.68)

OF_RGB = ("caffe", "imagenet")
"""Those of images with three channels alone."""

SCALES = ("unit", "symmetric", "bytes", *OF_RGB)
"""unit [0, 1], symmetric [-1, 1], bytes [0, 255], imagenet RGB less the mean of
ImageNet over its deviation, caffe BGR [0, 255] less the mean."""


def scaled(image: tf.Tensor, scale: str) -> tf.Tensor:
    """Returns images in [0, 1] as one of `SCALES`.

    Args:
        image: `[batch, height, width, channels]`, three of `OF_RGB`.
        scale: The scale.
    """
    if scale == "symmetric":
        return 2.0 * image - 1.0
    if scale == "bytes":
        return 255.0 * image
    if scale == "imagenet":
        return (image - _RGB_MEAN) / _RGB_STD
    if scale == "caffe":
        return 255.0 * image[..., ::-1] - _BGR_MEAN
    return image
