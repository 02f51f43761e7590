# SPDX-License-Identifier: Apache-2.0
"""Codes on which densities are measured, and sizes of densities, for any library.

Spline flows have couplings of splines on half of the coordinates each, with residual
networks, and mix the coordinates by a matrix before each coupling and after the last.
"""

__all__ = ["Splines", "Velocity", "batches", "codes"]

import dataclasses

import numpy as np

DIM = 20


@dataclasses.dataclass(frozen=True)
class Splines:
    """Sizes and training of the spline flows; see `nsf` of Durkan et al., 2019.

    Attributes:
        blocks: Couplings.
        hidden: Width of the networks.
        depth: Residual blocks of each network.
        bins: Bins of each spline.
        bound: The splines' interval is `[-bound, bound]`.
        batch_size: Codes a step, a density or a sample.
        learning_rate: That of Adam.
        clip_norm: Bound on the norm of the gradient.
        steps: Steps after which the likelihood of held-out codes is compared.
    """

    blocks: int = 5
    hidden: int = 128
    depth: int = 2
    bins: int = 8
    bound: float = 5.0
    batch_size: int = 256
    learning_rate: float = 5e-4
    clip_norm: float = 5.0
    steps: int = 1000


@dataclasses.dataclass(frozen=True)
class Velocity:
    """Sizes and solver of flow matching; those of flags/prior/flow_matching.cfg.

    Attributes:
        hidden: Width of the residual blocks.
        depth: Number of the blocks.
        embedding: Number of Fourier features of time.
        steps: Steps of Runge and Kutta's method of order 4, of four velocities each.
        batch_size: Codes a density or a sample.
        width: Width of torchcfm's network, by which a code's velocity takes as many
            multiplications as ours.
    """

    hidden: int = 128
    depth: int = 4
    embedding: int = 32
    steps: int = 12
    batch_size: int = 256
    width: int = 178


def codes(size: int = 60_000) -> np.ndarray:
    """Returns codes as of an encoder: ten bent clusters of eight dimensions, and noise.

    float64 `[size, 20]`, of mean 0 and deviation 1.
    """
    generator = np.random.default_rng(0)
    center = 2.0 * generator.normal(size=(10, 8))
    cause = center[generator.integers(10, size=size)]
    cause = cause + generator.normal(size=(size, 8))
    bent = np.tanh(cause @ generator.normal(size=(8, 64)) / 3.0)
    found = bent @ generator.normal(size=(64, DIM)) / 8.0
    found += 0.1 * generator.normal(size=found.shape)
    return (found - found.mean(axis=0)) / found.std(axis=0)


def batches(z: np.ndarray, *, batch_size: int):
    """Yields random batches of codes without end, the same ones for every library."""
    generator = np.random.default_rng(1)
    while True:
        yield z[generator.integers(len(z), size=batch_size)]
