# SPDX-License-Identifier: Apache-2.0
"""The parts of a run, put together: what trains, what is written, what goes on."""

__all__ = ["Session", "carry_out"]

import contextlib
import sys
from collections.abc import Mapping, Sequence

import numpy as np
from absl import logging

from glf_tf import errors, export, files
from glf_tf.callbacks import drawing, profiling, progress, reports, saving
from glf_tf.data import image_set
from glf_tf.devices import workers
from glf_tf.experiments import cards, failures, identity, restore, starting, stopping
from glf_tf.experiments import folder as folder_lib
from glf_tf.experiments import plan as plan_lib
from glf_tf.metrics import reference
from glf_tf.metrics.extractors import choice
from glf_tf.models import base_model
from glf_tf.training import (
    averages,
    checkpoints,
    fitting,
    loop,
    saved_variables,
    summaries,
)
from glf_tf.training import callback as callback_lib
from glf_tf.training import listeners as listeners_lib


def carry_out(
    plan: plan_lib.Plan,
    folder: folder_lib.Folder,
    *,
    model: base_model.AbstractModel,
    sets: Sequence[image_set.ImageSet],
    arguments: Mapping,
    resume: bool,
    report: Sequence[str] = (),
    **options,
) -> "Session":
    """Trains a model that is built, and leaves in the folder all that `Folder` names.

    Call it in the strategy's scope.

    Args:
        plan: The plan.
        folder: The folder of the run.
        model: The model.
        sets: The training set, and the test set if there is one.
        arguments: The model's arguments that follow from the data.
        resume: Whether to continue from the newest checkpoint, if there is one.
        report: Lines on the data set, for people.
        **options: Those of `Session`.

    Returns:
        session: The session, which has ended.
    """
    group = workers.Workers()
    with (
        folder.lock() if group.is_chief else contextlib.nullcontext(),
        failures.explained(plan, folder, data=sets),
    ):
        if group.is_chief:
            # Again: another process may have made a run here in the meantime.
            identity.check(folder, plan, resume=resume)
        session = Session(plan, folder, model=model, sets=sets, **options)
        step = session.restore(resume=resume)
        if group.is_chief:
            sys.stderr.writelines(f"{line}\n" for line in report)
            identity.describe(folder, plan, arguments=arguments, sets=sets, step=step)
        session.run()
        if group.is_chief and plan.reports.export:
            sys.stderr.write(f"exporting to {folder.saved_model}\n")
            about = cards.about(folder, step=session.global_step)
            export.export(model, folder.saved_model, is_of_run=True, about=about)
        # A worker that exits early would seem lost to the others.
        group.wait()
    return session


class Session:
    """A process's work on a run.

    Attributes:
        listeners: What hears the training beside the run's own callbacks; None where a
            tool trains.
    """

    def __init__(
        self,
        plan: plan_lib.Plan,
        folder: folder_lib.Folder,
        *,
        model: base_model.AbstractModel,
        sets: Sequence[image_set.ImageSet],
        stop_at: int = 0,
        callbacks: Sequence[object] | None = None,
        is_silent: bool = False,
    ):
        """Initializes the session; call it in the strategy's scope.

        Args:
            plan: The plan.
            folder: The folder of the run.
            model: The model.
            sets: The training set, and what it is validated on, if anything.
            stop_at: The global step at which to save the state and stop; 0 for the end.
            callbacks: Keras' and ours, of a user of `fit`; None where a tool trains.
            is_silent: Whether no progress is shown.
        """
        self._plan, self._folder, self._model = plan, folder, model
        self._data, self._test = sets[0], sets[1] if len(sets) > 1 else None
        self._optimizers = fitting.make_optimizers(
            model, self._data, options=plan.training, settings=plan.optimizers
        )
        self._store = checkpoints.Checkpoints(
            folder.checkpoints,
            saved_variables.variables_of(
                model, [optimizer.keras for optimizer in self._optimizers.values()]
            ),
            keep=plan.reports.keep_checkpoints,
        )
        self._workers = workers.Workers()
        is_chief = self._workers.is_chief
        self._writer = summaries.Summaries(folder.path if is_chief else None)
        self._measures = self._make_measures()
        self._progress = progress.Progress(
            is_silent=is_silent or not is_chief,
            noun=self._data.noun,
            measures=self._measures,
        )
        self._stop = stopping.StopSignal()
        self.listeners = None if callbacks is None else self._listeners(callbacks)
        self._saving = saving.Saving(
            callback_lib.Every(epochs=plan.reports.save_every),
            store=self._store,
            measures=self._measures,
            best_by=plan.reports.best_by,
            patience=plan.reports.patience,
            tell=self._progress.tell,
        )
        self._loop = loop.Loop(
            model,
            self._data,
            options=plan.training,
            optimizers=self._optimizers,
            callbacks=self._callbacks(),
            should_stop=self._should_stop,
            stop_at=stop_at,
        )
        self._saving.get_loop_state = self._loop.get_state

    def restore(self, *, resume: bool) -> int:
        """Restores the state from which training starts; returns the global step."""
        state = restore.newest(self._store, self._folder) if resume else None
        if state is None and self._folder.holds_run:
            logging.warning("%s has no checkpoint: training starts.", self._folder.path)
        if state is not None:
            self._loop.set_state(state)
        elif self._plan.start.start_from:
            starting.take_over(self._plan.start, self._model)
        step = 0 if state is None else state["global_step"]
        self._check_position(step)
        return step

    @property
    def global_step(self) -> int:
        """The number of steps taken."""
        return self._loop.global_step

    def run(self) -> None:
        """Trains to the end."""
        step = self._loop.global_step
        if self.listeners is not None and self._store.latest() is None:
            # The seed tells the first weights of a tool's model, and no user's.
            self._save(self._loop.get_state())
        self._writer.rewind(step)
        self._writer.recipe(
            self._plan.recipe,
            options=self._plan.chosen or self._plan.flags,
            name=self._folder.path.name,
        )
        self._progress.open(total_steps=self._loop.total_steps, step=step)
        try:
            with self._stop, self.listeners or contextlib.nullcontext():
                self._loop.run()
            self._save_end()
        except loop.NonFinite as error:
            raise (
                self._with_evidence(error) if self._workers.is_chief else error
            ) from error
        finally:
            self._progress.close()
            self._writer.flush()

    def _should_stop(self) -> bool:
        is_asked = self.listeners is not None and self.listeners.ask_to_stop()
        return is_asked or self._stop.is_set()

    def _save_end(self) -> None:
        """Saves what no step left, and what a user's callbacks changed in the end."""
        if self._store.latest() is None:  # no step was needed
            self._save(self._loop.get_state())
        if self.listeners is None or self._saving.state is None:
            return
        stage = self._model.stages()[self._saving.state["stage"]]
        averages.follow(averages.pairs(stage, self._optimizers))
        self._save(self._saving.state)

    def _save(self, state: Mapping) -> None:
        if self._workers.is_chief:
            self._store.save(state, step=self._loop.global_step)

    def _check_position(self, step: int) -> None:
        """Checks that all workers continue from the same checkpoint."""
        if self._workers.mean(step) != step:
            raise errors.InvalidValue(
                "All workers must see the folder of the run",
                received=f"step {step} in --workdir={self._folder.path} here, "
                "and another step on others",
                do="Put it on a shared file system",
            )

    def _make_measures(self) -> list[reports.Validation | reports.SampleQuality]:
        """Returns what measures the model on test images, if there are any."""
        often, writer = self._plan.reports, self._writer
        if self._test is None:
            return []
        validation = reports.Validation(
            callback_lib.Every(epochs=often.validate_every),
            model=self._model,
            data=self._test,
            writer=writer,
        )
        quality = reports.SampleQuality(
            callback_lib.Every(epochs=often.evaluate_every),
            model=self._model,
            real=self._reference,
            metric=often.evaluate_metric,
            writer=writer,
        )
        return [validation, quality]

    def _listeners(self, callbacks: Sequence[object]) -> listeners_lib.Listeners:
        validation = self._measures[0] if self._measures else None
        return listeners_lib.Listeners(
            self._model,
            self._data,
            options=self._plan.training,
            optimizers=self._optimizers,
            callbacks=callbacks,
            validate=validation and validation.found_at,
            is_silent=True,  # the progress bar shows the same
        )

    def _callbacks(self) -> list[callback_lib.AbstractCallback]:
        often, writer = self._plan.reports, self._writer
        every_epoch = callback_lib.Every(epochs=1)
        scalars = {"writer": writer, "optimizers": self._optimizers}
        return [
            reports.Scalars(
                callback_lib.Every(steps=often.log_every), prefix="train", **scalars
            ),
            reports.Scalars(every_epoch, prefix="epoch", **scalars),
            *self._measures,
            self._progress,
            *self._drawings(),
            profiling.Profile(often.profile, folder=self._folder.tensorboard),
            *(self.listeners.callbacks if self.listeners is not None else ()),
            # Last, so that it saves the state of the other callbacks after they ran.
            self._saving,
        ]

    def _drawings(self) -> list[callback_lib.AbstractCallback]:
        """Returns what draws pictures, of models of images and of the plane."""
        data = self._data if self._test is None else self._test
        shown = {"model": self._model, "data": data, "writer": self._writer}
        every = callback_lib.Every(epochs=self._plan.reports.draw_every)
        drawn = {"folder": self._folder.pictures, "seed": self._plan.training.seed}
        if isinstance(data, image_set.ImageSet):
            pictures = drawing.Pictures(every, **drawn, **shown)
            return [pictures, drawing.Histograms(every, **shown)]
        is_plane = data.event_dim == 2
        return [drawing.DensityMap(every, **drawn, **shown)] if is_plane else []

    def _reference(self) -> reference.Reference:
        """Returns the real images for the evaluation of samples during training."""
        asked, cache_dir = self._plan.reports, self._plan.paths.cache_dir
        return reference.Reference(
            self._test.images[: asked.evaluate_samples],
            extractor=choice.make(
                asked.extractor,
                train=self._data,
                test=self._test,
                paths=self._plan.paths,
                inception_graph=asked.inception_graph,
            ),
            split=self._test.split,
            cache_dir=cache_dir / "statistics",
        )

    def _with_evidence(self, error: loop.NonFinite) -> errors.Diverged:
        """Writes the batch that diverged, and returns an error that names its file."""
        file = self._folder.path / f"nonfinite_step_{error.step}.npz"
        with files.replacing(file) as stream:
            np.savez(stream, **error.batch)
        latest = self._store.latest()
        goes_on = f"continue from {latest} with --resume" if latest else "start again"
        return errors.Diverged(
            error.rule,
            received=f"{error.received}; its batch is in {file}",
            do=f"{error.do}, then {goes_on}",
        )
