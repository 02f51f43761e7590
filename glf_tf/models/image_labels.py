# SPDX-License-Identifier: Apache-2.0
"""Labels of a flow on images: which of them an image has, by Bayes' rule."""

__all__ = ["HasLabels", "checked_weight", "prior_of"]

import math

import keras
import tensorflow as tf

from glf_tf import checks, errors, seeds, types
from glf_tf.models import inputs, label_inputs, numeric_inputs
from glf_tf.priors import labelled_normal, standard_normal
from glf_tf.priors import prior as prior_lib


class HasLabels:
    """A model with a flow on images whose prior may be a `LabelledNormalPrior`."""

    def label_log_probs(
        self, image: tf.Tensor, *, seed: types.Seed = 0, num_draws: int = 1
    ) -> tf.Tensor:
        """Returns `log p(y | x)` of each label, `[batch, num_classes]`, by Bayes' rule.

        Before an image is seen, all labels are equally likely.

        Args:
            image: As for `log_prob`.
            seed: As for `log_prob`.
            num_draws: As for `log_prob`.

        Raises:
            InvalidType: The images are not floats.
            InvalidValue: As `log_prob`.
            Unsupported: The model is not conditional on labels.
        """
        label_inputs.check_conditional(
            self.num_classes, received="a model without them"
        )
        image = inputs.levels(inputs.images(image, shape=self.image_shape))
        drawn = []
        for draw in range(numeric_inputs.draws(num_draws)):
            noisy = self._latents(image, seed=seeds.fold(seed, draw))
            others = (noisy.log_det - noisy.log_noise)[:, None]
            drawn.append(self._prior.log_prob_of_labels(noisy.z) + others)
        return tf.nn.log_softmax(tf.reduce_logsumexp(drawn, axis=0))

    def _label_terms(self, z: tf.Tensor, label: tf.Tensor) -> types.Terms:
        """Returns the bits of labels given latents, and the errors of Bayes' rule."""
        log_probs = tf.nn.log_softmax(self._prior.log_prob_of_labels(z))
        of_label = tf.gather(log_probs, label, axis=1, batch_dims=1)
        guessed = tf.argmax(log_probs, axis=1, output_type=label.dtype)
        return {
            "label_bits": -of_label / math.log(2.0),
            "label_error": tf.cast(guessed != label, tf.float32),
        }


def prior_of(flow: keras.layers.Layer, *, num_classes: int) -> prior_lib.AbstractPrior:
    """Returns the density of a flow's noise: N(0, I), or one given labels."""
    (latent_dim,) = flow.noise_shape
    if not num_classes:
        return standard_normal.StandardNormalPrior(latent_dim)
    return labelled_normal.LabelledNormalPrior(
        latent_dim, shape=flow.top_shape, num_classes=num_classes
    )


def checked_weight(weight: float, *, num_classes: int) -> float:
    """Returns the weight of labels' bits, 0 without labels.

    Raises:
        InvalidValue: It is negative, or there are no labels.
    """
    if weight and not num_classes:
        raise errors.InvalidValue(
            "`label_weight` is for a model that is conditional on labels",
            received=f"label_weight={weight} with num_classes=0",
            do="Set num_classes, or leave it out",
        )
    return checks.not_negative("label_weight", weight)
