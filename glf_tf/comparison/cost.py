# SPDX-License-Identifier: Apache-2.0
"""Costs of a trained model: parameters, epochs, seconds and sampling speed."""

__all__ = [
    "Cost",
    "of",
    "device",
    "number_of_parameters",
    "sampling_speed",
    "trained_epochs",
]

import dataclasses
import math
import os
import statistics
import time
from collections.abc import Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from glf_tf import seeds
from glf_tf.comparison import job as job_lib
from glf_tf.data import image_set
from glf_tf.models import autoencoder
from glf_tf.models import model as model_lib
from glf_tf.plotting import curves
from glf_tf.priors import prior
from glf_tf.training import board, options
from glf_tf.training import stages as stages_lib

BATCH = 500
"""Batch size of speed measurements."""

_CALLS = 5
_MOST_SECONDS = 20.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cost:
    """The costs of a trained model.

    Attributes:
        parameters: Number of learned parameters; see `number_of_parameters`.
        epochs: Actual number of epochs of each stage that has any.
        seconds_per_epoch: Median over the epochs of the stage that took longest; None
            for no epochs.
        training_seconds: Total time of training steps over all epochs.
        fit_seconds: Time of a fit to the training codes without gradients.
        prior_parameters: Those of the prior alone; None if not asked for.
        latents_per_second: As `samples_per_second`, of latents that are not decoded;
            None if not asked for.
        samples_per_second: Median speed in batches of 500.
        device: The device of sampling, and usually of training.
        notes: Notes on epochs that differ from the plan.
    """

    parameters: int
    epochs: Mapping[str, int]
    seconds_per_epoch: float | None
    training_seconds: float
    samples_per_second: float
    device: str
    notes: tuple[str, ...] = ()
    fit_seconds: float = 0.0
    prior_parameters: int | None = None
    latents_per_second: float | None = None


@dataclasses.dataclass(frozen=True)
class Epoch:
    """A finished epoch.

    Attributes:
        stage: Its stage.
        steps: Number of steps.
        images_per_second: The speed of its steps.
    """

    stage: stages_lib.Stage
    steps: int
    images_per_second: float

    def seconds(self, *, batch_size: int) -> float:
        """Returns its duration at that speed."""
        images = self.steps * batch_size * self.stage.batches_per_step
        return images / self.images_per_second


def of(
    model: model_lib.GenerativeModel,
    *,
    job: job_lib.Job,
    data: image_set.ImageSet,
    is_shared: bool = False,
) -> Cost:
    """Returns the costs of a trained model.

    Args:
        model: The model.
        job: The job that trained it; its folder has the durations.
        data: The training images.
        is_shared: Whether the encoder is another run's: then the costs of the prior
            alone are added.
    """
    batch_size = job.plan["batch_size"]
    of_prior = _of_prior(model, data=data) if is_shared else {}
    asked = options.Training(epochs=job.plan["epochs"], batch_size=batch_size)
    stages = [
        stage
        for stage in model.stages()
        if stage.updates and asked.epochs_of(stage.name)
    ]
    ended = trained_epochs(curves.read(job.folder.path), stages) if stages else []
    epochs = {
        stage.name: sum(epoch.stage is stage for epoch in ended) for stage in stages
    }
    by_stage = {
        stage.name: [
            e.seconds(batch_size=batch_size) for e in ended if e.stage is stage
        ]
        for stage in stages
    }
    longest = max(by_stage.values(), key=sum, default=[])
    usual = longest[1:] or longest  # the first epoch traces the graph
    return Cost(
        parameters=number_of_parameters(model),
        epochs=epochs,
        seconds_per_epoch=statistics.median(usual) if usual else None,
        training_seconds=sum(map(sum, by_stage.values())),
        samples_per_second=sampling_speed(model),
        device=device(),
        notes=_notes(stages, epochs=epochs, plan=job.plan, images=len(data)),
        **of_prior,
    )


def _of_prior(
    model: autoencoder.AbstractAutoencoder, *, data: image_set.ImageSet
) -> dict[str, float]:
    """Returns the costs of a prior on codes."""
    speed = sampling_speed(model.prior)
    given = {"label": data.labels} if model.num_classes else {}
    z = model.encode_all(data)
    return {
        "prior_parameters": number_of_parameters(model.prior),
        "latents_per_second": speed,
        "fit_seconds": _fit_seconds(model.prior, z, **given),
    }


def _fit_seconds(
    density: prior.AbstractPrior, z: np.ndarray, **given: np.ndarray
) -> float:
    """Returns the time of its fit without gradients, which is repeated for that."""
    started = time.perf_counter()
    if isinstance(density, prior.Fitted):
        density.fit(z, **given)
    elif density.fits_noise:
        density.fit_noise(z, **given)
    else:
        return 0.0
    return time.perf_counter() - started


def number_of_parameters(model: keras.layers.Layer) -> int:
    """Returns the number of parameters learned by gradients or fitted to codes.

    Priors that are fitted after training count like learned ones, whether a model's
    prior or the noise of a flow.
    """
    learned = sum(math.prod(v.shape) for v in model.trainable_variables)
    fitted = [
        layer for layer in model._flatten_layers() if isinstance(layer, prior.Fitted)
    ]
    return learned + sum(layer.free_parameters for layer in fitted)


def trained_epochs(
    history: curves.History, stages: Sequence[stages_lib.Stage]
) -> list[Epoch]:
    """Returns the epochs of a run.

    A line does not name its stage, but has the learning rates of the stage's groups.
    Stages are consecutive: a line belongs to the same stage as the line before, or to
    the next stage with these groups.
    """
    found, place, before = [], 0, 0
    for line in history.epoch_lines:
        names = {name.partition("/")[2] for name in line if "learning_rate/" in name}
        later = range(place, len(stages))
        place = next(
            (index for index in later if _groups(stages[index]) == names), place
        )
        steps, before = int(line["step"] - before), line["step"]
        speed = line[f"epoch/{board.SPEED}"]
        found.append(Epoch(stages[place], steps=steps, images_per_second=speed))
    return found


def sampling_speed(
    model: model_lib.GenerativeModel | prior.AbstractPrior, *, batch_size: int = BATCH
) -> float:
    """Returns samples per second, the median of several calls after the first."""

    @tf.function(autograph=False)
    def draw(seed):
        return model.sample(batch_size, seed=seed)

    draw(seeds.make(0)).numpy()  # traces
    seconds = []
    while len(seconds) < _CALLS and sum(seconds) < _MOST_SECONDS:
        started = time.perf_counter()
        draw(seeds.make(len(seconds))).numpy()
        seconds.append(time.perf_counter() - started)
    return batch_size / statistics.median(seconds)


def device() -> str:
    """Returns the device of this process, such as "2 CPU cores"."""
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        details = tf.config.experimental.get_device_details(gpus[0])
        name = details.get("device_name", "GPU")
        return f"{len(gpus)} x {name}" if len(gpus) > 1 else name
    if hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    else:
        count = os.cpu_count()
    return f"{count} CPU core{'s' * (count != 1)}"


def _groups(stage: stages_lib.Stage) -> set[str]:
    return {group.name for update in stage.updates for group in update.groups}


def _notes(
    stages: Sequence[stages_lib.Stage],
    *,
    epochs: Mapping[str, int],
    plan: Mapping,
    images: int,
) -> tuple[str, ...]:
    """Returns a note for each stage whose epochs differ from the plan."""
    asked = options.Training(epochs=plan["epochs"], batch_size=plan["batch_size"])
    batches = images // plan["batch_size"]
    notes = []
    for stage in stages:
        total = stage.total_steps(batches, epochs=asked.epochs_of(stage.name))
        planned = math.ceil(total / stage.steps_per_epoch(batches))
        is_early = plan["flags"].get("patience") and epochs[stage.name] < planned
        if epochs[stage.name] != planned and not is_early:
            notes.append(
                f"stage {stage.name} was trained for {epochs[stage.name]} epochs, not "
                f"{planned}: its folder holds a run of another budget"
            )
    return tuple(notes)
