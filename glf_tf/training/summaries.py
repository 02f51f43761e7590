# SPDX-License-Identifier: Apache-2.0
"""Writes TensorBoard events, and scalars as JSON lines."""

__all__ = ["Summaries", "read"]

import json
import pathlib
from collections.abc import Mapping

import numpy as np
import tensorflow as tf
from absl import logging
from tensorboard.plugins.hparams import api as hparams

from glf_tf import files
from glf_tf.training import board

_OLD_SPEED = "images_per_second"


class Summaries:
    """The writer of one run.

    Scalars are also written to `metrics.jsonl`, one line per call: `{"step": 100,
    "train/nll": ...}`. In TensorBoard, "epoch/nll" and "test/nll" are one chart,
    "curves/nll", of two runs (`board.place`).
    """

    def __init__(self, folder: pathlib.Path | None):
        """Initializes the writer; files and folders are created when it is first used.

        Args:
            folder: The run's folder, with events in its `tensorboard/`; None for
                workers that do not write.
        """
        self._folder = folder
        self._writers: dict[str, tf.summary.SummaryWriter] = {}
        self._jsonl = None if folder is None else folder / "metrics.jsonl"

    def _writer(self, run: str = board.MAIN) -> tf.summary.SummaryWriter:
        """Returns the writer of a run of TensorBoard, made when it is first used."""
        if run not in self._writers:
            self._writers[run] = self._made(run)
        return self._writers[run]

    def _made(self, run: str) -> tf.summary.SummaryWriter:
        if self._folder is None:
            return tf.summary.create_noop_writer()
        files.make_folder(self._folder)
        return tf.summary.create_file_writer(str(self._folder / "tensorboard" / run))

    def scalars(self, values: Mapping[str, float], *, step: int) -> None:
        """Writes scalars."""
        for name, value in values.items():
            place = board.place(name)
            about = board.description(place.tag) or None
            with self._writer(place.run).as_default(step=step):
                tf.summary.scalar(place.tag, value, description=about)
        if self._jsonl is None:
            return
        # JSON has no infinity and no NaN.
        line = {k: v if np.isfinite(v) else str(v) for k, v in values.items()}
        with files.appending(self._jsonl) as stream:
            stream.write((json.dumps({"step": step, **line}) + "\n").encode())
        self.flush()

    def image(self, name: str, picture: np.ndarray, *, step: int) -> None:
        """Writes one picture, uint8 `[height, width, channels]`."""
        with self._writer().as_default(step=step):
            tf.summary.image(f"pictures/{name}", picture[None])

    def histogram(self, name: str, values: np.ndarray, *, step: int) -> None:
        """Writes the histogram of all values of an array of any shape, `[...]`."""
        with self._writer().as_default(step=step):
            tf.summary.histogram(name, values)

    def recipe(self, text: str, *, options: Mapping[str, object], name: str) -> None:
        """Writes the recipe as text, and its options for the HParams page.

        Args:
            text: The recipe, one flag per line.
            options: Flag values.
            name: The run's name on the HParams page.
        """
        plain = {
            key: value if isinstance(value, (bool, int, float, str)) else str(value)
            for key, value in options.items()
            if value is not None
        }
        with self._writer().as_default(step=0):
            tf.summary.text("recipe", f"```\n{text}\n```")
            hparams.hparams(plain, trial_id=name)
        self.flush()

    def rewind(self, step: int) -> None:
        """Drops the JSON lines after `step`: a resumed run writes them again."""
        if self._jsonl is None:
            return
        kept = [line for line in read(self._jsonl) if line["step"] <= step]
        if step and not kept:
            logging.warning("%s has no lines before step %d.", self._jsonl, step)
        if not self._jsonl.exists():
            return
        files.write(self._jsonl, "".join(json.dumps(line) + "\n" for line in kept))

    def close(self) -> None:
        """Flushes and closes all files."""
        for writer in self._writers.values():
            writer.close()

    def flush(self) -> None:
        """Flushes all files."""
        for writer in self._writers.values():
            writer.flush()


def read(file: pathlib.Path) -> list[dict]:
    """Returns the records of a `metrics.jsonl`, in order.

    Invalid lines, such as those truncated by a kill, are left out: they lack a step, or
    have values that are not numbers. The speed of old runs, `images_per_second`, gets
    its present name.
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
        logging.warning("%d invalid lines of %s are left out.", lost, file)
    return [line for line in found if line is not None]


def _record(text: bytes) -> dict | None:
    try:
        line = json.loads(text.decode())
        step = line["step"]
        numbers = [float(value) for value in line.values()]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    except OverflowError:  # an integer with hundreds of digits
        return None
    is_step = isinstance(step, int) and not isinstance(step, bool) and step >= 0
    return _renamed(line) if is_step and numbers else None


def _renamed(line: dict) -> dict:
    return {
        name.replace(f"/{_OLD_SPEED}", f"/{board.SPEED}"): line[name] for name in line
    }
