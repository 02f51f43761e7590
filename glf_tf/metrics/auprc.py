# SPDX-License-Identifier: Apache-2.0
"""Anomaly detection metrics: average precision, AUROC, and their chance levels.

Davis, Goadrich, The Relationship Between Precision-Recall and ROC Curves, 2006,
https://doi.org/10.1145/1143844.1143874
Boyd, Santos Costa, Davis, Page, Unachievable Region in Precision-Recall Space and Its
Effect on Empirical Evaluation, 2012, https://arxiv.org/abs/1206.4667 (the floor)

The literature on anomaly detection integrates the precision-recall curve by trapezoids,
which is optimistic; the average precision is a sum of steps. Both are given, with the
fraction of anomalies, which a random score reaches.
"""

__all__ = ["DetectionScores", "scores"]

import dataclasses

import numpy as np
import sklearn.metrics

from glf_tf import errors, types


@dataclasses.dataclass(frozen=True)
class DetectionScores:
    """How well a score separates anomalies from the rest; larger is better.

    Attributes:
        average_precision: Area under the precision-recall curve, by steps.
        trapezoid: The same area by straight lines, for comparison with the literature.
        auroc: Area under the receiver operating characteristic; chance gives 0.5.
        chance: The fraction of anomalies: the average precision of a random score.
        floor: The minimum average precision of any score at that fraction.
        count: Number of scores.
    """

    average_precision: float
    trapezoid: float
    auroc: float
    chance: float
    floor: float
    count: int


def scores(is_anomaly: types.Tensor, *, score: types.Tensor) -> DetectionScores:
    """Returns how well `score` finds the anomalies.

    Args:
        is_anomaly: `[size]`, bool or 0 and 1.
        score: `[size]`, larger for anomalies.

    Raises:
        InvalidValue: The shapes differ, a label is neither 0 nor 1, a score is not
            finite, or all are of one kind.
    """
    labels, score = np.asarray(is_anomaly), np.asarray(score, np.float64)
    _check(labels, score=score)
    curve = sklearn.metrics.precision_recall_curve(labels, score)
    share = float(np.mean(labels))
    return DetectionScores(
        average_precision=float(sklearn.metrics.average_precision_score(labels, score)),
        trapezoid=float(sklearn.metrics.auc(curve[1], curve[0])),
        auroc=float(sklearn.metrics.roc_auc_score(labels, score)),
        chance=share,
        floor=float(1 + (1 - share) * np.log1p(-share) / share),
        count=len(labels),
    )


def _check(labels: np.ndarray, *, score: np.ndarray) -> None:
    if labels.shape != score.shape or labels.ndim != 1:
        raise errors.InvalidValue(
            "Labels and scores must have one shape [size]",
            received=f"{labels.shape} and {score.shape}",
            do="Give every image one score",
        )
    if not np.isfinite(score).all():
        raise errors.InvalidValue(
            "Scores must be finite",
            received=f"{np.count_nonzero(~np.isfinite(score))} that are NaN or inf",
            do="Check the images with these scores",
        )
    if set(np.unique(labels).tolist()) != {0, 1}:
        raise errors.InvalidValue(
            "There must be both anomalies (1) and others (0), and nothing else",
            received=f"labels {np.unique(labels)[:10].tolist()}",
            do="Mark the held-out class by 1 and all others by 0",
        )
