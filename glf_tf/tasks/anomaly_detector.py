# SPDX-License-Identifier: Apache-2.0
"""A model as a detector of anomalies, in the form of PyOD's.

    from glf_tf.tasks.anomaly_detector import AnomalyDetector

    detector = AnomalyDetector(model, contamination=0.05).fit(held_out_normal_images)
    detector.decision_function(images)  # [size], larger for anomalies
    detector.predict(images)  # [size], 1 for anomalies

Zhao, Nasrullah, Li: PyOD: A Python Toolbox for Scalable Outlier Detection, 2019 (names
and shapes). https://arxiv.org/abs/1901.01588
`metrics/conformal.py` has the thresholds and p-values, and what they assume.
"""

__all__ = ["AnomalyDetector"]

from typing import Literal, Self

import numpy as np

from glf_tf import errors, types
from glf_tf.inference import sampler
from glf_tf.metrics import conformal
from glf_tf.models import model as model_lib
from glf_tf.tasks import anomaly


class AnomalyDetector:
    """Scores of a trained model, calibrated on normal images.

    `fit` never trains the model: it scores normal images that the model was not trained
    on, and sets the threshold by them.

    Attributes:
        decision_scores_: Scores of the images of `fit`, float64 `[n]`.
        threshold_: The score above which an image is reported.
        labels_: 1 for those of `fit` that are reported, 0 for others, `[n]`.
    """

    def __init__(
        self,
        model: model_lib.GenerativeModel,
        contamination: float = 0.05,
        *,
        weight: float = 1.0,
        score: str | None = None,
        chain: sampler.AbstractSampler | None = None,
        start: Literal["auto", "encoder", "normal", "prior"] = "auto",
        seed: types.Seed = 0,
    ):
        """Initializes the detector.

        Args:
            model: A trained model.
            contamination: The fraction of normal images that may be reported, which
                PyOD calls so; at most a half.
            weight: Weight of the likelihood in the score, or of the first term of a
                model's own; see `tasks.anomaly`.
            score: One of the scores of a model that has its own; None for its default.
            chain: Sampler of latents; None for the model's default.
            start: Where its chains start; one of `infer.STARTS`.
            seed: A stateless seed of the chains.

        Raises:
            InvalidValue: The rate or the weight is out of range, or there is no such
                score.
            Unsupported: The model has no density of images and latents, nor a score of
                its own; or what is asked for is of the other kind.
        """
        conformal.check_false_alarms(contamination)
        anomaly.check_weight(weight)
        self.contamination, self.weight, self.seed = contamination, weight, seed
        self._scorer = anomaly.Scorer(model, chain=chain, start=start, score=score)
        self.decision_scores_: np.ndarray | None = None
        self.threshold_: float | None = None
        self.labels_: np.ndarray | None = None

    @property
    def model(self) -> model_lib.GenerativeModel:
        """The model, as it was given."""
        return self._scorer.model

    def fit(self, images: np.ndarray, y: object = None) -> Self:
        """Sets the threshold by normal images that training has not seen.

        Images of training would score too low, and the threshold with them.

        Args:
            images: `[n, height, width, channels]`, uint8 or floats in [0, 1]; at least
                `1 / contamination - 1` of them.
            y: Ignored.

        Raises:
            InvalidValue: The images have another shape than the model's, or are too
                few; the detector is as before.
            Diverged: A chain diverged.
        """
        scores = self.decision_function(images)
        self.threshold_ = conformal.threshold(scores, false_alarms=self.contamination)
        self.decision_scores_ = scores
        self.labels_ = self._reported(scores)
        return self

    def decision_function(self, images: np.ndarray) -> np.ndarray:
        """Returns the scores of images, larger for anomalies, float64 `[size]`.

        It needs no `fit`.

        Args:
            images: `[size, height, width, channels]`, uint8 or floats in [0, 1].

        Raises:
            InvalidValue: The images have another shape than the model's, or there are
                none; or a score is NaN.
            Diverged: A chain diverged.
        """
        found = self._scorer(np.asarray(images), seed=self.seed)
        return conformal.checked(found.score(weight=self.weight))

    def predict(self, images: np.ndarray) -> np.ndarray:
        """Returns 1 for images above the threshold and 0 for others, int `[size]`.

        These are the images with `p_values(images) <= contamination`.

        Raises:
            InvalidValue: There was no `fit`; see `decision_function`.
        """
        self._check_fitted()
        return self._reported(self.decision_function(images))

    def p_values(self, images: np.ndarray) -> np.ndarray:
        """Returns how unusual images are among normal ones, `[size]`.

        (1 + number of images of `fit` that score as high or higher) / (n + 1): a new
        normal image has p <= a with probability a at most. With n images it is
        1 / (n + 1) at least: how sure one can be.

        Raises:
            InvalidValue: There was no `fit`; see `decision_function`.
        """
        self._check_fitted()
        scores = self.decision_function(images)
        return conformal.p_values(scores, normal=self.decision_scores_)

    def predict_proba(self, images: np.ndarray) -> np.ndarray:
        """Returns p-values and their complements, `[size, 2]`.

        The second column, which PyOD reads as that of anomalies, is 1 - p: the fraction
        of normal images, the image itself among them, that score lower. It is no
        probability of being an anomaly, which depends on how many there are.

        Raises:
            InvalidValue: There was no `fit`; see `decision_function`.
        """
        p = self.p_values(images)
        return np.stack([p, 1.0 - p], axis=1)

    def false_alarm_interval(self, level: float = 0.95) -> tuple[float, float]:
        """Returns between which rates of false alarms the threshold's own lies.

        Args:
            level: Probability that it lies within, over draws of the images of `fit`.

        Raises:
            InvalidValue: There was no `fit`.
        """
        self._check_fitted()
        return conformal.false_alarm_interval(
            len(self.decision_scores_), false_alarms=self.contamination, level=level
        )

    def _reported(self, scores: np.ndarray) -> np.ndarray:
        return (scores > self.threshold_).astype(int)

    def _check_fitted(self) -> None:
        if self.threshold_ is None:
            raise errors.InvalidValue(
                "A threshold is set by normal images",
                received="an AnomalyDetector without any",
                do="Call fit(held_out_normal_images) first; it does not train",
            )
