# SPDX-License-Identifier: Apache-2.0
"""What models can do that score anomalies without a density."""

__all__ = ["ScoresAnomalies"]

import abc

import tensorflow as tf

from glf_tf import errors, types
from glf_tf.models import inputs


class ScoresAnomalies(abc.ABC):
    """A model of images whose score of anomalies is its own, not -log p(x, z).

    Attributes:
        anomaly_scores: The names of its scores.
        anomaly_score: The one that is used unless another is asked for.
    """

    anomaly_scores: tuple[str, ...]
    anomaly_score: str
    image_shape: types.ImageShape

    def anomaly_terms(
        self, image: tf.Tensor, *, score: str | None = None
    ) -> types.Terms:
        """Returns the terms of a score, which add up to it: `{name: [batch]}`.

        The sum is larger for anomalies; all models of a kind have the same names.

        Args:
            image: `[batch, height, width, channels]` in [0, 1].
            score: One of `anomaly_scores`; None for `anomaly_score`.

        Raises:
            InvalidType: The images are not floats.
            InvalidValue: They have another shape than the model's, or values outside
                of [0, 1], or NaN; or there is no such score.
        """
        image = inputs.images(image, shape=self.image_shape)
        return self._anomaly_terms(image, score=self.checked_score(score))

    def checked_score(self, score: str | None) -> str:
        """Returns the name of a score, by default the model's own.

        Raises:
            InvalidValue: There is no such score.
        """
        if score is None:
            return self.anomaly_score
        if score not in self.anomaly_scores:
            raise errors.InvalidValue(
                f"{type(self).__name__} has the anomaly scores "
                f"{', '.join(self.anomaly_scores)}",
                received=f"score={score}",
                do=errors.suggestion(score, self.anomaly_scores),
            )
        return score

    @abc.abstractmethod
    def _anomaly_terms(self, image: tf.Tensor, *, score: str) -> types.Terms:
        """Computes `anomaly_terms` with valid arguments."""
