# SPDX-License-Identifier: Apache-2.0
"""Alarms at a chosen rate of false ones: thresholds by normal images, never anomalies.

`metrics/conformal.py` has the thresholds and p-values, and what they assume.
"""

__all__ = ["Alarms", "Calibration", "Rate", "alarms", "calibration"]

import dataclasses

import numpy as np

from glf_tf.metrics import conformal

_SEED = 20240917


@dataclasses.dataclass(frozen=True)
class Rate:
    """A rate that was counted.

    Attributes:
        events: How many there were.
        count: Of how many.
    """

    events: int
    count: int

    @property
    def value(self) -> float:
        """Their quotient; NaN of none."""
        return self.events / self.count if self.count else float("nan")

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the rate, by the binomial distribution."""
        return conformal.rate_interval(self.events, count=self.count)

    def summary(self) -> str:
        """Returns the rate and its interval, for readers."""
        low, high = self.interval
        return f"{self.events} of {self.count} ({low:.3f} to {high:.3f})"


@dataclasses.dataclass(frozen=True)
class Calibration:
    """What scores are compared with.

    Attributes:
        normal: Scores of normal images that training has not seen, `[n]`.
        is_judged: bool `[size]`: which of the scored images are not among them.
    """

    normal: np.ndarray
    is_judged: np.ndarray

    def p_values(self, score: np.ndarray) -> np.ndarray:
        """Returns `conformal.p_values` of scores, `[size]`."""
        return conformal.p_values(score, normal=self.normal)


@dataclasses.dataclass(frozen=True)
class Alarms:
    """A threshold, and what is reported by it.

    Attributes:
        asked: The rate of false alarms that was asked for.
        threshold: The score above which an image is reported.
        held_out: Number of normal images by which it was set.
        expected: Between which rates the threshold's own lies with probability 0.95.
        false: How many other normal images are reported.
        found: How many anomalies are reported.
    """

    asked: float
    threshold: float
    held_out: int
    expected: tuple[float, float]
    false: Rate
    found: Rate

    def to_dict(self) -> dict:
        """Returns all of it as JSON values."""
        counted = {
            name: {
                "rate": rate.value if rate.count else None,
                "interval": list(rate.interval),
                "reported": rate.events,
                "images": rate.count,
            }
            for name, rate in (("normal", self.false), ("anomalies", self.found))
        }
        return {
            "false_alarms": self.asked,
            "threshold": self.threshold,
            "held_out_normal_images": self.held_out,
            "rate_of_the_threshold": list(self.expected),
            **counted,
        }

    def summary(self) -> str:
        """Returns what is reported, for readers, on one line."""
        low, high = self.expected
        return (
            f"false alarms {self.asked:g}, by {self.held_out} held-out normal images "
            f"{low:.3f} to {high:.3f}: scores above {self.threshold:.5g} are reported, "
            f"{self.false.summary()} normal images, {self.found.summary()} anomalies"
        )


def calibration(
    score: np.ndarray, is_anomaly: np.ndarray, *, held_out: np.ndarray | None = None
) -> Calibration:
    """Returns by which normal images scores are judged.

    Args:
        score: `[size]`.
        is_anomaly: bool `[size]`.
        held_out: Scores of other normal images, `[n]`; if None, a half of the normal
            images that were scored, always the same one, is not judged but judges.
    """
    if held_out is not None:
        return Calibration(held_out, np.ones(len(score), bool))
    normal = np.flatnonzero(~is_anomaly)
    # NumPy guarantees that RandomState's stream never changes.
    order = np.random.RandomState(_SEED).permutation(normal)
    is_judged = np.ones(len(score), bool)
    is_judged[order[: len(order) // 2]] = False
    return Calibration(score[~is_judged], is_judged)


def alarms(
    score: np.ndarray,
    is_anomaly: np.ndarray,
    *,
    by: Calibration,
    false_alarms: float,
) -> Alarms:
    """Returns the threshold for a rate of false alarms, and what it reports.

    Args:
        score: `[size]`.
        is_anomaly: bool `[size]`; the threshold does not depend on it.
        by: Normal images; those among the scored ones are not counted.
        false_alarms: The rate, at most a half.

    Raises:
        InvalidValue: The rate is out of range, or there are too few normal images.
    """
    threshold = conformal.threshold(by.normal, false_alarms=false_alarms)
    n, is_reported = len(by.normal), score > threshold
    normal, anomalies = by.is_judged & ~is_anomaly, is_anomaly
    return Alarms(
        asked=false_alarms,
        threshold=threshold,
        held_out=n,
        expected=conformal.false_alarm_interval(n, false_alarms=false_alarms),
        false=Rate(int(is_reported[normal].sum()), int(normal.sum())),
        found=Rate(int(is_reported[anomalies].sum()), int(anomalies.sum())),
    )
