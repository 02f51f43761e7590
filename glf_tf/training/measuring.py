# SPDX-License-Identifier: Apache-2.0
"""Evaluates a model's terms on images."""

__all__ = ["Measure", "weighted_loss"]

import functools
from collections.abc import Mapping

import keras
import tensorflow as tf

from glf_tf import seeds
from glf_tf.data import image_set, pipeline
from glf_tf.devices import workers
from glf_tf.training import stages as stages_lib
from glf_tf.training import step as step_lib


class Measure:
    """Averages of a stage's terms over an image set."""

    def __init__(
        self, model: keras.Model, data: image_set.ImageSet, *, batch_size: int = 500
    ):
        """Initializes the measure; call it in the strategy's scope.

        Args:
            model: The model.
            data: The images.
            batch_size: Images per batch.
        """
        self._data, self._batch_size = data, batch_size
        self._stages = {stage.name: stage for stage in stages_lib.of_model(model)}
        # Functions of a stage are dropped when the next one begins.
        self._of_stage = functools.lru_cache(maxsize=1)(self._make)

    def __call__(self, name: str) -> dict[str, float]:
        """Returns the averages by term; none without terms on such images.

        Args:
            name: Name of the stage.
        """
        stage = self._stages[name]
        if not stage.is_measured:
            return {}
        sums, batches = self._of_stage(name)
        return {key: value / len(self._data) for key, value in sums(batches).items()}

    def _make(self, name: str) -> tuple[workers.SharedSums, tf.data.Dataset]:
        """Returns the function that sums a batch's terms, and the batches."""
        stage = self._stages[name]
        batches = pipeline.evaluation_batches(
            stage.source(self._data), batch_size=self._batch_size
        )

        def sums(batch, number):
            # The same random numbers in each pass, others in each batch.
            values = stages_lib.evaluate(stage, batch, seed=seeds.fold(0, number))
            count = tf.cast(tf.shape(batch["index"])[0], tf.float32)
            return {
                key: tf.cast(tf.reduce_mean(v), tf.float32) * count
                for key, v in values.items()
            }

        return workers.SharedSums(sums), batches


def weighted_loss(
    stage: stages_lib.Stage, terms: Mapping[str, float], *, step: int
) -> float:
    """Returns the loss of a stage, summed over its updates, from averages of terms."""
    means = {name: tf.constant(value, tf.float32) for name, value in terms.items()}
    weights = dict.fromkeys(stage.measured, 1.0)
    for update in stage.updates:
        weights |= update.weights
    return float(step_lib.weighted_sum(means, weights=weights, step=tf.constant(step)))
