# SPDX-License-Identifier: Apache-2.0
"""An experiment: a plan made of plain values, carried out in a run's folder."""

__all__ = ["train", "is_chief"]

import contextlib
import sys
from collections.abc import Mapping

import keras
import numpy as np
import tensorflow as tf
from absl import logging

from glf_tf import catalogue, errors, export, files, parts
from glf_tf.callbacks import drawing, profiling, progress, reports, saving
from glf_tf.data import image_set, pipeline
from glf_tf.devices import processors, strategies, workers
from glf_tf.experiments import failures, identity, restore, stopping
from glf_tf.experiments import folder as folder_lib
from glf_tf.experiments import plan as plan_lib
from glf_tf.layers import normalization
from glf_tf.metrics import reference
from glf_tf.metrics.extractors import choice
from glf_tf.models import model as model_lib
from glf_tf.training import callback as callback_lib
from glf_tf.training import checkpoints, loop, optimizers, summaries


def train(
    plan: plan_lib.Plan,
    folder: folder_lib.Folder,
    *,
    resume: bool = False,
    accept_new_data: bool = False,
    stop_at: int = 0,
) -> model_lib.GenerativeModel:
    """Trains a model, and leaves in the folder all that `Folder` names.

    Args:
        plan: What to train.
        folder: Where.
        resume: Whether to go on from the newest checkpoint, if there is one.
        accept_new_data: Whether to go on though the images are others.
        stop_at: A global step to stop at, with the state saved; 0 for the end.

    Returns:
        model: The trained model.

    Raises:
        InvalidValue: The folder holds a run and `resume` is false, or another plan.
        Busy: Another process trains in the folder.
        NotFound: The data are nowhere.
        Damaged: A run's data are others than it began with, or no checkpoint is whole.
        Diverged: A loss term left the finite numbers.
        Exhausted: Memory or a disk is full.
        Stopped: The process was told to stop; the state is saved.
    """
    processors.configure(
        model=plan.model,
        batch_size=plan.training.batch_size,
        threads=plan.devices.op_threads,
        tf32=plan.devices.tf32,
    )
    if plan.devices.deterministic:
        tf.config.experimental.enable_op_determinism()
    # First of all: workers meet before TensorFlow does anything else.
    with _strategy(plan).scope():
        group = workers.Workers()
        if group.is_chief:
            identity.check(folder, plan, resume=resume)
        dataset = catalogue.build("dataset", plan.dataset, paths=plan.paths)
        data, test = dataset.load("train"), dataset.load("test")
        arguments = identity.arguments_of(plan.model, data)
        if group.is_chief:
            identity.check_data(
                folder,
                arguments=arguments,
                data=identity.data_of(data, test),
                accept_new_data=accept_new_data,
            )
        # The initial weights, the only random numbers that Keras draws.
        keras.utils.set_random_seed(plan.training.seed)
        model = _model(plan, arguments)
        _check_plan(plan, model=model, data=data)
        with (
            folder.lock() if group.is_chief else contextlib.nullcontext(),
            failures.explained(plan, folder, data=(data, test)),
        ):
            if group.is_chief:
                # Again: another process may have left a run here meanwhile.
                identity.check(folder, plan, resume=resume)
            session = _Session(
                plan, folder, model=model, data=data, test=test, stop_at=stop_at
            )
            step = session.restore(resume=resume)
            if group.is_chief:
                sys.stderr.writelines(f"{line}\n" for line in dataset.report())
                sets = (data, test)
                identity.describe(
                    folder, plan, arguments=arguments, sets=sets, step=step
                )
            session.run()
            if group.is_chief and plan.reports.export:
                export.export(model, folder.saved_model, is_of_run=True)
            # Who leaves early looks like one who was lost.
            group.wait()
    return model


def is_chief(plan: plan_lib.Plan) -> bool:
    """Returns whether this process, of those that train together, tells of it."""
    return _strategy(plan).extended.should_checkpoint


def _strategy(plan: plan_lib.Plan) -> tf.distribute.Strategy:
    asked = plan.devices
    return strategies.strategy(
        asked.strategy,
        cluster=asked.cluster,
        tpu=asked.tpu,
        meet_within=asked.meet_within,
    )


def _model(plan: plan_lib.Plan, arguments: Mapping) -> model_lib.GenerativeModel:
    # Whole, as it is noted: what is left out is a default, whatever parts say.
    described = catalogue.completed("model", plan.model)
    return parts.make("model", described, **arguments)


class _Session:
    """The parts of a run, put together."""

    def __init__(
        self,
        plan: plan_lib.Plan,
        folder: folder_lib.Folder,
        *,
        model: model_lib.GenerativeModel,
        data: image_set.ImageSet,
        test: image_set.ImageSet,
        stop_at: int,
    ):
        self._plan, self._folder, self._model = plan, folder, model
        self._data, self._test = data, test
        self._optimizers = optimizers.make(
            model.stages(),
            options=plan.optimizers,
            batches_per_epoch=len(data) // plan.training.batch_size,
            scales_loss=optimizers.needs_loss_factor(model),
        )
        self._store = checkpoints.Checkpoints(
            folder.checkpoints,
            checkpoints.variables_of(
                model, [optimizer.keras for optimizer in self._optimizers.values()]
            ),
            keep=plan.reports.keep_checkpoints,
        )
        self._workers = workers.Workers()
        is_chief = self._workers.is_chief
        self._writer = summaries.Summaries(folder.path if is_chief else None)
        self._progress = progress.Progress(is_silent=not is_chief)
        self._stop = stopping.StopSignal()
        self._loop = loop.Loop(
            model,
            data,
            options=plan.training,
            optimizers=self._optimizers,
            callbacks=self._callbacks(model, test),
            should_stop=self._stop.is_set,
            stop_at=stop_at,
        )
        self._saving.get_loop_state = self._loop.get_state

    def restore(self, *, resume: bool) -> int:
        """Goes to where training begins, or goes on; returns the global step."""
        state = restore.newest(self._store, self._folder) if resume else None
        if state is None and self._folder.holds_run:
            logging.warning("%s has no checkpoint: training begins.", self._folder.path)
        if state is not None:
            self._loop.set_state(state)
        elif self._plan.start.start_from:
            restore.take_over(self._plan.start, self._model)
        step = 0 if state is None else state["global_step"]
        self._check_position(step)
        return step

    def run(self) -> None:
        """Trains to the end."""
        step = self._loop.global_step
        self._writer.rewind(step)
        self._writer.recipe(
            self._plan.recipe, options=self._plan.flags, name=self._folder.path.name
        )
        self._progress.open(total_steps=self._loop.total_steps, step=step)
        try:
            with self._stop:
                self._loop.run()
            is_empty = self._store.latest() is None  # no step was asked for
            if is_empty and self._workers.is_chief:
                self._store.save(self._loop.get_state(), step=step)
        except loop.NonFinite as error:
            raise (
                self._with_evidence(error) if self._workers.is_chief else error
            ) from error
        finally:
            self._progress.close()
            self._writer.flush()

    def _check_position(self, step: int) -> None:
        """Checks that all workers go on from one checkpoint."""
        if self._workers.mean(step) != step:
            raise errors.InvalidValue(
                "All workers must see the folder of the run",
                received=f"step {step} in --workdir={self._folder.path} on this one, "
                "and another step on others",
                do="Put it on a file system that they share",
            )

    def _callbacks(
        self, model: model_lib.GenerativeModel, test: image_set.ImageSet
    ) -> list[callback_lib.AbstractCallback]:
        often, writer = self._plan.reports, self._writer
        every_epoch = callback_lib.Every(epochs=1)
        scalars = {"writer": writer, "optimizers": self._optimizers}
        shown = {"model": model, "data": test, "writer": writer}
        validation = reports.Validation(
            callback_lib.Every(epochs=often.validate_every), **shown
        )
        quality = reports.SampleQuality(
            callback_lib.Every(epochs=often.evaluate_every),
            model=model,
            real=self._reference,
            metric=often.evaluate_metric,
            writer=writer,
        )
        self._saving = saving.Saving(
            callback_lib.Every(epochs=often.save_every),
            store=self._store,
            measures=[validation, quality],
            best_by=often.best_by,
        )
        to_draw = callback_lib.Every(epochs=often.draw_every)
        return [
            reports.Scalars(
                callback_lib.Every(steps=often.log_every), prefix="train", **scalars
            ),
            reports.Scalars(every_epoch, prefix="epoch", **scalars),
            self._progress,
            validation,
            quality,
            drawing.Pictures(
                to_draw,
                folder=self._folder.pictures,
                seed=self._plan.training.seed,
                **shown,
            ),
            drawing.Histograms(to_draw, **shown),
            profiling.Profile(often.profile, folder=self._folder.tensorboard),
            # Last, so that what is saved is the others' state after they ran.
            self._saving,
        ]

    def _reference(self) -> reference.Reference:
        """Returns the real images that samples are compared with while training."""
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
            split="test",
            cache_dir=cache_dir / "statistics",
        )

    def _with_evidence(self, error: loop.NonFinite) -> errors.Diverged:
        """Writes the offending batch, and returns an error that names it."""
        file = self._folder.path / f"nonfinite_step_{error.step}.npz"
        with files.replacing(file) as stream:
            np.savez(stream, **error.batch)
        latest = self._store.latest()
        goes_on = f"go on from {latest} with --resume" if latest else "start anew"
        return errors.Diverged(
            error.rule,
            received=f"{error.received}; its batch is in {file}",
            do=f"{error.do}, then {goes_on}",
        )


def _check_plan(
    plan: plan_lib.Plan, *, model: model_lib.GenerativeModel, data: image_set.ImageSet
) -> None:
    """Checks what takes model and data to know, before anything is written."""
    often = plan.reports
    reports.check_metric(often.evaluate_metric)
    batch_size = plan.training.batch_size
    pipeline.steps_per_epoch(len(data), batch_size=batch_size)
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    pipeline.share(batch_size, replicas=replicas)
    normalization.check_batch_size(model._flatten_layers(), batch_size)
    model.check_data(data)
    stages = model.stages()
    plan.training.check(stage.name for stage in stages if stage.updates)
    optimizers.check(stages, options=plan.optimizers)
    if plan.start.start_from:
        restore.check_start(plan.start, model)
    if often.best_by not in ("", plan_lib.Reports.best_by):
        reports.check_best_by(often.best_by, metric=often.evaluate_metric, model=model)
