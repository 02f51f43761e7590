# SPDX-License-Identifier: Apache-2.0
"""Writes what a run tells: TensorBoard events, and the same scalars as JSON lines."""

__all__ = ["Summaries", "read"]

import functools
import json
import pathlib
from collections.abc import Mapping

import numpy as np
import tensorflow as tf
from absl import logging
from tensorboard.plugins.hparams import api as hparams

from glf_tf import files


class Summaries:
    """The writer of one run.

    Scalars also go to `metrics.jsonl`, one line a call: `{"step": 100, "train/nll":
    ...}`.
    """

    def __init__(self, folder: pathlib.Path | None):
        """Initializes the writer; nothing is written, and no folder made, before use.

        Args:
            folder: The run's folder; events go to `tensorboard/` in it. None for a
                worker that leaves writing to another one.
        """
        self._folder = folder
        self._jsonl = None if folder is None else folder / "metrics.jsonl"

    @functools.cached_property
    def _writer(self) -> tf.summary.SummaryWriter:
        if self._folder is None:
            return tf.summary.create_noop_writer()
        files.make_folder(self._folder)
        return tf.summary.create_file_writer(str(self._folder / "tensorboard"))

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
        if self._jsonl is None:
            return
        kept = [line for line in read(self._jsonl) if line["step"] <= step]
        if step and not kept:
            logging.warning("%s tells nothing of before step %d.", self._jsonl, step)
        if not self._jsonl.exists():
            return
        files.write(self._jsonl, "".join(json.dumps(line) + "\n" for line in kept))

    def close(self) -> None:
        """Puts everything on the disk, and writes nothing more."""
        self._writer.close()

    def flush(self) -> None:
        """Puts everything on the disk."""
        self._writer.flush()


def read(file: pathlib.Path) -> list[dict]:
    """Returns the records of a `metrics.jsonl`, in their order.

    A line that is none, such as one that a kill cut off, is left out: it lacks a step,
    or holds what is neither a number nor the text of one.
    """
    try:
        with files.open_regular(file) as stream:
            lines = stream.read().splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        logging.warning("%s is not read: %s.", file, error.strerror)
        return []
    found = [_record(line) for line in lines]
    if lost := found.count(None):
        logging.warning("%d lines of %s are no records: left out.", lost, file)
    return [line for line in found if line is not None]


def _record(text: bytes) -> dict | None:
    try:
        line = json.loads(text.decode())
        step = line["step"]
        numbers = [float(value) for value in line.values()]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    except OverflowError:  # a whole number of hundreds of digits
        return None
    is_step = isinstance(step, int) and not isinstance(step, bool) and step >= 0
    return line if is_step and numbers else None
