# SPDX-License-Identifier: Apache-2.0
"""Writes what a run tells: TensorBoard events, and the same scalars as JSON lines."""

__all__ = ["Summaries"]

import json
import pathlib
from collections.abc import Mapping

import numpy as np
import tensorflow as tf
from tensorboard.plugins.hparams import api as hparams

from glf_tf import files


class Summaries:
    """The writer of one run.

    Scalars also go to `metrics.jsonl`, one line a call: `{"step": 100, "train/nll":
    ...}`.
    """

    def __init__(self, folder: pathlib.Path | None):
        """Opens the writer.

        Args:
            folder: The run's folder; events go to `tensorboard/` in it. None for a
                worker that leaves writing to another one.
        """
        if folder is None:
            self._jsonl, self._writer = None, tf.summary.create_noop_writer()
            return
        files.make_folder(folder)
        self._jsonl = folder / "metrics.jsonl"
        self._writer = tf.summary.create_file_writer(str(folder / "tensorboard"))

    def scalars(self, values: Mapping[str, float], *, step: int) -> None:
        """Writes scalars."""
        with self._writer.as_default(step=step):
            for name, value in values.items():
                tf.summary.scalar(name, value)
        if self._jsonl is None:
            return
        # JSON has no infinity and no NaN.
        line = {k: v if np.isfinite(v) else str(v) for k, v in values.items()}
        with files.appending(self._jsonl) as stream:
            stream.write((json.dumps({"step": step, **line}) + "\n").encode())
        self.flush()

    def image(self, name: str, picture: np.ndarray, *, step: int) -> None:
        """Writes one picture, uint8 `[height, width, channels]`."""
        with self._writer.as_default(step=step):
            tf.summary.image(name, picture[None])

    def histogram(self, name: str, values: np.ndarray, *, step: int) -> None:
        """Writes the histogram of all values of an array."""
        with self._writer.as_default(step=step):
            tf.summary.histogram(name, values)

    def recipe(self, text: str, *, options: Mapping[str, object], name: str) -> None:
        """Writes the recipe as text, and its options for the HParams page.

        Args:
            text: The recipe, one flag a line.
            options: Flag values.
            name: What the HParams page calls the run.
        """
        plain = {
            key: value if isinstance(value, (bool, int, float, str)) else str(value)
            for key, value in options.items()
            if value is not None
        }
        with self._writer.as_default(step=0):
            tf.summary.text("recipe", f"```\n{text}\n```")
            hparams.hparams(plain, trial_id=name)
        self.flush()

    def rewind(self, step: int) -> None:
        """Drops the JSON lines after `step`: a resumed run writes them again."""
        if self._jsonl is None or not self._jsonl.exists():
            return
        lines = self._jsonl.read_text().splitlines(keepends=True)
        kept = [line for line in lines if _step_of(line) <= step]
        files.write(self._jsonl, "".join(kept))

    def close(self) -> None:
        """Puts everything on the disk, and writes nothing more."""
        self._writer.close()

    def flush(self) -> None:
        """Puts everything on the disk."""
        self._writer.flush()


def _step_of(line: str) -> float:
    """Returns a line's step; a line that a kill cut off counts as after every step."""
    try:
        return json.loads(line)["step"]
    except ValueError:
        return float("inf")
