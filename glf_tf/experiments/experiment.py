# SPDX-License-Identifier: Apache-2.0
"""Runs an experiment: trains a model as planned, in the folder of a run."""

__all__ = ["check", "is_chief", "train"]

from collections.abc import Mapping, Sequence

import keras
import tensorflow as tf

from glf_tf import catalogue, parts
from glf_tf.callbacks import reports
from glf_tf.data import image_set
from glf_tf.devices import processors, strategies, workers
from glf_tf.experiments import folder as folder_lib
from glf_tf.experiments import identity, session, starting
from glf_tf.experiments import plan as plan_lib
from glf_tf.models import base_model
from glf_tf.training import fitting, optimizers


def train(
    plan: plan_lib.Plan,
    folder: folder_lib.Folder,
    *,
    resume: bool = False,
    accept_new_data: bool = False,
    stop_at: int = 0,
) -> base_model.AbstractModel:
    """Trains a model, and writes the files that `Folder` lists.

    Args:
        plan: The plan.
        folder: The folder of the run.
        resume: Whether to continue from the newest checkpoint, if there is one.
        accept_new_data: Whether to continue although the images have changed.
        stop_at: The global step at which to save the state and stop; 0 for the end.

    Returns:
        model: The trained model.

    Raises:
        InvalidValue: The folder holds a run and `resume` is false, or another plan.
        Busy: Another process trains in the folder.
        NotFound: The data set was not found.
        Damaged: The data of a run have changed, or no checkpoint is intact.
        Diverged: A loss term became NaN or infinite.
        Exhausted: Memory or a disk is full.
        Stopped: The process received a signal; the state is saved.
    """
    _configure(plan)
    # First: workers must connect before TensorFlow does anything else.
    with _strategy(plan).scope():
        is_writer = workers.Workers().is_chief
        if is_writer:
            identity.check(folder, plan, resume=resume)
        dataset = catalogue.build("dataset", plan.dataset, paths=plan.paths)
        sets = dataset.load_for_training()
        arguments = identity.arguments_of(plan.model, sets[0])
        if is_writer:
            identity.check_data(
                folder,
                arguments=arguments,
                data=identity.data_of(*sets, model=plan.model),
                accept_new_data=accept_new_data,
            )
        # For the initial weights, the only random numbers that Keras draws.
        keras.utils.set_random_seed(plan.training.seed)
        model = _model(plan, arguments)
        check(plan, model=model, sets=sets)
        session.carry_out(
            plan,
            folder,
            model=model,
            sets=sets,
            arguments=arguments,
            resume=resume,
            report=dataset.report() if is_writer else (),
            stop_at=stop_at,
        )
    return model


def check(
    plan: plan_lib.Plan,
    *,
    model: base_model.AbstractModel,
    sets: Sequence[image_set.ImageSet],
) -> None:
    """Checks what takes model and data to know, before anything is written.

    Raises:
        InvalidValue: Data, model and plan do not fit each other.
    """
    identity.check_description(plan, arguments=type(model).arguments_of(sets[0]))
    often = plan.reports
    reports.check_metric(often.evaluate_metric)
    if often.evaluate_every:
        reports.check_compares(model)
    fitting.check(model, sets[0], plan.training)
    for images in sets:
        model.check_labels(images)
    optimizers.check(model.stages(), options=plan.optimizers)
    starting.check_finished(plan.start, model)
    if plan.start.start_from:
        starting.check_start(plan.start, model)
        starting.check_same(plan, model)
    if often.patience or often.best_by not in ("", plan_lib.Reports.best_by):
        how = {"split": sets[-1].split, "metric": often.evaluate_metric}
        reports.check_best_by(often.best_by, model=model, **how)


def _configure(plan: plan_lib.Plan) -> None:
    processors.configure(
        model=plan.model,
        batch_size=plan.training.batch_size,
        threads=plan.devices.op_threads,
        tf32=plan.devices.tf32,
    )
    if plan.devices.deterministic:
        tf.config.experimental.enable_op_determinism()


def is_chief(plan: plan_lib.Plan) -> bool:
    """Returns whether this process, among its workers, reports progress."""
    return _strategy(plan).extended.should_checkpoint


def _strategy(plan: plan_lib.Plan) -> tf.distribute.Strategy:
    asked = plan.devices
    return strategies.strategy(
        asked.strategy,
        cluster=asked.cluster,
        tpu=asked.tpu,
        meet_within=asked.meet_within,
    )


def _model(plan: plan_lib.Plan, arguments: Mapping) -> base_model.AbstractModel:
    # Complete, as it is recorded: options that are left out have their defaults.
    described = catalogue.completed("model", plan.model)
    return parts.make("model", described, **arguments)
