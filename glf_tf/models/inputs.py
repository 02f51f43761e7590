# SPDX-License-Identifier: Apache-2.0
"""Checks of the inputs of models' public methods.

Dtypes and shapes are always checked, also while tracing. Values are checked in eager
mode only, as checks in a graph would slow down every call. `glf_tf.export` guards the
inputs of exported models.
"""

__all__ = [
    "binary",
    "check_conditional",
    "check_labels",
    "count",
    "draws",
    "images",
    "labels",
    "latents",
    "levels",
    "masked",
    "same_batch",
    "space",
    "steps",
    "temperature",
]

import operator

import numpy as np
import tensorflow as tf

from glf_tf import errors, types
from glf_tf.data import image_set, pixels


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
            received=f"shape {tuple(image.shape)} for {tuple(shape)}",
            do=f"Pass images [batch, {', '.join(map(str, shape))}]",
        )
    image = masked(image, mask)
    values = _values(image)
    if values.size:
        pixels.check_range(values, name="Images")
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
    values = _values(mask)
    if not np.isin(values, (0, 1)).all():
        raise errors.InvalidValue(
            "A mask is 1 where a pixel is visible and 0 where it is hidden",
            received=f"values from {values.min():.3g} to {values.max():.3g}",
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
            do="Pass for instance what `encode` returns",
        )
    values = _values(z)
    if not np.isfinite(values).all():
        raise errors.InvalidValue(
            f"{name} are finite",
            received=f"{np.count_nonzero(~np.isfinite(values))} that are NaN or inf",
            do="Check their computation",
        )
    return z


def count(n: int | tf.Tensor) -> int | tf.Tensor:
    """Returns a valid number of samples, which may be 0.

    Raises:
        InvalidType: It is not a whole number.
        InvalidValue: It is negative.
    """
    return _whole(n, name="The number of samples", least=0)


def steps(num_steps: int | tf.Tensor) -> int | tf.Tensor:
    """Returns a valid number of points on a line.

    Raises:
        InvalidType: It is not a whole number.
        InvalidValue: It is not positive.
    """
    return _whole(num_steps, name="The number of points", least=1)


def draws(num_draws: int) -> int:
    """Returns a valid number of draws.

    Raises:
        InvalidType: It is not a whole number, or not known while tracing.
        InvalidValue: It is not positive.
    """
    if tf.is_tensor(num_draws) and not hasattr(num_draws, "numpy"):
        raise errors.InvalidType(
            "The number of draws must be known when a function is traced",
            received="a tensor of the graph",
            do="Pass an int",
        )
    return int(_whole(num_draws, name="The number of draws", least=1))


def labels(
    label: types.Tensor | int, *, num_classes: int, count: int | tf.Tensor
) -> tf.Tensor:
    """Returns labels as a tensor of whole numbers, `[count]`.

    Args:
        label: `[count]`, or the one label of all.
        num_classes: Number of labels of the model; 0 if it takes none.
        count: Number of images.

    Raises:
        Unsupported: The model takes no labels.
        InvalidType: They are no whole numbers.
        InvalidValue: There are as many as there are no images, or one is out of range.
    """
    check_conditional(num_classes, received=f"label={label!r}".partition("\n")[0][:80])
    try:
        label = tf.convert_to_tensor(label)
    except (TypeError, ValueError):
        label = tf.constant("")
    if label.shape == (0,):  # an empty list is one of floats
        label = tf.cast(label, tf.int32)
    if not label.dtype.is_integer:
        raise errors.InvalidType(
            "Labels must be whole numbers", received=label.dtype.name, do="Cast them"
        )
    if label.shape.rank == 0:
        label = tf.fill([count], label)
    known = tf.get_static_value(count)
    if label.shape.rank != 1 or not label.shape.is_compatible_with([known]):
        raise errors.InvalidValue(
            "There must be one label an image, or one for all",
            received=f"labels of shape {tuple(label.shape)} for {known} images",
            do="Pass as many labels as images",
        )
    _check_range(_values(label), num_classes=num_classes)
    return tf.cast(label, tf.int32)  # TensorFlow gathers by no unsigned numbers


def check_conditional(num_classes: int, *, received: str) -> None:
    """Checks that a model is conditional on labels.

    Raises:
        Unsupported: It is not.
    """
    if not num_classes:
        raise errors.Unsupported(
            "Labels are for models that are conditional on them",
            received=received,
            do="Make a flow on images with num_classes",
        )


def check_labels(data: image_set.ImageSet, *, num_classes: int) -> None:
    """Checks that a set of images has the labels of a conditional model.

    Raises:
        InvalidValue: There are none, or one is out of range.
    """
    if data.labels is None:
        raise errors.InvalidValue(
            "A model that is conditional on labels needs one an image",
            received=f"{data.name} without labels for num_classes={num_classes}",
            do="Pass labels, in Python fit(images, labels), or use num_classes=0",
        )
    _check_range(data.labels, num_classes=num_classes)


def _check_range(label: np.ndarray, *, num_classes: int) -> None:
    if label.size and not 0 <= label.min() <= label.max() < num_classes:
        raise errors.InvalidValue(
            f"Labels must lie between 0 and num_classes - 1 = {num_classes - 1}",
            received=f"labels from {label.min()} to {label.max()}",
            do="Number them from 0, or use a larger num_classes",
        )


def levels(image: tf.Tensor) -> tf.Tensor:
    """Returns images whose values are those of 8 bits.

    Raises:
        InvalidValue: They are not multiples of 1/255.
    """
    values = 255.0 * _values(image)
    off = np.abs(values - np.round(values)) > 255.0 * pixels.SLACK
    if off.any():
        raise errors.InvalidValue(
            "Bits are those of images of 8 bits, with multiples of 1/255 as values",
            received=f"{np.count_nonzero(off):,} of {values.size:,} that are not",
            do="Round them: np.round(255 * images) / 255",
        )
    return image


def temperature(value: float | tf.Tensor) -> float | tf.Tensor:
    """Returns a valid factor on the standard deviation of noise.

    Raises:
        InvalidType: It is no number, or several.
        InvalidValue: It is negative or not finite.
    """
    known = _values(value) if tf.is_tensor(value) else np.asarray(value)
    if known.size and (known.ndim or known.dtype.kind not in "fiu"):
        raise errors.InvalidType(
            "The temperature must be a number",
            received=f"temperature={value!r}".partition("\n")[0][:80],
            do="Use 1 for the model's own samples, less for more likely ones",
        )
    if known.size and not 0.0 <= float(known) <= float(np.finfo(np.float32).max):
        raise errors.InvalidValue(
            "The temperature must be finite and not negative",
            received=f"temperature={float(known)}",
            do="Use 1 for the model's own samples, less for more likely ones",
        )
    return value


def space(name: str) -> str:
    """Returns a valid space of interpolation.

    Raises:
        InvalidValue: It is neither "noise" nor "latent".
    """
    if name not in ("noise", "latent"):
        raise errors.InvalidValue(
            "The space of interpolation must be noise or latent",
            received=f"space={name!r}",
            do='Use space="noise" or space="latent"',
        )
    return name


def _whole(n: int | tf.Tensor, *, name: str, least: int) -> int | tf.Tensor:
    if tf.is_tensor(n) and not hasattr(n, "numpy"):
        return n
    try:
        known = np.asarray(n).item() if tf.is_tensor(n) else n
        # A bool is an int to Python, and a mistake here.
        known = operator.index("" if isinstance(known, bool) else known)
    except (TypeError, ValueError) as error:
        raise errors.InvalidType(
            f"{name} must be a whole number", received=repr(n), do="Pass an int"
        ) from error
    if known < least:
        raise errors.InvalidValue(
            f"{name} must be at least {least}", received=known, do="Use more"
        )
    return n


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


def _values(tensor: tf.Tensor) -> np.ndarray:
    """Returns the values of a tensor in eager mode; None while tracing."""
    if not tf.executing_eagerly() or not hasattr(tensor, "numpy"):
        return np.empty([0])
    return tensor.numpy()
