# SPDX-License-Identifier: Apache-2.0
"""A row of a comparison's table: a recipe, with its trainings by seed."""

__all__ = ["Row", "Training"]

import dataclasses
import statistics

from glf_tf.comparison import job as job_lib
from glf_tf.comparison import record as record_lib
from glf_tf.metrics import protocol


@dataclasses.dataclass(frozen=True)
class Training:
    """The outcome of one training of a recipe.

    Attributes:
        job: The training.
        result: The results; None if it failed.
        error: The error if it failed, or "".
    """

    job: job_lib.Job
    result: record_lib.Result | None
    error: str = ""


@dataclasses.dataclass(frozen=True)
class Row:
    """A recipe with all its trainings.

    Attributes:
        recipe: The recipe.
        trainings: One per seed, at least one.
    """

    recipe: job_lib.Recipe
    trainings: tuple[Training, ...]

    @property
    def results(self) -> list[record_lib.Result]:
        """The results of the trainings that did not fail."""
        return [
            training.result
            for training in self.trainings
            if training.result is not None
        ]

    def number(
        self, metric: str, *, source: str, extractor: str = ""
    ) -> tuple[float, float | None] | None:
        """Returns mean and standard deviation of a measurement, or None.

        Over the seeds; over the trials if there is only one seed.
        """
        found = self._measured(metric, source, extractor)
        if len(found) == 1:
            return found[0].mean, found[0].std
        means = [measurement.mean for measurement in found]
        return (statistics.fmean(means), statistics.stdev(means)) if means else None

    def caveats(self, metric: str, *, source: str, extractor: str = "") -> list[str]:
        """Returns the notes on a measurement, without repetition."""
        found = self._measured(metric, source, extractor)
        return list(dict.fromkeys(note for each in found for note in each.notes))

    def _measured(self, metric, source, extractor) -> list[protocol.Measurement]:
        how = {"source": source, "extractor": extractor}
        found = [result.of(metric, **how) for result in self.results]
        return [measurement for measurement in found if measurement is not None]

    def cost(self, field: str) -> float | None:
        """Returns the mean of a cost over the seeds, or None."""
        costs = [getattr(result.cost, field) for result in self.results]
        costs = [cost for cost in costs if cost is not None]
        return statistics.fmean(costs) if costs else None

    @property
    def numbers(self) -> dict[str, float]:
        """Means of all measurements, by name."""
        found = {}
        for result in self.results[:1]:
            for measurement in result.measurements:
                how = measurement.protocol
                name = f"evaluation/{measurement.name}"
                if name in found:  # by another extractor than the main one
                    name = f"{name}_by_{how.extractor}"
                found[name], _ = self.number(
                    measurement.metric, source=how.source, extractor=how.extractor
                )
        costs = ("parameters", "seconds_per_epoch", "samples_per_second")
        values = {f"cost/{field}": self.cost(field) for field in costs}
        return found | {name: v for name, v in values.items() if v is not None}

    @property
    def epochs(self) -> str:
        """The epochs of each stage."""
        texts = []
        for result in self.results:
            epochs = result.cost.epochs
            named = [f"{name} {count}" for name, count in epochs.items()]
            alone = ", ".join(str(count) for count in epochs.values())
            texts.append(", ".join(named) if len(epochs) > 1 else alone)
        return " / ".join(dict.fromkeys(texts))

    @property
    def notes(self) -> list[str]:
        """Failures, and notes on the costs."""
        notes = []
        for training in self.trainings:
            result = training.result
            found = [training.error] if result is None else result.cost.notes
            notes += [f"{training.job.name}: {note}" for note in found]
        return notes

    def to_dict(self) -> dict:
        """Returns everything, by seed and trial, as JSON values."""
        return {
            "name": self.recipe.name,
            "recipe": str(self.recipe.path),
            "published": self.recipe.published,
            "trainings": [
                {
                    "seed": training.job.seed,
                    "folder": str(training.job.folder.path),
                    "flags": training.job.training,
                    "error": training.error,
                    "result": None
                    if training.result is None
                    else training.result.to_dict(),
                }
                for training in self.trainings
            ],
        }
