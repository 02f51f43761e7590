# SPDX-License-Identifier: Apache-2.0
"""Fits a model in Python: the one loop, all stages, without flags or folders."""

__all__ = ["check", "fit", "make_optimizers"]

from collections.abc import Callable, Mapping, Sequence

import keras
import tensorflow as tf

from glf_tf import errors
from glf_tf.data import image_set, pipeline
from glf_tf.layers import normalization
from glf_tf.objectives import reconstruction
from glf_tf.training import callback as callback_lib
from glf_tf.training import delayed, loop, measuring
from glf_tf.training import listeners as listeners_lib
from glf_tf.training import optimizers as optimizers_lib
from glf_tf.training import options as options_lib
from glf_tf.training import patience as patience_lib
from glf_tf.training import stages as stages_lib


def fit(
    model: keras.Model,
    data: image_set.ImageSet,
    *,
    options: options_lib.Training,
    settings: options_lib.Optimizers,
    validation_data: image_set.ImageSet | None = None,
    callbacks: Sequence[object] = (),
    patience: int = 0,
    is_silent: bool = False,
) -> keras.callbacks.History:
    """Trains a model through all its stages; call it in the strategy's scope.

    Weights go on from what they are; optimisers and positions begin anew.

    Args:
        model: The model.
        data: The training set.
        options: How long and with what to train.
        settings: The optimisers'.
        validation_data: Images on which terms are measured after each epoch.
        callbacks: Keras' and ours.
        patience: Epochs without a smaller loss on `validation_data` that end a stage,
            whose result are then its best weights; 0 for all epochs and the last ones.
        is_silent: Whether no line an epoch is shown.

    Returns:
        history: Keras' own, with each term's average an epoch, and the name of each
            epoch's stage as `history.stages`.

    Raises:
        InvalidValue: The images or the settings do not fit the model.
        Diverged: A loss term left the finite numbers.
    """
    check(model, data, options)
    optimizers = make_optimizers(model, data, options=options, settings=settings)
    listeners = listeners_lib.Listeners(
        model,
        data,
        options=options,
        optimizers=optimizers,
        callbacks=callbacks,
        validate=_validate(model, validation_data),
        is_silent=is_silent,
    )
    own = ()
    if patience:
        how = {"model": model, "data": validation_data, "optimizers": optimizers}
        own = (patience_lib.Patience(patience, **how),)
    run = loop.Loop(
        model,
        data,
        options=options,
        optimizers=optimizers,
        callbacks=(*listeners.callbacks, *own),
        should_stop=listeners.ask_to_stop,
    )
    with listeners:
        run.run()
    return listeners.history


def make_optimizers(
    model: keras.Model,
    data: image_set.ImageSet,
    *,
    options: options_lib.Training,
    settings: options_lib.Optimizers,
) -> Mapping[str, optimizers_lib.Optimizer]:
    """Returns an optimiser for each group of a model's variables, by "stage/group".

    Raises:
        InvalidValue: A setting names a group that there is not, or is out of range.
    """
    return optimizers_lib.make(
        stages_lib.of_model(model),
        options=settings,
        batches_per_epoch=len(data) // options.batch_size,
        scales_loss=optimizers_lib.needs_loss_factor(model),
    )


def check(
    model: keras.Model, data: image_set.ImageSet, options: options_lib.Training
) -> None:
    """Checks what takes model and data to know, before anything is changed.

    Raises:
        InvalidValue: A batch is larger than the training set or cannot be shared, the
            data are not fit, a stage is named that there is not, a term begins after
            the end of its stage, or a file does not fit the model.
        NotFound: A file that the model reads is missing.
    """
    batches = pipeline.steps_per_epoch(len(data), batch_size=options.batch_size)
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    pipeline.share(options.batch_size, replicas=replicas)
    normalization.check_batch_size(model._flatten_layers(), options.batch_size)
    for layer in model._flatten_layers():
        if isinstance(layer, reconstruction.AbstractReconstruction):
            layer.prepare()
    model.check_data(data)
    stages = stages_lib.of_model(model)
    if not stages:
        raise errors.InvalidValue(
            "A model must have a stage in order to be trained",
            received=f"none from `stages` of {type(model).__name__}",
            do="Return one from `stages`",
        )
    options.check(stage.name for stage in stages if stage.updates)
    _check_asked_for(stages, options)
    for stage in stages:
        steps = stage.total_steps(batches, epochs=options.epochs_of(stage.name))
        delayed.check(stage, steps=steps)


def _check_asked_for(
    stages: Sequence[stages_lib.Stage], options: options_lib.Training
) -> None:
    """Checks that stages which the user asked for have epochs."""
    for stage in stages:
        if stage.is_asked_for and not options.epochs_of(stage.name):
            raise errors.InvalidValue(
                f"The stage {stage.name}, which was asked for, must have epochs",
                received=f"none of it in epochs={dict(options.epochs)}",
                do=f"Set for instance --epochs=10,{stage.name}:3, or leave it out",
            )


def _validate(
    model: keras.Model, data: image_set.ImageSet | None
) -> Callable[[callback_lib.Moment], dict[str, float]] | None:
    """Returns what measures the terms on images at a moment; None without images."""
    if data is None:
        return None
    measure = measuring.Measure(model, data)

    def validate(moment: callback_lib.Moment) -> dict[str, float]:
        return measure(moment.stage)

    return validate
