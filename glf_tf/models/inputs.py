# SPDX-License-Identifier: Apache-2.0
"""Checks of the images, masks and latents that models' public methods take.

Dtypes and shapes are always checked, also while tracing. Values are checked in eager
mode only, as checks in a graph would slow down every call. `glf_tf.export` guards the
inputs of exported models.
"""

__all__ = [
    "binary",
    "images",
    "latents",
    "levels",
    "masked",
    "same_batch",
    "values",
]

import numpy as np
import tensorflow as tf

from glf_tf import errors, types
from glf_tf.data import pixels


def images(
    image: types.Tensor, *, shape: types.ImageShape, mask: tf.Tensor | None = None
) -> tf.Tensor:
    """Returns images as a tensor of floats, with hidden pixels set to 0.

    Args:
        image: `[batch, height, width, channels]` in [0, 1]; the batch may be empty.
        shape: (height, width, channels) of the model.
        mask: `[batch, height, width, 1]`, 1 for visible pixels; None if all are
            visible.

    Raises:
        InvalidType: They are not floats.
        InvalidValue: They have another shape, or values outside of [0, 1], or NaN; or
            the mask has another batch size.
    """
    image = _floats(image, name="Images", do="Divide uint8 by 255")
    if image.shape.rank != 4 or not image.shape[1:].is_compatible_with(shape):
        raise errors.InvalidValue(
            "Images must have the model's shape, [batch, height, width, channels]",
            received=f"shape {tuple(image.shape)}",
            do=f"Pass images [batch, {', '.join(map(str, shape))}]",
        )
    image = masked(image, mask)
    known = values(image)
    if known.size:
        pixels.check_range(known, name="Images")
    return image


def masked(image: types.Tensor, mask: tf.Tensor | None) -> types.Tensor:
    """Returns images with hidden pixels set to 0, also if they were NaN.

    Args:
        image: `[batch, height, width, channels]`.
        mask: `[batch, height, width, 1]`, 1 for visible pixels; None if all are
            visible.

    Raises:
        InvalidValue: They have different batch sizes.
    """
    if mask is None:
        return image
    image = tf.convert_to_tensor(image)
    same_batch(images=image, masks=mask)
    return tf.where(mask > 0, image, tf.zeros([], image.dtype))


def same_batch(**given: types.Tensor) -> None:
    """Checks that tensors have the same batch size, or 1, which is broadcast.

    Args:
        **given: Tensors `[batch, ...]` by their names in the error message.

    Raises:
        InvalidValue: They have different batch sizes.
    """
    sizes = {name: tensor.shape[0] for name, tensor in given.items()}
    if len({*sizes.values()} - {None, 1}) > 1:
        raise errors.InvalidValue(
            f"{' and '.join(given).capitalize()} must have the same batch size",
            received=" and ".join(f"{size} {name}" for name, size in sizes.items()),
            do="Pass as many of each",
        )


def binary(mask: tf.Tensor) -> tf.Tensor:
    """Returns a valid mask `[batch, height, width, 1 or channels]`.

    Raises:
        InvalidValue: It has values other than 0 and 1.
    """
    known = values(mask)
    if not np.isin(known, (0, 1)).all():
        raise errors.InvalidValue(
            "A mask is 1 where a pixel is visible and 0 where it is hidden",
            received=f"values from {known.min():.3g} to {known.max():.3g}",
            do="Round them",
        )
    return mask


def latents(z: types.Tensor, *, dim: int, name: str = "Latents") -> tf.Tensor:
    """Returns latents as a tensor of floats.

    Args:
        z: `[batch, dim]`; the batch may be empty.
        dim: The size of the latents.
        name: Their name in error messages.

    Raises:
        InvalidType: They are not floats.
        InvalidValue: They have another shape, or are not all finite.
    """
    z = _floats(z, name=name, do="Convert them first")
    if z.shape.rank != 2 or not z.shape[1:].is_compatible_with([dim]):
        raise errors.InvalidValue(
            f"{name} must have the shape [batch, {dim}]",
            received=f"shape {tuple(z.shape)}",
            do=f"Pass floats [batch, {dim}]"
            + ", for instance what `encode` returns" * (name == "Latents"),
        )
    known = values(z)
    if not np.isfinite(known).all():
        raise errors.InvalidValue(
            f"{name} are finite",
            received=f"{np.count_nonzero(~np.isfinite(known))} that are NaN or inf",
            do="Check their computation",
        )
    return z


def levels(image: tf.Tensor) -> tf.Tensor:
    """Returns images whose values are those of 8 bits.

    Raises:
        InvalidValue: They are not multiples of 1/255.
    """
    known = 255.0 * values(image)
    off = np.abs(known - np.round(known)) > 255.0 * pixels.SLACK
    if off.any():
        raise errors.InvalidValue(
            "Bits are those of images of 8 bits, with multiples of 1/255 as values",
            received=f"{np.count_nonzero(off):,} of {known.size:,} that are not",
            do="Round them: np.round(255 * images) / 255",
        )
    return image


def _floats(value: types.Tensor, *, name: str, do: str) -> tf.Tensor:
    try:
        value = tf.convert_to_tensor(value)
    except (TypeError, ValueError) as error:
        raise errors.InvalidType(
            f"{name} must be floats", received=type(value).__name__, do=do
        ) from error
    if not value.dtype.is_floating:
        raise errors.InvalidType(
            f"{name} must be floats", received=f"{value.dtype.name}", do=do
        )
    return value


def values(tensor: tf.Tensor) -> np.ndarray:
    """Returns the values of a tensor in eager mode; None while tracing."""
    if not tf.executing_eagerly() or not hasattr(tensor, "numpy"):
        return np.empty([0])
    return tensor.numpy()
