# SPDX-License-Identifier: Apache-2.0
"""Toys: points in the plane from densities that are known exactly."""

__all__ = ["KINDS", "Toy", "density"]

from collections.abc import Callable, Mapping
from typing import Literal, get_args

import numpy as np

from glf_tf import errors, seeds
from glf_tf.data import paths as paths_lib
from glf_tf.data import plane, vector_set
from glf_tf.datasets import dataset

Kind = Literal[
    "two_moons",
    "eight_gaussians",
    "two_spirals",
    "pinwheel",
    "checkerboard",
    "rings",
    "swiss_roll",
    "cosine",
]

KINDS: tuple[Kind, ...] = get_args(Kind)
"""Names of the eight densities."""

_HELD_OUT = 10_000


class Toy(dataset.AbstractDataset):
    """Toys: points in the plane, from one of eight densities that are known exactly.

    Each split is drawn by itself, 10,000 points for validation and for the test.

    Args:
        paths: Not used; the points are computed.
        kind: The density.
        size: Number of points of the training set.
        seed: Seed of all splits.
    """

    def __init__(
        self,
        paths: paths_lib.DataPaths,
        *,
        kind: Kind = "two_moons",
        size: int = 50_000,
        seed: int = 0,
    ):
        super().__init__(paths)
        if kind not in KINDS:
            raise errors.InvalidValue(
                "`kind` must be one of the toys",
                received=f"kind={kind!r}",
                do=errors.suggestion(kind, KINDS),
            )
        if size < 1:
            raise errors.InvalidValue(
                "`size` must be at least 1",
                received=f"size={size}",
                do="Pass for instance --dataset.size=50000",
            )
        seeds.check_not_negative(seed=seed)
        self.kind, self.size, self.seed = kind, size, seed

    @property
    def splits(self) -> tuple[dataset.Split, ...]:
        """All three splits."""
        return dataset.ALL_SPLITS

    def load(self, split: dataset.Split) -> vector_set.VectorSet:
        """Returns one split: vectors float32 `[size, 2]`, no labels."""
        dataset.check_split(split, known=dataset.ALL_SPLITS)
        count = self.size if split == "train" else _HELD_OUT
        seed = (self.seed, dataset.ALL_SPLITS.index(split))
        return vector_set.VectorSet(
            name=self.kind,
            split=split,
            vectors=density(self.kind).sample(count, seed=seed),
            source="computed",
        )

    def report(self) -> tuple[str, ...]:
        """Returns a line with the entropy."""
        entropy = plane.entropy(density(self.kind))
        return (f"{self.kind}: entropy {entropy:.3f} nats, the least expected NLL",)


def density(kind: Kind) -> plane.AbstractPlanar:
    """Returns the density of a toy."""
    return _DENSITIES[kind]()


def _circle(radius: float, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return radius * np.cos(2.0 * np.pi * u), radius * np.sin(2.0 * np.pi * u)


def _two_moons() -> plane.Clouds:
    def upper(u):
        return 2.0 * np.cos(np.pi * u) - 1.0, 2.0 * np.sin(np.pi * u) - 0.5

    def lower(u):
        return 1.0 - 2.0 * np.cos(np.pi * u), 0.5 - 2.0 * np.sin(np.pi * u)

    return plane.along(upper, lower, deviation=0.2)


def _eight_gaussians() -> plane.Clouds:
    centres = np.stack(_circle(np.sqrt(8.0), np.arange(8) / 8), axis=-1)
    return plane.Clouds(centres, deviation=np.sqrt(0.125))


def _two_spirals() -> plane.Clouds:
    def arm(u):
        angle = 3.0 * np.pi * np.sqrt(u)  # about the same number on each length
        return -angle / 3.0 * np.cos(angle), angle / 3.0 * np.sin(angle)

    def opposite(u):
        return tuple(-values for values in arm(u))

    return plane.along(arm, opposite, deviation=0.1)


def _rings() -> plane.Clouds:
    def ring(radius):
        return lambda u: _circle(radius, u)

    return plane.along(*(ring(0.75 * index) for index in (1, 2, 3, 4)), deviation=0.08)


def _swiss_roll() -> plane.Clouds:
    def roll(u):
        angle = 1.5 * np.pi * (1.0 + 2.0 * u)
        return angle / 5.0 * np.cos(angle), angle / 5.0 * np.sin(angle)

    return plane.along(roll, deviation=0.2)


def _cosine() -> plane.Clouds:
    def wave(u):
        x = np.pi * (2.0 * u - 1.0)
        return x, 2.0 * np.cos(x)

    return plane.along(wave, deviation=0.1)


_DENSITIES: Mapping[str, Callable[[], plane.AbstractPlanar]] = {
    "two_moons": _two_moons,
    "eight_gaussians": _eight_gaussians,
    "two_spirals": _two_spirals,
    "pinwheel": plane.Pinwheel,
    "checkerboard": plane.Checkerboard,
    "rings": _rings,
    "swiss_roll": _swiss_roll,
    "cosine": _cosine,
}
