# SPDX-License-Identifier: Apache-2.0
"""Thresholds and p-values of scores, by normal examples that were held out.

Vovk, Gammerman, Shafer: Algorithmic Learning in a Random World, 2005, section 2.2.
Vovk: Conditional validity of inductive conformal predictors, 2012 (proposition 2, of
the rate that a threshold has). https://arxiv.org/abs/1209.2673
Clopper, Pearson: The use of confidence or fiducial limits illustrated in the case of
the binomial, 1934 (intervals of counted rates).

All that is assumed of n held-out examples and a new normal one is that any order of
them is equally likely: they come from one source, and the model was trained on none.
"""

__all__ = [
    "check_count",
    "check_false_alarms",
    "checked",
    "false_alarm_interval",
    "p_values",
    "rate_interval",
    "threshold",
]

import math

import numpy as np
from scipy import special

from glf_tf import errors


def p_values(score: np.ndarray, *, normal: np.ndarray) -> np.ndarray:
    """Returns how unusual scores are among those of normal examples, `[size]`.

        p = (1 + number of held-out examples that score as high or higher) / (n + 1)

    A new normal example has p <= a with probability a at most, for each a: that, and no
    probability of being an anomaly, is what it says. It is a multiple of 1 / (n + 1),
    which is the smallest it can be.

    Args:
        score: `[size]`, larger for anomalies.
        normal: Scores of held-out normal examples, `[n]`.

    Raises:
        InvalidValue: A score is NaN.
    """
    score, ordered = checked(score), np.sort(checked(normal))
    as_high = len(ordered) - np.searchsorted(ordered, score, side="left")
    return (1 + as_high) / (len(ordered) + 1)


def threshold(normal: np.ndarray, *, false_alarms: float) -> float:
    """Returns the score above which an example is reported as an anomaly.

    It is the k-th largest of the held-out scores, k = floor(false_alarms * (n + 1)).
    A new normal example scores higher with probability `false_alarms` at most, on
    average over draws of the held-out ones, and then has `p <= false_alarms`.

    Args:
        normal: Scores of held-out normal examples, `[n]`.
        false_alarms: The fraction of normal examples that may be reported.

    Raises:
        InvalidValue: It is no fraction up to a half, there are too few examples for
            it, or a score is NaN.
    """
    place = _place(len(normal), false_alarms=false_alarms)
    return float(np.sort(checked(normal))[-place])


def false_alarm_interval(
    n: int, *, false_alarms: float, level: float = 0.95
) -> tuple[float, float]:
    """Returns between which rates of false alarms a threshold's own lies.

    The rate of one threshold depends on the examples that were held out. If scores
    have no ties, its distribution is Beta(k, n + 1 - k), whatever the scores are; ties
    make it smaller.

    Args:
        n: Number of held-out normal examples.
        false_alarms: The rate that was asked for; see `threshold`.
        level: Probability that the rate lies within; the same is cut off at both ends.
    """
    place = _place(n, false_alarms=false_alarms)
    tail = (1.0 - level) / 2.0
    low, high = (
        float(special.betaincinv(place, n + 1 - place, q)) for q in (tail, 1.0 - tail)
    )
    return low, high


def rate_interval(
    events: int, *, count: int, level: float = 0.95
) -> tuple[float, float]:
    """Returns the interval of a rate of which `events` of `count` were observed.

    Clopper and Pearson's, by the binomial distribution itself: it covers the rate with
    probability `level` or more. (0, 1) if nothing was observed.
    """
    tail = (1.0 - level) / 2.0
    low, high = 0.0, 1.0
    if events > 0:
        low = float(special.betaincinv(events, count - events + 1, tail))
    if events < count:
        high = float(special.betaincinv(events + 1, count - events, 1.0 - tail))
    return low, high


def check_false_alarms(false_alarms: float) -> None:
    """Checks a rate of false alarms.

    Raises:
        InvalidValue: It is no fraction up to a half.
    """
    if not 0.0 < false_alarms <= 0.5:
        raise errors.InvalidValue(
            "The rate of false alarms is a fraction of normal images, at most a half",
            received=f"{false_alarms}",
            do="Use for instance 0.05",
        )


def check_count(n: int, *, false_alarms: float) -> None:
    """Checks that there are enough held-out normal images for a rate.

    Raises:
        InvalidValue: There are fewer than `1 / false_alarms - 1`, or it is no rate.
    """
    _place(n, false_alarms=false_alarms)


def _place(n: int, *, false_alarms: float) -> int:
    """Returns k: the threshold is the k-th largest of n scores."""
    check_false_alarms(false_alarms)
    # Rounding must not turn 0.05 * 20 into less than 1.
    place = math.floor(false_alarms * (n + 1) + 1e-9)
    if place < 1:
        raise errors.InvalidValue(
            f"A rate of false alarms of {false_alarms:g} needs at least "
            f"{math.ceil(1.0 / false_alarms - 1e-9) - 1} held-out normal images",
            received=f"{n}",
            do="Hold more out, as by --dataset.test_fraction in training, or allow "
            "more false alarms",
        )
    return place


def checked(score: np.ndarray) -> np.ndarray:
    """Returns scores as float64.

    Raises:
        InvalidValue: One is NaN.
    """
    score = np.asarray(score, np.float64)
    if np.isnan(score).any():
        raise errors.InvalidValue(
            "A score must be a number",
            received=f"NaN for {np.count_nonzero(np.isnan(score))} of {score.size}",
            do="Check the images, or score by another checkpoint",
        )
    return score
