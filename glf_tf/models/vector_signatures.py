# SPDX-License-Identifier: Apache-2.0
"""The signatures of exported densities of vectors; `glf_tf.export` lists them."""

__all__ = ["of_densities"]

from collections.abc import Callable

import keras
import tensorflow as tf

from glf_tf.models import signatures


def of_densities(model: keras.Model) -> dict[str, Callable]:
    """Returns the signatures of a density of vectors, beside that of its samples."""
    vector = tf.TensorSpec([None, model.event_dim], tf.float32, name="vector")
    label = tf.TensorSpec([None], tf.int32, name="label")

    def log_prob(vector):
        vector, is_fit = signatures.fit_rows(vector)
        return signatures.or_nan({"log_prob": model.log_prob(vector)}, is_fit)

    def log_prob_given(vector, label):
        vector, is_vector = signatures.fit_rows(vector)
        label, is_label = signatures.fit_labels(label, model.num_classes)
        found = {"log_prob": model.log_prob(vector, label=label)}
        return signatures.or_nan(found, is_vector & is_label)

    def label_log_probs(vector):
        vector, is_fit = signatures.fit_rows(vector)
        found = {"label_log_probs": model.label_log_probs(vector)}
        return signatures.or_nan(found, is_fit)

    of_all = {"log_prob": signatures.traced(log_prob, vector=vector)}
    if not model.num_classes:
        return of_all
    return of_all | {
        **signatures.samples_of_labels(model),
        "log_prob_of_labels": signatures.traced(
            log_prob_given, vector=vector, label=label
        ),
        "label_log_probs": signatures.traced(label_log_probs, vector=vector),
    }
