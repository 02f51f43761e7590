# SPDX-License-Identifier: Apache-2.0
"""The most and the least anomalous images, with what a model makes of them."""

__all__ = ["SHOWN", "Extremes", "extremes"]

import dataclasses

import numpy as np

from glf_tf.tasks import anomaly

SHOWN = 8
"""How many of each."""


@dataclasses.dataclass(frozen=True)
class Extremes:
    """The most and the least anomalous images.

    Attributes:
        most: Their indices, the most anomalous first, `[up to 8]`.
        least: Those of the others, the least anomalous first, `[up to 8]`.
        reconstructions: What the model makes of the images of `most` and then of
            `least`, floats in [0, 1]; None if it encodes no images.
    """

    most: np.ndarray
    least: np.ndarray
    reconstructions: np.ndarray | None


def extremes(
    scorer: anomaly.Scorer,
    images: np.ndarray,
    parts: anomaly.LogDensities | anomaly.OwnScores,
    *,
    weight: float,
) -> Extremes:
    """Returns the images at both ends of the order of scores.

    Args:
        scorer: What scored them.
        images: All images, `[size, height, width, channels]`.
        parts: The parts of their scores.
        weight: Weight in the scores, of the likelihood or of the first term.
    """
    # A stable order, so that ties are always shown alike.
    order = np.argsort(-parts.score(weight=weight), kind="stable")
    most = order[: min(SHOWN, (len(order) + 1) // 2)]
    least = order[len(most) :][::-1][:SHOWN]
    chosen = np.concatenate([most, least])
    made = scorer.reconstructions(images, parts, chosen=chosen)
    return Extremes(most=most, least=least, reconstructions=made)
