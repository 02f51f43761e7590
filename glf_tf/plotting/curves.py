# SPDX-License-Identifier: Apache-2.0
"""Reads the scalars of a run as functions of epochs."""

__all__ = ["Curve", "History", "read", "flag_of"]

import dataclasses
import pathlib
import re
from collections.abc import Mapping

import numpy as np

from glf_tf import errors, recipe
from glf_tf.experiments import folder as folder_lib
from glf_tf.training import board, summaries

_EPOCH_END = f"epoch/{board.SPEED}"
"""The scalar that marks the line at the end of an epoch."""


@dataclasses.dataclass(frozen=True)
class Curve:
    """One scalar of a run.

    Attributes:
        steps: Global steps, ascending `[size]`.
        epochs: The steps as fractional epochs, over all stages `[size]`.
        values: The values `[size]`, including NaN and infinity.
    """

    steps: np.ndarray
    epochs: np.ndarray
    values: np.ndarray


@dataclasses.dataclass(frozen=True)
class History:
    """All scalars of a run.

    Attributes:
        path: The run's folder.
        lines: The lines of `metrics.jsonl`, ordered by step.
        diverged_at: The step at which a term became NaN or infinite and the run ended;
            None if it did not.
    """

    path: pathlib.Path
    lines: tuple[Mapping[str, float], ...]
    diverged_at: int | None

    @property
    def names(self) -> list[str]:
        """The names of all scalars, sorted."""
        return sorted({name for line in self.lines for name in line} - {"step"})

    @property
    def epoch_lines(self) -> list[Mapping[str, float]]:
        """The lines that end an epoch, of every stage."""
        return [line for line in self.lines if _EPOCH_END in line]

    def curve(self, name: str) -> Curve:
        """Returns a scalar, of length 0 if the run has none of that name.

        If a step has several values, the last counts. A run whose first epoch has not
        ended has no points.
        """
        found = {line["step"]: line[name] for line in self.lines if name in line}
        if not self.epoch_lines:
            found = {}
        steps = np.array(sorted(found), float)
        return Curve(
            steps=steps,
            epochs=self._epochs(steps),
            values=np.array([float(found[step]) for step in steps]),
        )

    def _epochs(self, steps: np.ndarray) -> np.ndarray:
        """Converts steps to epochs: an epoch ends at the step of its line.

        This needs neither the size of the data nor the batches per step. An unfinished
        epoch is assumed to be as long as the one before.
        """
        if not len(steps):
            return steps
        ends = np.array([0.0, *(line["step"] for line in self.epoch_lines)])
        ends = np.append(ends, 2 * ends[-1] - ends[-2])
        return np.interp(steps, ends, np.arange(len(ends)))


def read(path: pathlib.Path) -> History:
    """Returns the scalars of a run.

    Args:
        path: The run's folder, of a running or finished run.

    Raises:
        NotFound: There is no run, or it has no scalars yet.
    """
    folder_lib.Folder(path).read()  # raises an error if there is no run
    file = path / "metrics.jsonl"
    lines = _numbers(summaries.read(file))
    if not lines:
        raise errors.NotFound(
            "A run's scalars are in its metrics.jsonl",
            received=f"{file}, which has none",
            do="Wait for the run's first epoch to end; a preset has none",
        )
    return History(path=path, lines=tuple(lines), diverged_at=_diverged_at(path, lines))


def flag_of(path: pathlib.Path, name: str) -> str:
    """Returns the value of a run's flag, as text.

    Raises:
        NotFound: There is no run in the folder.
        InvalidValue: The run has no such flag.
    """
    arguments = recipe.expand(
        [f"--flagfile={folder_lib.Folder(path).flags}"],
        is_boolean=lambda flag: flag == name or None,
    )
    values = {argument.name: argument.value for argument in arguments}
    if name not in values:
        raise errors.InvalidValue(
            "All runs must have the flag of their labels",
            received=f"--label={name}, which {path} has not",
            do=errors.suggestion(name, values),
        )
    return values[name]


def _numbers(lines: list[dict]) -> list[dict[str, float]]:
    """Returns records ordered by step, with texts of NaN and infinity as floats."""
    found = [{name: float(value) for name, value in line.items()} for line in lines]
    return sorted(found, key=lambda line: line["step"])


def _diverged_at(path: pathlib.Path, lines: list[dict[str, float]]) -> int | None:
    """Returns the step of a saved diverged batch, unless the run has passed it."""
    files = list(path.glob("nonfinite_step_*.npz"))
    if not files:
        return None
    newest = max(files, key=lambda file: file.stat().st_mtime)
    step = int(re.search(r"_(\d+)$", newest.stem).group(1))
    return step if step > lines[-1]["step"] else None
