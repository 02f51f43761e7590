# SPDX-License-Identifier: Apache-2.0
"""Callbacks that write scalars while training: terms, test terms, sample quality."""

__all__ = [
    *("Scalars", "Validation", "SampleQuality"),
    *("check_best_by", "check_compares", "check_metric"),
]

import functools
import warnings
from collections.abc import Callable, Mapping

import numpy as np

from glf_tf import errors
from glf_tf.data import image_set, pixels
from glf_tf.metrics import reference, suite, vectors
from glf_tf.models import base_model
from glf_tf.tasks import sample
from glf_tf.training import board, measuring, optimizers, summaries
from glf_tf.training import callback as callback_lib


class Scalars(callback_lib.AbstractCallback):
    """Writes the terms' averages over an interval, learning rates and speed."""

    def __init__(
        self,
        every: callback_lib.Every,
        *,
        prefix: str,
        writer: summaries.Summaries,
        optimizers: Mapping[str, optimizers.Optimizer],
    ):
        """Initializes the callback.

        Args:
            every: The interval of calls.
            prefix: Prefix of the names, such as "train".
            writer: The TensorBoard writer.
            optimizers: The optimisers by "stage/group".
        """
        super().__init__(every)
        self._prefix, self._writer, self._optimizers = prefix, writer, optimizers
        self._averages = callback_lib.Averages()
        self._seconds, self._step = 0.0, None

    @property
    def name(self):
        """The key of its saved state."""
        return f"Scalars-{self._prefix}"

    def observe(self, result, moment):
        """Adds the steps of a call."""
        self._averages.add(result)
        if self._step is None:
            self._step = moment.global_step - result.steps

    def run(self, moment):
        """Writes the averages since the last time."""
        means = self._averages.take()
        seconds = moment.train_seconds - self._seconds
        steps = moment.global_step - self._step
        # First, so that the time of a stage without updates does not count for the next
        # one.
        self._seconds, self._step = moment.train_seconds, moment.global_step
        if not means:
            return
        values = {f"{self._prefix}/{name}": value for name, value in means.items()}
        for name, optimizer in self._optimizers.items():
            stage, group = name.split("/")
            if stage == moment.stage:
                values[f"learning_rate/{group}"] = optimizer.learning_rate
        values[f"{self._prefix}/{board.SPEED}"] = (
            steps * moment.examples_per_step / max(seconds, 1e-9)
        )
        self._writer.scalars(values, step=moment.global_step)

    def get_state(self):
        """Returns the sums so far."""
        return self._averages.get_state()

    def set_state(self, state):
        """Restores the sums."""
        self._averages.set_state(state)


class Validation(callback_lib.AbstractCallback):
    """Writes the terms' averages over examples that are not trained on.

    Their names begin with the split of the examples, such as "test/nll".

    Attributes:
        latest: The last averages, by name.
        measured_at: The global step of them.
    """

    uses_averages = True

    def __init__(
        self,
        every: callback_lib.Every,
        *,
        model: base_model.AbstractModel,
        data: image_set.ImageSet,
        writer: summaries.Summaries,
    ):
        """Initializes the callback.

        Args:
            every: The interval of calls.
            model: The model.
            data: The images.
            writer: The TensorBoard writer.
        """
        super().__init__(every)
        self._writer, self._split = writer, data.split
        self._measure = measuring.Measure(model, data)
        self.latest: dict[str, float] = {}
        self.measured_at: int | None = None
        self._found: dict[str, float] = {}

    def found_at(self, moment: callback_lib.Moment) -> dict[str, float]:
        """Returns the averages by term, if they were measured at that moment."""
        return dict(self._found) if self.measured_at == moment.global_step else {}

    def run(self, moment):
        """Evaluates the terms on the images, if they are defined there."""
        averages = self._measure(moment.stage)
        self._found, self.measured_at = averages, moment.global_step
        self.latest = {
            f"{self._split}/{name}": value for name, value in averages.items()
        }
        if self.latest:
            self._writer.scalars(self.latest, step=moment.global_step)

    def get_state(self):
        """Returns the last averages."""
        return {"latest": self.latest}

    def set_state(self, state):
        """Restores them."""
        self.latest = dict(state["latest"])


class SampleQuality(callback_lib.AbstractCallback):
    """Writes a metric of a few samples and as many test images.

    Attributes:
        latest: The last values, by name.
        measured_at: The global step of them.
    """

    by_chief = True
    uses_averages = True

    def __init__(
        self,
        every: callback_lib.Every,
        *,
        model: base_model.AbstractModel,
        real: Callable[[], reference.Reference],
        metric: str,
        writer: summaries.Summaries,
    ):
        """Initializes the callback.

        Args:
            every: The interval of calls.
            model: The model.
            real: Returns the reference of real images; called when it is first needed.
            metric: A key of `suite.METRICS`.
            writer: The TensorBoard writer.
        """
        super().__init__(every)
        self._model, self._metric, self._writer = model, metric, writer
        self._real = functools.cache(real)
        self.latest: dict[str, float] = {}
        self.measured_at: int | None = None

    def run(self, moment):
        """Measures samples of the same noise each time, for comparison."""
        real = self._real()
        drawn = sample.sample(self._model, len(real), seed=0)
        samples = np.concatenate(
            [real.extractor(pixels.round_to_uint8(some)) for some in drawn]
        )
        with warnings.catch_warnings():
            # Few samples are intended here.
            warnings.simplefilter("ignore", vectors.SmallSampleWarning)
            found = suite.compute([self._metric], samples=samples, real=real, seed=0)
        self.latest = {f"evaluation/{key}": value for key, value in found.items()}
        self.measured_at = moment.global_step
        self._writer.scalars(self.latest, step=moment.global_step)

    def get_state(self):
        """Returns the last values."""
        return {"latest": self.latest}

    def set_state(self, state):
        """Restores them."""
        self.latest = dict(state["latest"])


def check_metric(metric: str) -> None:
    """Checks the name of a metric of samples.

    Raises:
        InvalidValue: There is no such metric.
    """
    if metric not in suite.METRICS:
        raise errors.InvalidValue(
            "The metric must be one of samples",
            received=f"evaluate_metric={metric}",
            do=errors.suggestion(metric, suite.METRICS),
        )


def check_compares(model: base_model.AbstractModel) -> None:
    """Checks that samples of a model can be compared with real ones.

    Raises:
        Unsupported: They are no images.
    """
    noun = model.example_kind.noun
    if noun != "images":
        raise errors.Unsupported(
            "Samples are compared by features of images",
            received=f"evaluate_every above 0 for a model of {noun}",
            do="Leave it out: each epoch's validation has the likelihood, in nats",
        )


def check_best_by(
    best_by: str, *, split: str, metric: str, model: base_model.AbstractModel
) -> None:
    """Checks the name of the scalar whose minimum marks the best checkpoint.

    The default, and "", are valid for every model: if a stage does not measure the
    scalar, its newest checkpoint is its best.

    Args:
        best_by: The name, such as "test/nll" or "evaluation/fd".
        split: The split on which terms are measured.
        metric: The metric of samples.
        model: The model.

    Raises:
        InvalidValue: No stage measures it, or its minimum is not its best value.
    """
    known = [f"evaluation/{metric}"] if metric in _SMALLER_IS_BETTER else []
    for stage in model.stages():
        if stage.is_measured:
            unordered = {name for each in stage.updates for name in each.unordered}
            known += [f"{split}/{n}" for n in stage.term_names if n not in unordered]
    if best_by not in known:
        raise errors.InvalidValue(
            "`best_by` must be a measured scalar whose minimum is its best value",
            received=f"best_by={best_by}",
            do=errors.suggestion(best_by, set(known)),
        )


_SMALLER_IS_BETTER = ("fd", "fd_infinity", "kid")
