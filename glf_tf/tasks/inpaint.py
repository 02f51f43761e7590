# SPDX-License-Identifier: Apache-2.0
"""Completes images with hidden pixels, several times each.

Xie, Zhu, Xu, Li, Li: A Tale of Two Latent Flows: Learning Latent Space Normalizing Flow
with Short-run Langevin Flow for Approximate Inference, 2023, section 4.2.
https://arxiv.org/abs/2301.09300
"""

__all__ = ["inpaint", "panel", "with_visible", "check_masks"]

import numpy as np

from glf_tf import errors, seeds, types
from glf_tf.tasks import infer

GREY = 0.5
"""Grey value of hidden pixels in pictures."""


def inpaint(
    inference: infer.Inference,
    images: np.ndarray,
    masks: np.ndarray,
    *,
    attempts: int = 8,
    seed: types.Seed = 0,
) -> np.ndarray:
    """Returns completions: decoded latents that chains inferred from visible pixels.

    Each attempt is a chain with its own seed and, if chains start at noise, its own
    start.

    Args:
        inference: How latents are inferred.
        images: `[size, height, width, channels]`, uint8 or floats in [0, 1]; hidden
            pixels may have any value.
        masks: `[size, height, width, 1]`, 1 for visible pixels.
        attempts: Number of completions per image.
        seed: A stateless seed.

    Returns:
        completions: `[size, attempts, height, width, channels]` in [0, 1], decoded
            images including visible pixels; see `with_visible`.

    Raises:
        InvalidValue: `attempts` is not positive, or the masks are invalid.
        Unsupported: The model's reconstruction term is not a sum over pixels.
        Diverged: A chain diverged.
    """
    check_attempts(attempts)
    check_masks(masks, images=images)
    made = [
        inference.reconstruct(images, masks, seed=seeds.fold(seed, attempt))
        for attempt in range(attempts)
    ]
    return np.stack(made, axis=1)


def with_visible(
    completions: np.ndarray, *, images: np.ndarray, masks: np.ndarray
) -> np.ndarray:
    """Returns completions `[size, attempts, ...]` with the visible pixels as given."""
    given, masks = infer.to_unit(images)[:, None], masks[:, None]
    return np.where(masks > 0, given, completions)


def panel(
    images: np.ndarray, *, masks: np.ndarray, completions: np.ndarray
) -> np.ndarray:
    """Returns images for a grid: a row of original, masked image and completions each.

    Args:
        images: `[size, height, width, channels]`.
        masks: `[size, height, width, 1]`.
        completions: `[size, attempts, height, width, channels]`.

    Returns:
        images: `[size * (2 + attempts), height, width, channels]` in [0, 1].
    """
    given = infer.to_unit(images)
    masked = np.where(masks > 0, given, np.float32(GREY))
    given = np.nan_to_num(given, nan=GREY)  # hidden pixels may be NaN
    rows = np.concatenate([given[:, None], masked[:, None], completions], axis=1)
    return rows.reshape([-1, *images.shape[1:]])


def check_attempts(attempts: int) -> None:
    """Checks the number of completions.

    Raises:
        InvalidValue: It is not positive.
    """
    if attempts < 1:
        raise errors.InvalidValue(
            "The number of completions must be positive",
            received=f"attempts={attempts}",
            do="Use for instance --attempts=8",
        )


def check_masks(masks: np.ndarray, *, images: np.ndarray) -> None:
    """Checks that masks `[size, height, width, 1]` fit images and hide no whole image.

    Raises:
        InvalidValue: Shapes differ, values are not 0 or 1, or a whole image is hidden.
    """
    if masks.shape != (*images.shape[:3], 1):
        raise errors.InvalidValue(
            "A mask has the height and width of its image, and one channel",
            received=f"masks {masks.shape} for images {images.shape}",
            do=f"Pass masks {(*images.shape[:3], 1)}",
        )
    if not np.isin(masks, (0, 1)).all():
        raise errors.InvalidValue(
            "A mask is 1 where a pixel is visible and 0 where it is hidden",
            received=f"values from {masks.min():.3g} to {masks.max():.3g}",
            do="Round them",
        )
    hidden = np.flatnonzero(~masks.any(axis=(1, 2, 3)))
    if hidden.size:
        raise errors.InvalidValue(
            "Some pixels of every image must be visible",
            received=f"all hidden in image {hidden[0]} ({hidden.size} such images)",
            do="Hide less of it, or use tools/sample.py",
        )
