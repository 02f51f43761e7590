# SPDX-License-Identifier: Apache-2.0
"""All metrics of generated images by key, and their measurement over trials.

key                 numbers                                 with Inception called
fd                  fd                                      FID
fd_infinity         fd_infinity                             FID_infinity
kid                 kid                                     KID
prd                 prd_f_8, prd_f_1_8                      PRD F_8, PRD F_1/8
precision_recall    precision, recall, density, coverage    the same
"""

__all__ = ["METRICS", "compute", "measure", "title"]

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from glf_tf import errors, seeds, types
from glf_tf.metrics import (
    frechet,
    frechet_infinity,
    kid,
    prd,
    precision_recall,
    protocol,
    reference,
    vectors,
)
from glf_tf.metrics.extractors import features


def compute(
    metrics: Sequence[str],
    *,
    samples: np.ndarray,
    real: reference.Reference,
    seed: types.Seed,
) -> dict[str, float]:
    """Computes metrics.

    Args:
        metrics: Keys of `METRICS`.
        samples: Features `[size, dim]`, from the extractor of `real`.
        real: The real images.
        seed: Seed of subsets and clusterings.

    Returns:
        numbers: Values by key; a metric may have several.

    Raises:
        InvalidValue: There is no such metric, or the features are invalid.
    """
    _check_known(metrics)
    numbers = {}
    for metric in metrics:
        numbers |= METRICS[metric](samples, real=real, seed=seed)
    return numbers


def measure(
    metrics: Sequence[str],
    *,
    draw: Callable[[types.Seed], np.ndarray],
    real: reference.Reference,
    settings: protocol.Protocol,
) -> list[protocol.Measurement]:
    """Returns measurements over all trials of a protocol.

    Args:
        metrics: Keys of `METRICS`.
        draw: Returns the features `[samples, dim]` of new samples for a seed.
        real: The real images.
        settings: The protocol, whose counts and names must be correct.

    Raises:
        InvalidValue: There is no such metric, or the protocol has another extractor,
            reference or count than those in use.
    """
    _check_known(metrics)
    _check_honest(settings, real=real)
    trials = []
    for trial_seed in seeds.split(settings.seed, num=settings.trials):
        draw_seed, metric_seed = seeds.split(trial_seed, num=2)
        samples = draw(draw_seed)
        _check_count(len(samples), settings=settings)
        trials.append(compute(metrics, samples=samples, real=real, seed=metric_seed))
    return [
        protocol.Measurement(
            metric=key,
            title=title(key, extractor=real.extractor.name),
            values=tuple(trial[key] for trial in trials),
            protocol=settings,
            notes=_notes(key, settings=settings, dim=real.extractor.dim),
        )
        for key in trials[0]
    ]


def title(key: str, *, extractor: str) -> str:
    """Returns the display name of a value.

    Distances are called FID and KID with the 2015 graph only; with other extractors,
    all names include the extractor.
    """
    inception_name, other_name = _TITLES[key]
    if extractor == features.INCEPTION:
        return inception_name
    return f"{other_name}-{extractor}"


def _fd(
    samples: np.ndarray, *, real: reference.Reference, seed: types.Seed
) -> dict[str, float]:
    del seed  # no randomness
    statistics = frechet.statistics(samples)
    return {"fd": frechet.distance(statistics, reference=real.statistics)}


def _fd_infinity(
    samples: np.ndarray, *, real: reference.Reference, seed: types.Seed
) -> dict[str, float]:
    line = frechet_infinity.distance(samples, reference=real.statistics, seed=seed)
    return {"fd_infinity": line.value}


def _kid(
    samples: np.ndarray, *, real: reference.Reference, seed: types.Seed
) -> dict[str, float]:
    return {"kid": kid.distance(samples, reference=real.features, seed=seed).mean}


def _prd(
    samples: np.ndarray, *, real: reference.Reference, seed: types.Seed
) -> dict[str, float]:
    subset_seed, cluster_seed = seeds.split(seed, num=2)
    count = min(len(samples), len(real))  # PRD needs equal numbers.
    curve = prd.curve(
        vectors.subset(samples, count=count, seed=subset_seed),
        reference=vectors.subset(real.features, count=count, seed=subset_seed),
        seed=cluster_seed,
    )
    return {"prd_f_8": curve.f_8, "prd_f_1_8": curve.f_1_8}


def _precision_recall(
    samples: np.ndarray, *, real: reference.Reference, seed: types.Seed
) -> dict[str, float]:
    del seed  # no randomness
    scores = precision_recall.scores(samples, reference=real.features)
    return dataclasses.asdict(scores)


METRICS = {
    "fd": _fd,
    "fd_infinity": _fd_infinity,
    "kid": _kid,
    "prd": _prd,
    "precision_recall": _precision_recall,
}
"""The metrics: functions of (features, real=, seed=) by key."""

_TITLES = {
    "fd": ("FID", "FD"),
    "fd_infinity": ("FID_infinity", "FD_infinity"),
    "kid": ("KID", "KD"),
    "prd_f_8": ("PRD F_8", "PRD F_8"),
    "prd_f_1_8": ("PRD F_1/8", "PRD F_1/8"),
    "precision": ("precision", "precision"),
    "recall": ("recall", "recall"),
    "density": ("density", "density"),
    "coverage": ("coverage", "coverage"),
}


def _notes(key: str, *, settings: protocol.Protocol, dim: int) -> tuple[str, ...]:
    if not key.startswith("fd"):
        return ()
    count = min(settings.samples, settings.references)
    note = frechet.small_sample_note(count, dim=dim)
    return () if note is None else (note,)


def _check_known(metrics: Sequence[str]) -> None:
    for metric in metrics:
        if metric not in METRICS:
            raise errors.InvalidValue(
                "A metric must be known",
                received=metric,
                do=errors.suggestion(metric, known=METRICS),
            )


def _check_honest(settings: protocol.Protocol, *, real: reference.Reference) -> None:
    stated = (
        settings.extractor,
        settings.extractor_checksum,
        settings.reference_digest,
        settings.references,
    )
    used = (real.extractor.name, real.extractor.checksum, real.digest, len(real))
    if stated != used:
        raise errors.InvalidValue(
            "A protocol must name the extractor and the reference that are used",
            received=f"{stated} in the protocol, {used} in use",
            do="Fill the protocol with `reference.Reference.identity`",
        )


def _check_count(samples: int, *, settings: protocol.Protocol) -> None:
    if samples != settings.samples:
        raise errors.InvalidValue(
            "A trial must have as many samples as its protocol states",
            received=f"{samples} samples, samples={settings.samples}",
            do="Draw that many, or change the protocol",
        )
