# SPDX-License-Identifier: Apache-2.0
"""Models that make an example of given noise, so that any runtime can draw.

A signature without a random operation converts to every format; who calls it draws the
noise.
"""

__all__ = ["DecodesNoise"]

import abc

import tensorflow as tf

from glf_tf import errors
from glf_tf.models import inputs, label_inputs, numeric_inputs


class DecodesNoise(abc.ABC):
    """A mix-in for models whose samples are a map of independent draws.

    Attributes:
        noise_dim: Number of draws that an example is made of; 0 if there is no such
            map, as where the prior is drawn from by chains.
        noise_law: The density of each draw, "N(0, 1)" or "U(-1, 1)".
    """

    noise_dim: int
    noise_law = "N(0, 1)"

    def decode_noise(
        self,
        noise: tf.Tensor,
        *,
        temperature: float | tf.Tensor = 1.0,
        label: tf.Tensor | int | None = None,
    ) -> tf.Tensor:
        """Returns the examples that `sample` makes of noise, `[batch, ...]`.

        Args:
            noise: Independent draws of `noise_law`, `[batch, noise_dim]`.
            temperature: Factor on the standard deviation of the noise. In a graph,
                examples are NaN if it is not between 0 and 1,000.
            label: Labels `[batch]`, or one of all, of a model that is conditional on
                them.

        Raises:
            InvalidType: The noise is not floats, or labels are no whole numbers.
            InvalidValue: It has another shape, or is not finite; or the temperature or
                a label is out of range, or a conditional model is given no labels.
            Unsupported: The model has no such map, or there are labels, and it takes
                none.
        """
        self._check_noise(label)
        noise = inputs.latents(noise, dim=self.noise_dim, name="Noises")
        temperature = numeric_inputs.temperature(temperature)
        given = {}
        if label is not None:
            known, count = self.num_classes, tf.shape(noise)[0]
            given["label"] = label_inputs.labels(label, num_classes=known, count=count)
        made = self._decode_noise(noise, temperature=temperature, **given)
        return numeric_inputs.unfit_to_nan(made, temperature=temperature, guidance=None)

    @abc.abstractmethod
    def _decode_noise(
        self, noise: tf.Tensor, *, temperature: float | tf.Tensor
    ) -> tf.Tensor:
        """Computes `decode_noise` with valid arguments; `label` only where given."""

    def _check_noise(self, label: object) -> None:
        if not self.noise_dim:
            raise errors.Unsupported(
                "Examples of given noise need a prior that is a map of noise",
                received=type(self).__name__,
                do="Use `sample`, which draws itself, or a model such as glf",
            )
        if self.num_classes and label is None:
            raise errors.InvalidValue(
                "Examples of given noise need labels where the model depends on them",
                received=f"no label, and num_classes={self.num_classes}",
                do="Pass label, one an example, or one for all",
            )
