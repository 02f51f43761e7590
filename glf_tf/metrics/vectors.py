# SPDX-License-Identifier: Apache-2.0
"""Checks of features, and random subsets of them."""

__all__ = ["SmallSampleWarning", "check", "check_pair", "generator", "subset"]

import numpy as np

from glf_tf import errors, seeds, types


class SmallSampleWarning(UserWarning):
    """A warning about too few samples for a comparable result."""


def check(features: types.Tensor, *, name: str = "features") -> np.ndarray:
    """Returns the features as an array `[size, dim]` of floats.

    Raises:
        InvalidValue: The shape is wrong, there are fewer than two rows, or a value is
            not finite.
    """
    features = np.asarray(features)
    if features.ndim != 2 or not features.shape[1]:
        raise errors.InvalidValue(
            f"{name} must have the shape [size, dim]",
            received=f"shape {features.shape}",
            do="Flatten the extractor's output, one row per image",
        )
    if len(features) < 2:
        raise errors.InvalidValue(
            f"{name} must have at least two rows: one sample has no spread",
            received=f"{len(features)} rows",
            do="Draw more samples",
        )
    if not _all_finite(features):
        raise errors.InvalidValue(
            f"{name} must be finite",
            received=f"{np.count_nonzero(~np.isfinite(features))} that are NaN or inf",
            do="Check the images and the extractor",
        )
    return features


def _all_finite(features: np.ndarray) -> bool:
    # A sum is finite only if all terms are, and needs no array of its own.
    with np.errstate(invalid="ignore"):
        return bool(np.isfinite(np.sum(features, dtype=np.float64)))


def check_pair(
    features: types.Tensor, *, reference: types.Tensor
) -> tuple[np.ndarray, np.ndarray]:
    """Returns both sets as arrays `[size, dim]` of one `dim`.

    Raises:
        InvalidValue: One of them is not fit (see `check`), or the widths differ.
    """
    features, reference = check(features), check(reference, name="reference features")
    if features.shape[1] != reference.shape[1]:
        raise errors.InvalidValue(
            "Features and reference features must have the same width",
            received=f"{features.shape[1]} and {reference.shape[1]} dimensions",
            do="Use the same extractor for both",
        )
    return features, reference


def generator(seed: types.Seed) -> np.random.Generator:
    """Returns the NumPy generator that stands for a stateless seed."""
    return np.random.default_rng(np.asarray(seeds.make(seed)).astype(np.uint32))


def subset(rows: np.ndarray, *, count: int, seed: types.Seed) -> np.ndarray:
    """Returns `count` rows, drawn without replacement; all where there are fewer."""
    if count >= len(rows):
        return rows
    # Sorted, so that a mapped file is read from front to back.
    return rows[np.sort(generator(seed).permutation(len(rows))[:count])]
