# SPDX-License-Identifier: Apache-2.0
"""The callback that ends a stage which no longer improves, with its best weights.

It keeps them in memory; `callbacks.saving` does the same in the folder of a run.
"""

__all__ = ["Patience"]

from collections.abc import Mapping

import keras
import numpy as np

from glf_tf.data import example_set
from glf_tf.training import averages, measuring
from glf_tf.training import callback as callback_lib
from glf_tf.training import optimizers as optimizers_lib
from glf_tf.training import stages as stages_lib


class Patience(callback_lib.AbstractCallback):
    """Ends a stage whose loss on held-out examples has not improved for some epochs.

    The stage's result are the weights, or their averages, of the epoch with the
    smallest loss there, which is the sum of its terms by their weights.
    """

    uses_averages = True

    def __init__(
        self,
        patience: int,
        *,
        model: keras.Model,
        data: example_set.AbstractExampleSet,
        optimizers: Mapping[str, optimizers_lib.Optimizer],
    ):
        """Initializes the callback; call it in the strategy's scope.

        Args:
            patience: Epochs without a smaller loss that end a stage.
            model: The model.
            data: The held-out examples.
            optimizers: Those of all groups, by "stage/group".
        """
        super().__init__(callback_lib.Every(epochs=1))
        self._patience, self._model, self._optimizers = patience, model, optimizers
        self._measure = measuring.Measure(model, data)
        self._stages = {stage.name: stage for stage in stages_lib.of_model(model)}
        self._stage, self._best = "", float("inf")
        self._best_epoch = self._epoch = 0.0
        self._values: list[np.ndarray] = []

    def run(self, moment: callback_lib.Moment) -> None:
        """Measures the loss, and keeps the weights if it is the smallest."""
        if moment.stage != self._stage:
            self._stage, self._best, self._best_epoch = moment.stage, float("inf"), 0.0
        self._epoch = moment.epoch
        stage = self._stages[moment.stage]
        terms = self._measure(moment.stage) if stage.updates else {}
        if not terms:  # a stage that is fitted, or not measured on other examples
            return
        loss = measuring.weighted_loss(stage, terms, step=moment.step)
        if loss < self._best:
            self._best, self._best_epoch = loss, moment.epoch
            self._values = [variable.numpy() for variable in self._model.variables]

    def ends(self, stage: str) -> bool:
        """Returns whether the stage has waited long enough for a smaller loss."""
        return self.has_best(stage) and self._epoch - self._best_epoch >= self._patience

    def has_best(self, stage: str) -> bool:
        """Returns whether weights of the stage are kept."""
        return stage == self._stage and self._best < float("inf")

    def restore_best(self) -> None:
        """Assigns the variables, and averages of them, what was kept."""
        for variable, value in zip(self._model.variables, self._values, strict=True):
            variable.assign(value)
        stage = self._stages[self._stage]
        averages.follow(averages.pairs(stage, self._optimizers))
