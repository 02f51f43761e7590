# SPDX-License-Identifier: Apache-2.0
"""All that decides a run, as plain values; nothing here loads TensorFlow."""

__all__ = ["Devices", "Plan", "Reports", "Start"]

import dataclasses
import typing
from collections.abc import Mapping
from typing import Literal

from glf_tf import errors
from glf_tf.data import paths as paths_lib
from glf_tf.metrics.extractors import names
from glf_tf.training import options

"""What can make features; "auto" is the classifier where data have labels for it, and
else the random convolutional network, which needs none."""


# Before the classes, as one of them has others for its defaults.
def _check_names(settings: object) -> None:
    """Checks the fields of a data class that take one of several names."""
    for name, kind in typing.get_type_hints(type(settings)).items():
        known, value = typing.get_args(kind), getattr(settings, name)
        if known and value not in known:
            raise errors.InvalidValue(
                f"`{name}` must be one that the library has",
                received=f"{name}={value!r}",
                do=errors.suggestion(value, filter(None, known)),
            )


@dataclasses.dataclass(frozen=True)
class Reports:
    """How often a run reports; an interval of 0 is never.

    Attributes:
        log_every: Steps between scalars of the training terms, beside each epoch's.
        validate_every: Epochs between passes over the test set.
        draw_every: Epochs between pictures and histograms.
        save_every: Epochs between checkpoints.
        keep_checkpoints: How many of the newest to keep.
        best_by: The scalar of the test set whose least value marks the best checkpoint;
            one of a metric is called "evaluation/fd".
        evaluate_every: Epochs between measures of samples.
        evaluate_metric: What is measured: fd, kid, prd or precision_recall.
        evaluate_samples: How many samples, against as many test images.
        extractor: What makes features; "auto" is the classifier where data have labels.
        inception_graph: Where the 2015 graph is; "" to look in the cache.
        export: Whether the trained model is exported as a SavedModel as well.
        profile: How many steps to trace for TensorBoard's profiler, after as many that
            warm up; 0 for none.
    """

    log_every: int = 100
    validate_every: int = 1
    draw_every: int = 5
    save_every: int = 1
    keep_checkpoints: int = 3
    best_by: str = "test/reconstruction"
    evaluate_every: int = 0
    evaluate_metric: str = "fd"
    evaluate_samples: int = 2000
    extractor: Literal[names.EXTRACTORS] = "auto"
    inception_graph: str = dataclasses.field(default="", metadata={"kind": "path"})
    export: bool = True
    profile: int = 0

    def __post_init__(self):
        """Checks names, intervals and counts, and that the best can be told.

        Raises:
            InvalidValue: One is unknown, negative or too small, or nothing would
                measure `best_by`.
        """
        _check_names(self)
        if self.best_by.startswith("evaluation/") and not self.evaluate_every:
            raise errors.InvalidValue(
                "The best checkpoint is told by a scalar that is measured",
                received=f"best_by={self.best_by} and evaluate_every=0",
                do="Set --evaluate_every, or another --best_by",
            )
        if self.inception_graph and self.extractor != "inception":
            raise errors.InvalidValue(
                "`inception_graph` is what the extractor inception reads",
                received=f"inception_graph={self.inception_graph} with "
                f"extractor={self.extractor}",
                do="Pass --extractor=inception, or leave --inception_graph out",
            )
        for name, value in dataclasses.asdict(self).items():
            if (name.endswith("_every") or name == "profile") and value < 0:
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
                    do="Use a greater number",
                )


@dataclasses.dataclass(frozen=True)
class Start:
    """Where the first weights come from, beside the seed.

    Attributes:
        start_from: The folder of a run whose newest weights are taken over, where names
            and shapes agree; "" for none. With `--epochs=autoencoder:0,prior:20`, for
            instance, another prior is learned on a finished autoencoder.
        start_layers: The layers whose weights are taken over, with commas between, such
            as "encoder,decoder"; "" for all.
    """

    start_from: str = dataclasses.field(default="", metadata={"kind": "path"})
    start_layers: str = ""

    def __post_init__(self):
        """Checks that layers are taken from somewhere.

        Raises:
            InvalidValue: They are not.
        """
        if self.start_layers and not self.start_from:
            raise errors.InvalidValue(
                "`start_layers` are those of the run to start from",
                received=f"start_layers={self.start_layers} without start_from",
                do="Pass --start_from as well, or neither",
            )


@dataclasses.dataclass(frozen=True)
class Devices:
    """What a run is computed on.

    Attributes:
        strategy: "one_device", "mirrored" (all of this host), "multi_worker" (those of
            several hosts), "tpu", or "auto"; see `devices.strategy`.
        cluster: How workers find each other: "tf_config", "slurm", "kubernetes", or ""
            for the one that the environment speaks of.
        meet_within: Seconds that workers wait for each other when they start.
        tpu: Name of the TPU; "local" on its own host.
        deterministic: Whether operations that run in any order on GPUs must keep one,
            so that a run repeats bit for bit; slower.
        tf32: Whether GPUs that can multiply float32 numbers with 10 of the 23 bits of
            their fraction, which is faster.
        op_threads: Threads that one operation may use on a CPU; 0 to choose: one for a
            small MLP, whose operations run beside each other, and else one a core.
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
            InvalidValue: One is unknown, of use only to another strategy, or negative.
        """
        _check_names(self)
        for name, strategy in (("cluster", "multi_worker"), ("tpu", "tpu")):
            default, value = getattr(type(self), name), getattr(self, name)
            if value != default and self.strategy != strategy:
                raise errors.InvalidValue(
                    f"`{name}` is for the strategy {strategy}",
                    received=f"{name}={value} with strategy={self.strategy}",
                    do=f"Pass --strategy={strategy}, or leave --{name} out",
                )
        if not 1 <= self.meet_within <= 10**6:
            raise errors.InvalidValue(
                "Workers wait for each other for at least a second",
                received=f"meet_within={self.meet_within}",
                do="Use a positive number of seconds",
            )
        if self.op_threads < 0:
            raise errors.InvalidValue(
                "The number of threads of an operation must not be negative",
                received=f"op_threads={self.op_threads}",
                do="Use 0 to choose, or a positive number",
            )


@dataclasses.dataclass(frozen=True)
class Plan:
    """All that decides a run.

    Attributes:
        dataset: The data set: a name, or a mapping with `name` and options.
        model: The model, likewise; its `image_shape` comes from the data.
        paths: Paths of data and caches.
        training: How long and with what to train.
        optimizers: The settings of the optimisers.
        reports: How often to report.
        devices: What to compute on.
        start: Whose weights to start from.
        recipe: The flags as text, one a line, for the folder and TensorBoard.
        flags: The flags as values, for TensorBoard's HParams page.
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
