# SPDX-License-Identifier: Apache-2.0
"""The plan of a run, as plain values; nothing here loads TensorFlow."""

__all__ = ["Devices", "Plan", "Reports", "Start"]

import dataclasses
import typing
from collections.abc import Mapping
from typing import Literal

from glf_tf import errors
from glf_tf.data import paths as paths_lib
from glf_tf.metrics.extractors import names
from glf_tf.training import options


# Before the classes, as `Plan` uses the others as defaults.
def _check_names(settings: object) -> None:
    """Checks the fields of a dataclass that have a choice of names."""
    for name, kind in typing.get_type_hints(type(settings)).items():
        known, value = typing.get_args(kind), getattr(settings, name)
        if known and value not in known:
            raise errors.InvalidValue(
                f"`{name}` must be a known name",
                received=f"{name}={value!r}",
                do=errors.suggestion(value, filter(None, known)),
            )


@dataclasses.dataclass(frozen=True)
class Reports:
    """How often a run reports; an interval of 0 means never.

    Attributes:
        log_every: Steps between scalars of the training terms, in addition to each
            epoch's.
        validate_every: Epochs between evaluations of the terms on the test set.
        draw_every: Epochs between pictures and histograms.
        save_every: Epochs between checkpoints.
        keep_checkpoints: Number of newest checkpoints to keep.
        best_by: The scalar whose minimum marks the best checkpoint, such as "test/nll"
            or, for a metric of samples, "evaluation/fd". It is compared in epochs that
            both measure it and save a checkpoint.
        patience: Epochs without a better `best_by` after which a stage that measures it
            ends, once it measures it again, with the weights of its best checkpoint, as
            it also does when its epochs are over; 0 for all epochs and the last
            weights.
        evaluate_every: Epochs between evaluations of samples.
        evaluate_metric: The metric of samples: fd, kid, prd or precision_recall.
        evaluate_samples: Number of samples, compared with as many test images.
        extractor: The feature extractor; "auto" is the classifier if the data set has
            labels.
        inception_graph: File of the 2015 Inception graph; "" for that in the cache.
        export: Whether to export the trained model as a SavedModel.
        profile: Number of steps to trace for TensorBoard's profiler, after as many
            warm-up steps; 0 for none.
    """

    log_every: int = 100
    validate_every: int = 1
    draw_every: int = 5
    save_every: int = 1
    keep_checkpoints: int = 3
    best_by: str = "test/reconstruction"
    patience: int = 0
    evaluate_every: int = 0
    evaluate_metric: str = "fd"
    evaluate_samples: int = 2000
    extractor: str = "auto"
    inception_graph: str = dataclasses.field(default="", metadata={"kind": "path"})
    export: bool = True
    profile: int = 0

    def __post_init__(self):
        """Checks names, intervals and counts, and that `best_by` is measured.

        Raises:
            InvalidValue: A value is unknown, negative or too small, or `best_by` is not
                measured.
        """
        _check_names(self)
        names.check(self.extractor)
        if self.best_by.startswith("evaluation/") and not self.evaluate_every:
            raise errors.InvalidValue(
                "The best checkpoint needs a scalar that is measured",
                received=f"best_by={self.best_by} and evaluate_every=0",
                do="Set --evaluate_every, or another --best_by",
            )
        if self.inception_graph and self.extractor != "inception":
            raise errors.InvalidValue(
                "`inception_graph` is for the extractor inception",
                received=f"inception_graph={self.inception_graph} with "
                f"extractor={self.extractor}",
                do="Pass --extractor=inception, or remove --inception_graph",
            )
        if self.patience and not self.best_by:
            raise errors.InvalidValue(
                "`patience` needs the scalar that it waits for",
                received=f"patience={self.patience} and best_by=''",
                do="Set for instance --best_by=validation/nll",
            )
        for name, value in dataclasses.asdict(self).items():
            if (
                name.endswith("_every") or name in ("profile", "patience")
            ) and value < 0:
                raise errors.InvalidValue(
                    f"`{name}` is an interval and must not be negative",
                    received=f"{name}={value}",
                    do="Use 0 for never, or a positive number",
                )
        for name, least in (("keep_checkpoints", 1), ("evaluate_samples", 2)):
            if getattr(self, name) < least:
                raise errors.InvalidValue(
                    f"`{name}` must be at least {least}",
                    received=f"{name}={getattr(self, name)}",
                    do="Use a larger number",
                )


@dataclasses.dataclass(frozen=True)
class Start:
    """The initial weights, if they come from another run.

    Attributes:
        start_from: The folder of a run whose newest weights are used where names and
            shapes agree; "" for none. With `--epochs=autoencoder:0,prior:20`, for
            instance, a new prior is trained on a finished autoencoder.
        start_layers: The layers whose weights are used, comma-separated, such as
            "encoder,decoder"; "" for all.
    """

    start_from: str = dataclasses.field(default="", metadata={"kind": "path"})
    start_layers: str = ""

    def __post_init__(self):
        """Checks that `start_layers` has a run.

        Raises:
            InvalidValue: There is no `start_from`.
        """
        if self.start_layers and not self.start_from:
            raise errors.InvalidValue(
                "`start_layers` needs `start_from`",
                received=f"start_layers={self.start_layers} without start_from",
                do="Pass --start_from as well, or neither",
            )


@dataclasses.dataclass(frozen=True)
class Devices:
    """The devices of a run.

    Attributes:
        strategy: "one_device", "mirrored" (all of this host), "multi_worker" (those of
            several hosts), "tpu", or "auto"; see `devices.strategy`.
        cluster: How workers find each other: "tf_config", "slurm", "kubernetes", or ""
            for the one that the environment sets.
        meet_within: Seconds that workers wait for each other when they start.
        tpu: Name of the TPU; "local" on its own host.
        deterministic: Whether operations on GPUs must be deterministic, so that a run
            repeats bit for bit; slower.
        tf32: Whether GPUs may use TensorFloat-32, which is faster, with 10 of 23 bits
            of the fraction.
        op_threads: Threads per operation on a CPU; 0 for one if the model is a small
            MLP or density of vectors, whose operations run in parallel, otherwise one
            per core.
    """

    strategy: Literal["auto", "mirrored", "one_device", "multi_worker", "tpu"] = "auto"
    cluster: Literal["", "tf_config", "slurm", "kubernetes"] = ""
    meet_within: int = 40
    tpu: str = "local"
    deterministic: bool = False
    tf32: bool = True
    op_threads: int = 0

    def __post_init__(self):
        """Checks names and the number of threads.

        Raises:
            InvalidValue: A value is unknown, for another strategy, or negative.
        """
        _check_names(self)
        for name, strategy in (("cluster", "multi_worker"), ("tpu", "tpu")):
            default, value = getattr(type(self), name), getattr(self, name)
            if value != default and self.strategy != strategy:
                raise errors.InvalidValue(
                    f"`{name}` is for the strategy {strategy}",
                    received=f"{name}={value} with strategy={self.strategy}",
                    do=f"Pass --strategy={strategy}, or remove --{name}",
                )
        if not 1 <= self.meet_within <= 10**6:
            raise errors.InvalidValue(
                "Workers must wait for each other for at least a second",
                received=f"meet_within={self.meet_within}",
                do="Use a positive number of seconds",
            )
        if self.op_threads < 0:
            raise errors.InvalidValue(
                "The number of threads of an operation must not be negative",
                received=f"op_threads={self.op_threads}",
                do="Use 0 for the default, or a positive number",
            )


@dataclasses.dataclass(frozen=True)
class Plan:
    """All settings of a run.

    Attributes:
        dataset: The data set: a name, or a mapping with `name` and options.
        model: The model: a name, or a mapping with `name` and options; its
            `image_shape` comes from the data.
        paths: Paths of data and caches.
        training: The settings of training.
        optimizers: The settings of the optimisers.
        reports: The intervals of reports.
        devices: The devices.
        start: The initial weights.
        recipe: The flags as text, one per line, for the folder and TensorBoard.
        flags: The flags as values.
        chosen: Those that differ from their defaults, for TensorBoard's HParams page.
    """

    dataset: str | Mapping[str, object]
    model: str | Mapping[str, object]
    training: options.Training
    paths: paths_lib.DataPaths = paths_lib.DataPaths()
    optimizers: options.Optimizers = options.Optimizers()
    reports: Reports = Reports()
    devices: Devices = Devices()
    start: Start = Start()
    recipe: str = ""
    flags: Mapping[str, object] = dataclasses.field(default_factory=dict)
    chosen: Mapping[str, object] = dataclasses.field(default_factory=dict)
