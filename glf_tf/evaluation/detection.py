# SPDX-License-Identifier: Apache-2.0
"""Anomaly detection of runs: scores of images, and statistics over several seeds."""

__all__ = ["NUMBERS", "Detection", "Group", "detect", "groups"]

import csv
import dataclasses
import io
import json
import pathlib
import statistics
from collections.abc import Mapping, Sequence

import numpy as np

from glf_tf import catalogue, seeds, types
from glf_tf.evaluation import alarms as alarms_lib
from glf_tf.evaluation import anomaly_sets
from glf_tf.evaluation import extremes as extremes_lib
from glf_tf.experiments import folder as folder_lib
from glf_tf.experiments import restore
from glf_tf.inference import sampler
from glf_tf.metrics import auprc
from glf_tf.tasks import anomaly

NUMBERS = ("average_precision", "trapezoid", "auroc", "chance", "floor")
"""The measures that are averaged over the runs of a group."""


@dataclasses.dataclass(frozen=True)
class Detection:
    """The anomaly scores of one run.

    Attributes:
        run: The run's folder.
        title: The model and the images.
        identity: Equal for runs that differ in their seeds alone.
        seed: The run's seed.
        inferred_by: How latents were inferred, or which score of its own a model has.
        anomaly_set: The images.
        densities: Their log-densities, or the terms of the model's own score.
        weights: Weights in the scores, of the likelihood or of the first term.
        checkpoint: Which of the run's checkpoints it is: "latest", "best", "step 400",
            or a name of `selection.CHOICES`.
        step: The global step of the checkpoint.
        held_out: The densities or terms of the set's `held_out`; None without it.
        extremes: The most and the least anomalous images, by weight.
    """

    run: pathlib.Path
    title: str
    identity: str
    seed: int
    inferred_by: str
    anomaly_set: anomaly_sets.AnomalySet
    densities: anomaly.LogDensities | anomaly.OwnScores
    weights: Sequence[float]
    checkpoint: str = "latest"
    step: int = 0
    held_out: anomaly.LogDensities | anomaly.OwnScores | None = None
    extremes: Mapping[float, extremes_lib.Extremes] = dataclasses.field(
        default_factory=dict
    )

    def calibration(self, weight: float) -> alarms_lib.Calibration:
        """Returns the normal images by which scores with a weight are judged."""
        known = self.held_out
        held_out = None if known is None else known.score(weight=weight)
        score, is_anomaly = self._judged(weight)
        return alarms_lib.calibration(score, is_anomaly, held_out=held_out)

    def alarms(self, weight: float, *, false_alarms: float) -> alarms_lib.Alarms:
        """Returns what is reported at a rate of false alarms.

        Raises:
            InvalidValue: The rate is out of range, or there are too few normal images.
        """
        by = self.calibration(weight)
        return alarms_lib.alarms(
            *self._judged(weight), by=by, false_alarms=false_alarms
        )

    def _judged(self, weight: float) -> tuple[np.ndarray, np.ndarray]:
        """Returns scores, and which of them are of anomalies."""
        return self.densities.score(weight=weight), self.anomaly_set.is_anomaly

    def scores(self, weight: float) -> auprc.DetectionScores:
        """Returns how well the scores with a weight separate anomalies."""
        score = self.densities.score(weight=weight)
        return auprc.scores(self.anomaly_set.is_anomaly, score=score)

    def to_csv(self) -> str:
        """Returns the scores as CSV, a line per image.

        The columns are image, is_anomaly, the parts of the score, such as
        log_likelihood and log_prior, and for each weight the score, its rank, the share
        of normal images that score lower, and its p-value among held-out normal images,
        which is empty for those that take this part.
        """
        columns = {
            "image": self.anomaly_set.names,
            "is_anomaly": self.anomaly_set.is_anomaly.astype(int),
            **self.densities.columns,
        }
        for weight in self.weights:
            score = self.densities.score(weight=weight)
            normal = score[~self.anomaly_set.is_anomaly]
            columns[f"score_{weight:g}"] = score
            columns[f"rank_{weight:g}"] = anomaly.ranks(score, normal=normal)
            by = self.calibration(weight)
            p = by.p_values(score).astype(object)
            columns[f"p_value_{weight:g}"] = np.where(by.is_judged, p, "")
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
        return stream.getvalue()


@dataclasses.dataclass(frozen=True)
class Group:
    """Runs that differ in their seeds alone, with one weight of the likelihood.

    Attributes:
        title: A description of the runs.
        identity: Their common identity; see `Detection`.
        weight: Weight of the likelihood.
        checkpoint: Which of their checkpoints.
        seeds: The seeds of the runs.
        steps: The global steps of the checkpoints.
        values: By name of `NUMBERS`, one value per run.
    """

    title: str
    identity: str
    weight: float
    checkpoint: str
    seeds: Sequence[int]
    steps: Sequence[int]
    values: Mapping[str, Sequence[float]]

    def mean(self, name: str) -> float:
        """Returns the mean of a measure over the runs."""
        return statistics.fmean(self.values[name])

    def deviation(self, name: str) -> float | None:
        """Returns its standard deviation; None for a single run."""
        values = self.values[name]
        return statistics.stdev(values) if len(values) > 1 else None


def detect(
    workdir: pathlib.Path,
    images: anomaly_sets.AnomalySet,
    *,
    weights: Sequence[float] = (1.0,),
    which: restore.Which = "latest",
    chain: sampler.AbstractSampler | None = None,
    start: str = "auto",
    score: str | None = None,
    seed: types.Seed = 0,
) -> Detection:
    """Scores images with a run's model.

    Args:
        workdir: The run's folder.
        images: The images, and which of them are anomalies.
        weights: Weights of the likelihood in the scores.
        which: The checkpoint: "latest", "best", or the step of one that was kept.
        chain: Sampler of the latents; None for the model's default.
        start: Where its chains start; one of `infer.STARTS`.
        score: One of the scores of a model that has its own; None for its default.
        seed: A stateless seed of the chains.

    Raises:
        InvalidValue: A weight is negative, the images have another shape than the
            model's, or there is no such score.
        Unsupported: The model has no density of images and latents, nor a score of its
            own; or what is asked for is of the other kind.
        Diverged: A chain diverged.
    """
    for weight in weights:
        anomaly.check_weight(weight)
    described = folder_lib.Folder(workdir).read()
    model, step = restore.load(workdir, which=which)
    scorer = anomaly.Scorer(model, chain=chain, start=start, score=score)
    densities = scorer(images.images, seed=seed)
    shown = {
        weight: extremes_lib.extremes(scorer, images.images, densities, weight=weight)
        for weight in weights
    }
    held_out = None
    if images.held_out is not None:
        held_out = scorer(images.held_out, seed=seeds.fold(seed, 1))
    return Detection(
        run=workdir,
        title=f"{catalogue.name_of(described['model'])}: {images.title}",
        identity=_identity(described, title=images.title),
        seed=described["seed"],
        inferred_by=scorer.description,
        anomaly_set=images,
        densities=densities,
        weights=tuple(weights),
        checkpoint=which if isinstance(which, str) else f"step {which}",
        step=step,
        held_out=held_out,
        extremes=shown,
    )


def groups(detections: Sequence[Detection]) -> list[Group]:
    """Groups runs that differ in their seeds alone, for each weight and checkpoint."""
    keyed: dict[str, dict[tuple[float, str], list[Detection]]] = {}
    for detection in detections:
        for weight in detection.weights:
            key = (weight, detection.checkpoint)
            of_kind = keyed.setdefault(detection.identity, {})
            of_kind.setdefault(key, []).append(detection)
    titles = [_any_of(of_kind).title for of_kind in keyed.values()]
    found = []
    for of_kind, title in zip(keyed.values(), titles, strict=True):
        is_unique = titles.count(title) == 1
        name = title if is_unique else f"{title} ({_any_of(of_kind).run.name})"
        # By weight; the checkpoints of one weight stay side by side.
        for key in sorted(of_kind, key=lambda key: _place(of_kind, key[0])):
            found.append(_group(of_kind[key], title=name, weight=key[0]))
    return found


def _any_of(of_kind: Mapping[tuple[float, str], Sequence[Detection]]) -> Detection:
    return next(iter(of_kind.values()))[0]


def _place(of_kind: Mapping[tuple[float, str], object], weight: float) -> int:
    """Returns where a weight was first asked for."""
    return [known for known, _ in of_kind].index(weight)


def _group(runs: Sequence[Detection], *, title: str, weight: float) -> Group:
    scores = [run.scores(weight) for run in runs]
    return Group(
        title=title,
        identity=runs[0].identity,
        weight=weight,
        checkpoint=runs[0].checkpoint,
        seeds=[run.seed for run in runs],
        steps=[run.step for run in runs],
        values={name: [getattr(result, name) for result in scores] for name in NUMBERS},
    )


def _identity(described: Mapping, *, title: str) -> str:
    dataset = {k: v for k, v in described["dataset"].items() if k != "seed"}
    parts = [described["model"], dataset, described["batch_size"], title]
    return json.dumps(parts, sort_keys=True)
