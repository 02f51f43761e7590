# SPDX-License-Identifier: Apache-2.0
"""The callbacks that a user of `fit` gives: Keras' and ours, beside the loop."""

__all__ = ["Listeners"]

import math
from collections.abc import Callable, Mapping, Sequence

import keras
from absl import logging

from glf_tf.data import image_set
from glf_tf.training import averages, keras_callbacks, loop
from glf_tf.training import callback as callback_lib
from glf_tf.training import optimizers as optimizers_lib
from glf_tf.training import options as options_lib
from glf_tf.training import stages as stages_lib


class Listeners:
    """Callbacks that hear a training, which runs in this context.

    A callback that asks to stop ends the training at an epoch's end: the context then
    ends as it would after the last epoch.

    Attributes:
        callbacks: What the loop calls, in this order.
    """

    def __init__(
        self,
        model: keras.Model,
        data: image_set.ImageSet,
        *,
        options: options_lib.Training,
        optimizers: Mapping[str, optimizers_lib.Optimizer],
        callbacks: Sequence[object] = (),
        validate: Callable[[callback_lib.Moment], dict[str, float]] | None = None,
        is_silent: bool = False,
    ):
        """Initializes the listeners; call it in the strategy's scope.

        Args:
            model: The model.
            data: The training set.
            options: How long the training is.
            optimizers: Those of all groups, by "stage/group".
            callbacks: Keras' and ours.
            validate: From a moment to the terms on other images; None for none.
            is_silent: Whether to print no line per epoch.

        Raises:
            InvalidType: A callback is none, neither Keras' nor ours.
            Unsupported: A callback cannot work.
        """
        keras_callbacks.check(callbacks)
        of_keras = [c for c in callbacks if isinstance(c, keras.callbacks.Callback)]
        self._model, self._optimizers = model, optimizers
        epochs = _epochs(model, data, options, is_validated=validate is not None)
        self._keras = keras.callbacks.CallbackList(
            of_keras,
            add_history=True,
            model=model,
            verbose=0,
            epochs=epochs,
            steps=len(data) // options.batch_size,
        )
        self._epochs = keras_callbacks.Epochs(
            self._keras,
            model=model,
            epochs=epochs,
            validate=validate,
            is_silent=is_silent,
        )
        own = [callback for callback in callbacks if callback not in of_keras]
        if any(keras_callbacks.needs_batches(callback) for callback in of_keras):
            own.append(keras_callbacks.Batches(self._keras))
        self.callbacks = (*own, self._epochs)

    @property
    def history(self) -> keras.callbacks.History:
        """Keras' own, with the name of each epoch's stage as `history.stages`."""
        history = self._model.history
        history.stages = self._epochs.stages
        return history

    def ask_to_stop(self) -> bool:
        """Returns whether a callback asks to end the training."""
        return self._epochs.should_stop

    def __enter__(self):
        """Tells that training begins."""
        self._epochs.begin()
        return self

    def __exit__(self, kind, error, trace):
        """Tells that training ends; that a callback stopped it is no error."""
        is_stopped = isinstance(error, loop.Stopped) and self.ask_to_stop()
        if is_stopped:
            self._end_early()
        if is_stopped or error is None:
            self._keras.on_train_end()
        return is_stopped

    def _end_early(self) -> None:
        """Leaves the model as a stage's end would, and tells what was left out."""
        stages = {stage.name: stage for stage in stages_lib.of_model(self._model)}
        names, last = list(stages), self._epochs.stages[-1]
        averages.settle(averages.pairs(stages[last], self._optimizers))
        if left := names[names.index(last) + 1 :]:
            logging.warning("A callback stopped before the stages %s.", left)


def _epochs(
    model: keras.Model,
    data: image_set.ImageSet,
    options: options_lib.Training,
    *,
    is_validated: bool,
) -> int:
    """Returns how many epochs all stages have; a started one counts.

    So does a stage without updates that is measured, which is one of its own.
    """
    batches = len(data) // options.batch_size
    return sum(
        math.ceil(
            stage.total_steps(batches, epochs=options.epochs_of(stage.name))
            / stage.steps_per_epoch(batches)
        )
        for stage in stages_lib.of_model(model)
        if stage.updates or (is_validated and stage.is_measured)
    )
