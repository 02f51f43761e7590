# SPDX-License-Identifier: Apache-2.0
"""A user's images judged by a model that has seen normal ones alone.

Which of them are anomalies is not known: each gets a score and a p-value, by the normal
images that it has not trained on, and is reported at a rate of false alarms.
"""

__all__ = ["Judgement", "judge"]

import csv
import dataclasses
import io
import json
from collections.abc import Sequence

import numpy as np

from glf_tf import seeds, types
from glf_tf.data import image_set
from glf_tf.evaluation import extremes as extremes_lib
from glf_tf.evaluation import user_images
from glf_tf.inference import sampler
from glf_tf.metrics import conformal
from glf_tf.models import model as model_lib
from glf_tf.tasks import anomaly


@dataclasses.dataclass(frozen=True)
class Judgement:
    """Images of an unknown kind, judged.

    Attributes:
        title: The model and the normal images.
        images: The judged images, uint8 `[size, height, width, channels]`.
        names: Their names.
        score: Their scores, larger for anomalies, `[size]`.
        normal: Scores of the normal images, `[n]`.
        false_alarms: The rate at which images are reported; None for no threshold.
        extremes: The most and the least anomalous.
    """

    title: str
    images: np.ndarray
    names: Sequence[str]
    score: np.ndarray
    normal: np.ndarray
    false_alarms: float | None
    extremes: extremes_lib.Extremes

    @property
    def p_values(self) -> np.ndarray:
        """See `conformal.p_values`, `[size]`."""
        return conformal.p_values(self.score, normal=self.normal)

    @property
    def threshold(self) -> float | None:
        """The score above which an image is reported."""
        if self.false_alarms is None:
            return None
        return conformal.threshold(self.normal, false_alarms=self.false_alarms)

    def to_csv(self) -> str:
        """Returns a line per image, the most anomalous first.

        The columns are image, score, p_value and, with a threshold, is_reported.
        """
        columns = {"image": self.names, "score": self.score, "p_value": self.p_values}
        if self.threshold is not None:
            columns["is_reported"] = (self.score > self.threshold).astype(int)
        rows = list(zip(*columns.values(), strict=True))
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        order = np.argsort(-self.score, kind="stable")
        writer.writerows(rows[index] for index in order)
        return stream.getvalue()

    def to_json(self) -> str:
        """Returns the numbers of images and the threshold as JSON."""
        described = {
            "title": self.title,
            "images": len(self.score),
            "normal_images": len(self.normal),
            "smallest_p_value": 1.0 / (len(self.normal) + 1),
        }
        if self.threshold is not None:
            described |= {
                "false_alarms": self.false_alarms,
                "threshold": self.threshold,
                "rate_of_the_threshold": list(self._rates()),
                "reported": int(np.count_nonzero(self.score > self.threshold)),
            }
        return json.dumps(described, indent=2)

    def summary(self) -> str:
        """Returns what was found, for readers, on one or two lines."""
        by = f"{len(self.score)} images by {len(self.normal)} held-out normal ones"
        if self.threshold is None:
            return f"{by}; without --false_alarms, none is reported"
        size, (low, high) = len(self.score), self._rates()
        reported = np.count_nonzero(self.score > self.threshold)
        return (
            f"{by}: {reported} reported, scores above {self.threshold:.5g}.\n"
            f"Were all {size} normal, about {self.false_alarms * size:.2g} would be "
            f"reported, {low * size:.2g} to {high * size:.2g} by 95 % of thresholds."
        )

    def _rates(self) -> tuple[float, float]:
        return conformal.false_alarm_interval(
            len(self.normal), false_alarms=self.false_alarms
        )


def judge(
    model: model_lib.GenerativeModel,
    asked: user_images.UserImages,
    *,
    normal: image_set.ImageSet,
    false_alarms: float | None = None,
    weight: float = 1.0,
    chain: sampler.AbstractSampler | None = None,
    start: str = "auto",
    score: str | None = None,
    seed: types.Seed = 0,
) -> Judgement:
    """Judges images by a model of normal ones.

    Args:
        model: The model.
        asked: The images to be judged; `anomaly_sets.to_judge` reads both kinds.
        normal: Normal images that the model was not trained on.
        false_alarms: The fraction of normal images that may be reported, at most a
            half; None for no threshold.
        weight: Weight of the likelihood in the score, or of the first term.
        chain: Sampler of the latents; None for the model's default.
        start: Where its chains start; one of `infer.STARTS`.
        score: One of the scores of a model that has its own; None for its default.
        seed: A stateless seed of the chains.

    Raises:
        InvalidValue: A number is out of range, there are too few normal images for the
            rate, or images have another shape than the model's.
        Diverged, Unsupported: See `detection.detect`.
    """
    anomaly.check_weight(weight)
    if false_alarms is not None:
        conformal.check_count(len(normal), false_alarms=false_alarms)
    scorer = anomaly.Scorer(model, chain=chain, start=start, score=score)
    parts = scorer(asked.images, seed=seed)
    held_out = scorer(normal.images, seed=seeds.fold(seed, 1))
    return Judgement(
        title=f"{type(model).__name__} of {normal.name}",
        images=asked.images,
        names=asked.names,
        score=conformal.checked(parts.score(weight=weight)),
        normal=conformal.checked(held_out.score(weight=weight)),
        false_alarms=false_alarms,
        extremes=extremes_lib.extremes(scorer, asked.images, parts, weight=weight),
    )
