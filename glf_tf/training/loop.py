# SPDX-License-Identifier: Apache-2.0
"""The training loop: runs all stages of a model, and callbacks between steps."""

__all__ = ["Loop", "NonFinite", "Stopped"]

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from glf_tf import errors, seeds
from glf_tf.data import image_set, pipeline
from glf_tf.devices import workers as workers_lib
from glf_tf.training import averages, recounting
from glf_tf.training import callback as callback_lib
from glf_tf.training import optimizers as optimizers_lib
from glf_tf.training import options as options_lib
from glf_tf.training import pace as pace_lib
from glf_tf.training import stages as stages_lib
from glf_tf.training import step as step_lib

_ADVICE = (
    "Lower the learning rate, set --clip_norm, or check options far from their defaults"
)


class NonFinite(errors.Diverged):
    """A loss term became NaN or infinite.

    Attributes:
        step: Global number of the step, from 1.
        terms: The terms' values at the step.
        batch: The batch of the step, as arrays.
    """

    def __init__(
        self,
        *,
        stage: str,
        step: int,
        terms: Mapping[str, float],
        batch: Mapping[str, np.ndarray],
        advice: Mapping[str, str],
    ):
        bad = {name: v for name, v in terms.items() if not np.isfinite(v)}
        good = {name: v for name, v in terms.items() if name not in bad}
        beside = f", beside {_listed(good)}" if good else ""
        known = [advice[name] for name in bad if name in advice]
        super().__init__(
            "Every loss term must stay finite",
            received=f"{_listed(bad)} at step {step} (stage {stage}){beside}",
            do=known[0] if known else _ADVICE,
        )
        self.step, self.terms, self.batch = step, dict(terms), dict(batch)


class Stopped(Exception):  # noqa: N818 - not an error, but requested
    """The run was stopped, and has saved its state."""


class Loop:
    """Trains a model through all its stages.

    Besides the variables, its state is the position, `(stage, step)`, and the state of
    callbacks: the order of images and random numbers are functions of the position.
    """

    def __init__(
        self,
        model: keras.Model,
        data: image_set.ImageSet,
        *,
        options: options_lib.Training,
        optimizers: Mapping[str, optimizers_lib.Optimizer],
        callbacks: Sequence[callback_lib.AbstractCallback] = (),
        should_stop: Callable[[], bool] = lambda: False,
        stop_at: int = 0,
    ):
        """Initializes the loop; call it in the strategy's scope.

        Args:
            model: The model.
            data: The training set.
            options: The settings of training.
            optimizers: The optimisers, from `optimizers.make`.
            callbacks: The callbacks, in order.
            should_stop: Polled between calls; if true, callbacks with `runs_on_stop`
                run and `Stopped` is raised.
            stop_at: The global step at which to stop in the same way; 0 for none.
        """
        self._model, self._data, self._options = model, data, options
        self._optimizers, self._callbacks = optimizers, tuple(callbacks)
        self._should_stop, self._stop_at = should_stop, stop_at
        self._strategy = tf.distribute.get_strategy()
        self._workers = workers_lib.Workers()
        self._stages = stages_lib.of_model(model)
        options.check(stage.name for stage in self._stages if stage.updates)
        self._batches_per_epoch = pipeline.steps_per_epoch(
            len(data), batch_size=options.batch_size
        )
        self._stage_index, self._step, self._global_step = 0, 0, 0
        self._train_seconds = 0.0
        self._ended: dict[str, int] = {}  # steps of stages with their best weights
        self._recounting: recounting.Recounting | None = None
        self._recounted = (-1, -1)  # the position of the averages' moments

    def get_state(self) -> dict:
        """Returns the position and the callbacks' states, as JSON values."""
        return {
            "stage": self._stage_index,
            "step": self._step,
            "global_step": self._global_step,
            "batches_per_epoch": self._batches_per_epoch,
            "ended": dict(self._ended),
            "is_over": self._is_over(),
            "callbacks": {
                callback.name: callback.get_state() for callback in self._callbacks
            },
        }

    def set_state(self, state: Mapping) -> None:
        """Restores a position and the states of callbacks.

        New callbacks keep their initial state. If the size of the training set has
        changed, the number of finished epochs is kept.

        Raises:
            InvalidValue: More steps are wanted of a stage that is over.
        """
        self._check_past(state)
        self._stage_index, self._step = state["stage"], state["step"]
        self._global_step = state["global_step"]
        self._ended = dict(state.get("ended", {}))
        before = state.get("batches_per_epoch", self._batches_per_epoch)
        if self._stage_index < len(self._stages) and before != self._batches_per_epoch:
            stage = self._stages[self._stage_index]
            now = stage.steps_per_epoch(self._batches_per_epoch)
            self._step = self._step * now // stage.steps_per_epoch(before)
        self._recounted = (self._stage_index, self._step)  # as they are in checkpoints
        for callback in self._callbacks:
            if callback.name in state["callbacks"]:
                callback.set_state(state["callbacks"][callback.name])

    def _is_over(self) -> bool:
        """Returns whether all steps of all stages are taken."""
        last = len(self._stages) - 1
        if self._stage_index != last:
            return self._stage_index > last
        has_best = self._ended.get(str(last)) == self._step
        return has_best or self._step >= self._total(self._stages[last])

    def _check_past(self, state: Mapping) -> None:
        """Checks that stages that are over had all the steps that they should have."""
        ended = state.get("ended", {})
        past = [
            stage
            for index, stage in enumerate(self._stages[: state["stage"]])
            if str(index) not in ended
        ]
        wanted = sum(self._total(stage) for stage in past)
        early = sum(steps for i, steps in ended.items() if int(i) < state["stage"])
        taken = state["global_step"] - state["step"] - early
        is_same = state.get("batches_per_epoch") == self._batches_per_epoch
        if is_same and wanted > taken:
            names = ", ".join(stage.name for stage in past)
            raise errors.InvalidValue(
                "A stage that is over is not trained again",
                received=f"{wanted} steps for {names}, of which {taken} were taken",
                do="Keep the epochs of these stages, such as --epochs=10,flow:20, or "
                "train anew in another --workdir",
            )

    @property
    def global_step(self) -> int:
        """Training steps taken so far."""
        return self._global_step

    @property
    def total_steps(self) -> int:
        """Training steps of all stages."""
        return sum(self._total(stage) for stage in self._stages)

    def run(self) -> None:
        """Trains from the position to the end.

        Raises:
            NonFinite: A loss term became NaN or infinite.
            Stopped: `should_stop` returned true, or `stop_at` is reached.
        """
        if self._stop_at and self._global_step >= self._stop_at:
            raise self._stopped()
        while self._stage_index < len(self._stages):
            stage = self._stages[self._stage_index]
            if self._step < self._total(stage):
                self._run_stage(stage)
            self._recount()
            self._end_stage(stage)
            averages.settle(averages.pairs(stage, self._optimizers))
            self._stage_index, self._step = self._stage_index + 1, 0
            self._recounting = None

    def _run_stage(self, stage: stages_lib.Stage) -> None:
        started = time.perf_counter()
        if not stage.updates:
            for callback in self._callbacks:
                callback.begin_fit(stage.name)
        if self._step == 0:
            stage.prepare(self._data)
        if stage.updates:
            self._take_steps(stage)
        else:
            fitted = step_lib.Result(steps=1, sums={}, last={})
            self._advance(stage, fitted, seconds=time.perf_counter() - started)

    def _take_steps(self, stage: stages_lib.Stage) -> None:
        trainer = step_lib.StageTrainer(
            self._model,
            stage,
            optimizers=self._optimizers,
            seed=self._options.seed,
            jit_compile=self._options.jit_compile,
            measures_norms=self._options.gradient_norms,
        )
        source = stage.source(self._data)
        iterator = self._iterator(stage, source)
        self._recounting = recounting.Recounting(
            self._model,
            stage,
            optimizers=self._optimizers,
            seed=self._options.seed,
            batches=lambda: self._iterator(stage, source),
        )
        pace = pace_lib.Pace()
        while self._step < self._total(stage) and not self._asks("ends", stage):
            started = time.perf_counter()
            self._begin_epoch(stage)
            steps = min(pace.steps, self._steps_to_boundary(stage))
            result = trainer.run(iterator, first_step=self._step, steps=steps)
            # All workers must take the same number of steps in the next call.
            seconds = self._workers.mean(time.perf_counter() - started)
            pace.observe(result.steps, seconds=seconds)
            self._advance(stage, result, seconds=seconds)

    def _end_stage(self, stage: stages_lib.Stage) -> None:
        """Ends a stage with its best weights, if callbacks keep them."""
        name = str(self._stage_index)
        is_done = self._ended.get(name) == self._step or not stage.updates
        if is_done or not self._asks("has_best", stage):
            return
        self._ended[name] = self._step
        for callback in self._callbacks:
            callback.restore_best()
        pairs = averages.pairs(stage, self._optimizers)
        averages.settle(pairs)
        # What measured, drew or saved the last weights does so again with the best.
        moment = dataclasses.replace(self._moment(stage), total_steps=self._step)
        self._run_callbacks(
            moment,
            lambda callback: (
                (callback.uses_averages or callback.runs_on_stop)
                and self._is_due(callback, moment)
            ),
            pairs,
        )

    def _asks(self, question: str, stage: stages_lib.Stage) -> bool:
        """Returns whether a callback of any worker says yes to a stage."""
        answers = [getattr(each, question)(stage.name) for each in self._callbacks]
        return self._workers.any(any(answers))

    def _advance(
        self, stage: stages_lib.Stage, result: step_lib.Result, *, seconds: float
    ) -> None:
        """Advances the position, and runs the callbacks whose intervals end there."""
        self._step += result.steps
        self._global_step += result.steps
        self._train_seconds += seconds
        if not all(np.isfinite(value) for value in result.last.values()):
            raise self._nonfinite(stage, result)
        moment = self._moment(stage)
        pairs = averages.pairs(stage, self._optimizers)
        for callback in self._callbacks:
            callback.observe(result, moment)
        self._run_callbacks(
            moment, lambda callback: self._is_due(callback, moment), pairs
        )
        is_there = bool(self._stop_at) and self._global_step >= self._stop_at
        if self._workers.any(self._should_stop() or is_there):
            self._run_callbacks(
                moment,
                lambda callback: (
                    callback.runs_on_stop and not self._is_due(callback, moment)
                ),
                pairs,
            )
            self._workers.wait()
            raise self._stopped()

    def _stopped(self) -> Stopped:
        return Stopped(f"Stopped at step {self._global_step}; the state is saved")

    def _run_callbacks(
        self,
        moment: callback_lib.Moment,
        wanted: Callable[[callback_lib.AbstractCallback], bool],
        pairs: averages.Pairs,
    ) -> None:
        due = [callback for callback in self._callbacks if wanted(callback)]
        if any(callback.uses_averages or callback.runs_on_stop for callback in due):
            self._recount()
        for callback in due:
            if self._workers.is_chief or not callback.by_chief:
                with averages.shown(pairs if callback.uses_averages else []):
                    callback.run(moment)

    def _recount(self) -> None:
        """Counts moments of averages where they are used or saved, once a position."""
        position = (self._stage_index, self._step)
        if self._recounting is not None and self._recounted != position:
            self._recounting.run(step=self._step)
            self._recounted = position

    def _is_due(
        self, callback: callback_lib.AbstractCallback, moment: callback_lib.Moment
    ) -> bool:
        every = callback.every.in_steps(moment.steps_per_epoch)
        return every > 0 and (moment.is_stage_end or moment.step % every == 0)

    def _steps_to_boundary(self, stage: stages_lib.Stage) -> int:
        """Returns the steps until the epoch ends, or a callback's next interval."""
        per_epoch = stage.steps_per_epoch(self._batches_per_epoch)
        intervals = [callback.every.in_steps(per_epoch) for callback in self._callbacks]
        intervals.append(per_epoch)
        left = [every - self._step % every for every in intervals if every > 0]
        if self._stop_at > self._global_step:
            left.append(self._stop_at - self._global_step)
        return min([self._total(stage) - self._step, *left])

    def _moment(self, stage: stages_lib.Stage) -> callback_lib.Moment:
        return callback_lib.Moment(
            stage=stage.name,
            step=self._step,
            total_steps=self._total(stage),
            global_step=self._global_step,
            steps_per_epoch=stage.steps_per_epoch(self._batches_per_epoch),
            examples_per_step=self._options.batch_size * stage.batches_per_step,
            train_seconds=self._train_seconds,
        )

    def _total(self, stage: stages_lib.Stage) -> int:
        return stage.total_steps(
            self._batches_per_epoch, epochs=self._options.epochs_of(stage.name)
        )

    def _begin_epoch(self, stage: stages_lib.Stage) -> None:
        per_epoch = stage.steps_per_epoch(self._batches_per_epoch)
        if self._step % per_epoch == 0:
            epoch = self._step // per_epoch
            seed = seeds.fold(self._options.seed, self._stage_index, epoch)
            stage.begin_epoch(self._data, seed=seed)

    def _batches(
        self, stage: stages_lib.Stage, source: pipeline.Source, *, step: int, **share
    ) -> tf.data.Dataset:
        return pipeline.batches(
            source,
            batch_size=self._options.batch_size,
            seed=self._options.seed,
            start_step=step * stage.batches_per_step,
            **share,
        )

    def _iterator(self, stage: stages_lib.Stage, source: pipeline.Source):
        step = self._step  # the present step, whenever the function is called
        return iter(
            self._strategy.distribute_datasets_from_function(
                lambda context: self._batches(stage, source, step=step, context=context)
            )
        )

    def _nonfinite(self, stage: stages_lib.Stage, result: step_lib.Result) -> NonFinite:
        # The images, even if the batch has codes: found by their index.
        batches = self._batches(stage, self._data, step=self._step - 1)
        batch = next(iter(batches.as_numpy_iterator()))
        return NonFinite(
            stage=stage.name,
            step=self._global_step,
            terms=result.last,
            batch=batch,
            advice=self._model.advice,
        )


def _listed(terms: Mapping[str, float]) -> str:
    return ", ".join(f"{name}={value:.5g}" for name, value in terms.items())
