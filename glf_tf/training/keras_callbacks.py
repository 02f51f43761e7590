# SPDX-License-Identifier: Apache-2.0
"""Runs Keras callbacks in the training loop.

Epochs are those of the current stage, counted over all stages. A stage without steps
has no epoch.
"""

__all__ = ["Batches", "Epochs", "check", "needs_batches"]

import sys
from collections.abc import Callable, Sequence

import keras

from glf_tf import errors
from glf_tf.training import callback as callback_lib
from glf_tf.training import measuring
from glf_tf.training import stages as stages_lib

_OF_OPTIMIZERS = ("ReduceLROnPlateau", "LearningRateScheduler", "SwapEMAWeights")
_BATCH_HOOKS = (
    *("on_batch_begin", "on_batch_end"),
    *("on_train_batch_begin", "on_train_batch_end"),
)


def check(callbacks: Sequence[object]) -> None:
    """Checks that callbacks are supported.

    Raises:
        InvalidType: One is neither a Keras callback nor an `AbstractCallback`.
        Unsupported: One changes an optimiser or the position of Keras' loop.
    """
    for callback in callbacks:
        if isinstance(callback, callback_lib.AbstractCallback):
            continue
        if not isinstance(callback, keras.callbacks.Callback):
            raise errors.InvalidType(
                "Callbacks must be a keras.callbacks.Callback or an AbstractCallback",
                received=type(callback).__name__,
                do="Derive it from one of them",
            )
        names = {base.__name__ for base in type(callback).__mro__}
        if names & set(_OF_OPTIMIZERS):
            raise errors.Unsupported(
                "Callbacks cannot change the optimisers of groups",
                received=type(callback).__name__,
                do="Use settings of `compile`, such as decay_every and decay_factor",
            )
        if "BackupAndRestore" in names:
            raise errors.Unsupported(
                "Callbacks cannot save or restore the position of training",
                received=type(callback).__name__,
                do="Call fit(..., workdir=FOLDER), and go on with resume=True",
            )


def needs_batches(callback: keras.callbacks.Callback) -> bool:
    """Returns whether a callback has methods for single steps."""
    base = keras.callbacks.Callback
    return any(
        getattr(getattr(callback, name), "__func__", None) is not getattr(base, name)
        for name in _BATCH_HOOKS
    )


class Batches(callback_lib.AbstractCallback):
    """Reports every step, so that each call takes a single step."""

    def __init__(self, callbacks: keras.callbacks.CallbackList):
        super().__init__(callback_lib.Every(steps=1))
        self._callbacks, self._last, self._steps = callbacks, {}, 0

    def observe(self, result, moment):
        """Stores the step's terms."""
        del moment
        self._last, self._steps = dict(result.last), result.steps

    def run(self, moment):
        """Reports the step, unless the stage has none."""
        if self._last:
            batch = (moment.step - 1) % moment.steps_per_epoch
            self._callbacks.on_train_batch_begin(batch)
            self._callbacks.on_train_batch_end(batch, self._last)


class Epochs(callback_lib.AbstractCallback):
    """Reports every epoch, with the averages of terms and the loss.

    Attributes:
        should_stop: Whether a callback requested a stop at the end of the epoch.
        stages: The stage of each epoch that this process has run.
    """

    # Keras callbacks save and compare the averages, which the final model has.
    uses_averages = True

    def __init__(
        self,
        callbacks: keras.callbacks.CallbackList,
        *,
        model: keras.Model,
        epochs: int,
        validate: Callable[[callback_lib.Moment], dict[str, float]] | None,
        is_silent: bool,
    ):
        """Initializes the callback.

        Args:
            callbacks: Keras' callbacks.
            model: The model.
            epochs: The number of epochs of all stages.
            validate: From a moment to the terms on other images; None for none.
            is_silent: Whether to print no line per epoch.
        """
        super().__init__(callback_lib.Every(epochs=1))
        self._callbacks, self._model, self._epochs = callbacks, model, epochs
        self._validate, self._is_silent = validate, is_silent
        self._by_name = {stage.name: stage for stage in stages_lib.of_model(model)}
        self._averages = callback_lib.Averages()
        self.should_stop = False
        self.stages: list[str] = []
        self._number = 0
        self._is_new = False

    def begin(self) -> None:
        """Reports the beginning of training and its first epoch."""
        self._model.stop_training = False
        self._callbacks.on_train_begin()
        if self._number < self._epochs:
            self._callbacks.on_epoch_begin(self._number)

    def observe(self, result, moment):
        """Adds the steps of a call."""
        del moment
        self._averages.add(result)
        self._is_new = True

    def run(self, moment):
        """Reports the end of an epoch, and the beginning of the next one."""
        means, is_new = self._averages.take(), self._is_new
        self._is_new = False
        logs = self._with_loss(means, moment) if means else {}
        # A stage that is only fitted has terms of held-out examples alone.
        if self._validate is not None and (means or is_new):
            measured = self._validate(moment)
            if measured:
                measured = self._with_loss(measured, moment)
            logs |= {f"val_{name}": value for name, value in measured.items()}
        if not logs:
            return
        epoch = self._number
        self._number += 1
        self.stages.append(moment.stage)
        if not self._is_silent:
            shown = "  ".join(f"{name} {value:.4g}" for name, value in logs.items())
            line = f"{moment.stage} epoch {epoch + 1}/{self._epochs}  {shown}"
            print(line, file=sys.stderr)
        self._callbacks.on_epoch_end(epoch, logs)
        self.should_stop = bool(self._model.stop_training)
        if epoch + 1 < self._epochs and not self.should_stop:
            self._callbacks.on_epoch_begin(epoch + 1)

    def get_state(self):
        """Returns how many epochs are done, and the sums of the one that runs."""
        return {"epochs": self._number, "averages": self._averages.get_state()}

    def set_state(self, state):
        """Takes them over."""
        self._number = state["epochs"]
        self._averages.set_state(state["averages"])

    def _with_loss(self, terms, moment) -> dict[str, float]:
        stage = self._by_name[moment.stage]
        loss = measuring.weighted_loss(stage, terms, step=moment.step)
        return {"loss": loss, **terms}
