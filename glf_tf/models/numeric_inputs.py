# SPDX-License-Identifier: Apache-2.0
"""Checks of the numbers that models' public methods take."""

__all__ = [
    *("count", "draws", "guidance", "space", "steps", "temperature"),
    "unfit_to_nan",
]

import operator

import numpy as np
import tensorflow as tf

from glf_tf import errors
from glf_tf.models import inputs

_LARGEST = 1000.0
"""The largest temperature and guidance: far beyond, float32 overflows in a decoder."""


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


def temperature(value: float | tf.Tensor) -> float | tf.Tensor:
    """Returns a valid factor on the standard deviation of noise.

    Raises:
        InvalidType: It is no number, or several.
        InvalidValue: It is not between 0 and 1,000.
    """
    do = "Use 1 for the model's own samples, less for more likely ones"
    known = _number(value, name="temperature", do=do)
    if known.size and not 0.0 <= float(known) <= _LARGEST:
        raise errors.InvalidValue(
            "The temperature must lie between 0 and 1,000",
            received=f"temperature={float(known)}",
            do=do,
        )
    return value


def guidance(value: float | tf.Tensor, *, is_guidable: bool) -> float | tf.Tensor:
    """Returns a valid factor on what a label changes in samples.

    Args:
        value: The factor.
        is_guidable: Whether the model can be guided.

    Raises:
        InvalidType: It is no number, or several.
        InvalidValue: It is not between -1,000 and 1,000.
        Unsupported: The model cannot be guided.
    """
    do = "Use 1 for none, or for instance 2"
    known = _number(value, name="guidance", do=do)
    if known.size and not -_LARGEST <= float(known) <= _LARGEST:
        raise errors.InvalidValue(
            "The guidance must lie between -1,000 and 1,000",
            received=f"guidance={float(known)}",
            do=do,
        )
    if not is_guidable:
        raise errors.Unsupported(
            "Guidance is for models whose prior was trained without some labels",
            received=f"guidance={value!r}".partition("\n")[0][:80],
            do="Use labels and a prior such as flow_matching, or leave it out",
        )
    return float(known) if known.size else value


def unfit_to_nan(
    images: tf.Tensor,
    *,
    temperature: float | tf.Tensor,
    guidance: float | tf.Tensor | None,
) -> tf.Tensor:
    """Returns images, which are NaN in a graph if a number of it is invalid."""
    given = (temperature, 0.0 if guidance is None else guidance)
    if tf.executing_eagerly() or not any(map(tf.is_tensor, given)):
        return images
    # What is not a number is in no range.
    is_small = tf.reduce_all([tf.abs(value) <= _LARGEST for value in given])
    return tf.where(is_small & (temperature >= 0), images, float("nan"))


def _number(value: float | tf.Tensor, *, name: str, do: str) -> np.ndarray:
    """Returns a number, or an empty array if only a graph has it.

    Raises:
        InvalidType: It is no number, or several.
    """
    known = inputs.values(value) if tf.is_tensor(value) else np.asarray(value)
    if known.size and (known.ndim or known.dtype.kind not in "fiu"):
        raise errors.InvalidType(
            f"The {name} must be a number",
            received=f"{name}={value!r}".partition("\n")[0][:80],
            do=do,
        )
    return known


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
