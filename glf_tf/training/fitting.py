# SPDX-License-Identifier: Apache-2.0
"""Fits a model in Python: the one loop, all stages, without flags or folders."""

__all__ = ["fit"]

import math
from collections.abc import Sequence

import keras
import tensorflow as tf
from absl import logging

from glf_tf.data import image_set, pipeline
from glf_tf.layers import normalization
from glf_tf.training import averages, keras_callbacks, loop, measuring, optimizers
from glf_tf.training import callback as callback_lib
from glf_tf.training import options as options_lib


def fit(
    model: keras.Model,
    data: image_set.ImageSet,
    *,
    options: options_lib.Training,
    settings: options_lib.Optimizers,
    validation_data: image_set.ImageSet | None = None,
    callbacks: Sequence[object] = (),
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
        is_silent: Whether no line an epoch is shown.

    Returns:
        history: Keras' own, with each term's average an epoch, and the name of each
            epoch's stage as `history.stages`.

    Raises:
        InvalidValue: The images or the settings do not fit the model.
        Diverged: A loss term left the finite numbers.
    """
    _check(model, data, options)
    keras_callbacks.check(callbacks)
    heard = [one for one in callbacks if isinstance(one, keras.callbacks.Callback)]
    ours = [one for one in callbacks if one not in heard]
    epochs = _epochs(model, data, options)
    listed = keras.callbacks.CallbackList(
        heard,
        add_history=True,
        model=model,
        verbose=0,
        epochs=epochs,
        steps=len(data) // options.batch_size,
    )
    validate = None
    if validation_data is not None:
        validate = measuring.Measure(model, validation_data)
    told = keras_callbacks.Epochs(
        listed, model=model, epochs=epochs, validate=validate, is_silent=is_silent
    )
    if any(keras_callbacks.needs_batches(one) for one in heard):
        ours.append(keras_callbacks.Batches(listed))
    _run(model, data, options, settings, told, [*ours, told])
    listed.on_train_end()
    history = model.history
    history.stages = told.stages
    return history


def _run(
    model: keras.Model,
    data: image_set.ImageSet,
    options: options_lib.Training,
    settings: options_lib.Optimizers,
    told: keras_callbacks.Epochs,
    callbacks: Sequence[callback_lib.AbstractCallback],
) -> None:
    """Runs the loop to its end, or until a callback asks to stop."""
    made = optimizers.make(
        model.stages(),
        options=settings,
        batches_per_epoch=len(data) // options.batch_size,
        scales_loss=optimizers.needs_loss_factor(model),
    )
    run = loop.Loop(
        model,
        data,
        options=options,
        optimizers=made,
        callbacks=callbacks,
        should_stop=lambda: told.should_stop,
    )
    told.begin()
    try:
        run.run()
    except loop.Stopped:
        stages = {stage.name: stage for stage in model.stages()}
        averages.settle(averages.pairs(stages[told.stages[-1]], made))
        names = list(stages)
        left = names[names.index(told.stages[-1]) + 1 :]
        if left:
            logging.warning("A callback stopped before the stages %s.", left)


def _check(
    model: keras.Model, data: image_set.ImageSet, options: options_lib.Training
) -> None:
    """Checks what takes model and data to know, before anything is changed."""
    pipeline.steps_per_epoch(len(data), batch_size=options.batch_size)
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    pipeline.share(options.batch_size, replicas=replicas)
    normalization.check_batch_size(model._flatten_layers(), options.batch_size)
    model.check_data(data)
    options.check(stage.name for stage in model.stages() if stage.updates)


def _epochs(
    model: keras.Model, data: image_set.ImageSet, options: options_lib.Training
) -> int:
    """Returns how many epochs all stages have; a started one counts."""
    batches = len(data) // options.batch_size
    return sum(
        math.ceil(
            stage.total_steps(batches, epochs=options.epochs_of(stage.name))
            / stage.steps_per_epoch(batches)
        )
        for stage in model.stages()
        if stage.updates
    )
