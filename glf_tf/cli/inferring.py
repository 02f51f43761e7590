# SPDX-License-Identifier: Apache-2.0
"""Flags of tools that infer latents, and of those that hide pixels."""

__all__ = ["define_inference", "define_mask", "chain", "start", "mask"]

from absl import flags

from glf_tf import catalogue
from glf_tf.cli import groups, part_flags

FLAGS = flags.FLAGS

_STARTS = ("auto", "encoder", "normal", "prior")


def define_inference() -> list[part_flags.Part]:
    """Defines the flags for the inference of latents; returns their part."""
    part = part_flags.Part("inference", "", prefix="inference.")
    text = "Sampler of latents; by default, how the model infers them."
    with groups.group("inference"):
        part_flags.define(part, text)
        flags.DEFINE_enum(
            "start",
            "auto",
            _STARTS,
            "Where chains start; auto: at the encoder's latents, or at the prior's if "
            "pixels are hidden; as in training without an encoder.",
        )
    return [part]


def define_mask() -> list[part_flags.Part]:
    """Defines the flags for hidden pixels; returns their part."""
    part = part_flags.Part("mask", "square", prefix="mask.")
    with groups.group("mask"):
        part_flags.define(part, "What is hidden.")
    return [part]


def chain():
    """Returns the sampler of the flags; None if there is none."""
    if not FLAGS.inference:
        return None
    spec = part_flags.spec_of("inference", FLAGS.inference, prefix="inference.")
    return catalogue.build("inference", spec)


def start() -> str:
    """Returns where chains start."""
    return FLAGS.start


def mask(image_shape):
    """Returns the mask of the flags.

    Args:
        image_shape: (height, width, channels).

    Raises:
        InvalidValue: It does not fit the images.
    """
    spec = part_flags.spec_of("mask", FLAGS.mask, prefix="mask.")
    return catalogue.build("mask", spec, image_shape=image_shape)
