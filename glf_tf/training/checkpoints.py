# SPDX-License-Identifier: Apache-2.0
"""Checkpoints: whole or not there, kept, best, and found again.

A checkpoint is a folder `step_00001234/` with TensorFlow's `variables.*`, `state.json`
(the position of the loop and of its actions) and `manifest.json` (the sizes and SHA-256
of the others). It is written under a temporary name and renamed, so a kill leaves no
half of one; what is damaged later is noticed by the manifest, and the one before is
used.

Variables are stored under their own paths, such as `encoder/conv_0/kernel`:
`tf.train.Checkpoint` follows attributes, and silently leaves out layers in Keras lists.
"""

__all__ = ["Checkpoints", "variables_of", "take_over"]

import json
import pathlib
import re
import shutil
from collections.abc import Iterable, Mapping

import keras
import numpy as np
import tensorflow as tf
from absl import logging

from glf_tf import errors
from glf_tf.training import manifest

_PREFIX = "variables"
_PARTIAL = ".partial"
_NAME = re.compile(r"step_\d+")


class Checkpoints:
    """The checkpoints of a run."""

    def __init__(
        self,
        folder: pathlib.Path,
        variables: Mapping[str, tf.Variable],
        *,
        keep: int = 3,
        partly: bool = False,
    ):
        """Initializes the store.

        Args:
            folder: Where they are kept.
            variables: Everything that is saved, by name; see `variables_of`.
            keep: How many of the newest to keep, at least 1; the best is kept as well.
            partly: Whether checkpoints may hold more than `variables`, such as the
                optimisers' when only a model is loaded.

        Raises:
            InvalidValue: `keep` is less than 1.
        """
        if keep < 1:
            raise errors.InvalidValue(
                "At least one checkpoint must be kept",
                received=f"keep={keep}",
                do="Use --keep_checkpoints=1 or more",
            )
        self._folder, self._keep, self._partly = folder, keep, partly
        self._variables = dict(variables)
        self._checkpoint = tf.train.Checkpoint(variables=self._variables)

    def save(self, state: Mapping, *, step: int) -> pathlib.Path:
        """Saves variables and state, and removes the oldest beyond `keep`.

        Args:
            state: JSON values.
            step: The global step, which names the folder.

        Raises:
            Diverged: A variable is not finite; nothing was written.
            Exhausted: The disk is full, or cannot be written to; those that were
                there still are.
        """
        self._check_finite()
        target = self._folder / f"step_{step:08d}"
        self._write(target, state)
        for old in self._found()[self._keep :]:
            shutil.rmtree(old)
        return target

    def save_best(self, state: Mapping) -> pathlib.Path:
        """Saves variables and state as `best/`, in place of the one before."""
        self._check_finite()
        target = self._folder / "best"
        self._write(target, state)
        return target

    def restore(self, folder: pathlib.Path | None = None) -> dict | None:
        """Restores the newest whole checkpoint, or the one in `folder`.

        Returns:
            state: What was saved with it; None where there is no checkpoint.

        Raises:
            InvalidValue: `folder` holds no whole checkpoint, or one of other variables.
        """
        candidates = self._found() if folder is None else [folder]
        for candidate in candidates:
            damage = manifest.damage(candidate)
            if damage is None:
                return self._read(candidate)
            logging.warning("Checkpoint %s is not used: %s.", candidate, damage)
        if candidates:
            raise errors.InvalidValue(
                "A run goes on from a whole checkpoint",
                received=f"{len(candidates)} damaged one(s) in {self._folder}",
                do="Restore the folder from a copy, or start anew without --resume",
            )
        return None

    def latest(self) -> pathlib.Path | None:
        """Returns the folder of the newest checkpoint, or None."""
        return next(iter(self._found()), None)

    def _found(self) -> list[pathlib.Path]:
        """Returns the folders, newest first."""
        folders = self._folder.glob("step_*")
        return sorted((f for f in folders if _NAME.fullmatch(f.name)), reverse=True)

    def _sweep(self) -> None:
        """Removes what an interrupted save left."""
        for folder in self._folder.glob("*.*"):
            shutil.rmtree(folder)

    def _write(self, target: pathlib.Path, state: Mapping) -> None:
        partial = target.with_name(target.name + _PARTIAL)
        try:
            self._sweep()
            partial.mkdir(parents=True)
            self._checkpoint.write(str(partial / _PREFIX))
            (partial / "state.json").write_text(json.dumps(state))
            manifest.seal(partial)
            manifest.replace(partial, target)
        except (OSError, tf.errors.OpError) as error:
            # Of the room that it takes, what comes next may have need.
            shutil.rmtree(partial, ignore_errors=True)
            raise self._not_written(target, error) from error

    def _read(self, folder: pathlib.Path) -> dict:
        reader = tf.train.load_checkpoint(str(folder / _PREFIX))
        # One entry beside the variables: the graph of objects.
        saved = len(reader.get_variable_to_shape_map()) - 1
        if saved != len(self._variables) and not self._partly:
            raise self._mismatch(folder, f"{saved} variables")
        try:
            status = self._checkpoint.read(str(folder / _PREFIX))
            if self._partly:
                status.assert_existing_objects_matched().expect_partial()
            else:
                status.assert_consumed()
        except (AssertionError, ValueError) as error:
            raise self._mismatch(folder, str(error).splitlines()[0]) from error
        return json.loads((folder / "state.json").read_text())

    def _mismatch(self, folder: pathlib.Path, received: str) -> errors.InvalidValue:
        return errors.InvalidValue(
            f"A checkpoint must hold this model's {len(self._variables)} variables",
            received=f"{received} in {folder}",
            do="Use the flags that the run was made with (its flags.cfg)",
        )

    def _not_written(self, target: pathlib.Path, error: Exception) -> errors.Exhausted:
        latest = self.latest()
        kept = f"{latest} is whole" if latest else "there is none before it"
        reason = str(error).split("} ")[-1].split(" [Op:")[0]
        return errors.Exhausted(
            "A checkpoint needs room on a disk that can be written to",
            received=f"{reason}, while {target} was written; {kept}",
            do="Free some space, then go on from there with --resume",
        )

    def _check_finite(self) -> None:
        for name, variable in self._variables.items():
            if not variable.dtype.is_floating:
                continue
            if not np.isfinite(tf.convert_to_tensor(variable).numpy()).all():
                raise errors.Diverged(
                    "Only finite variables are saved",
                    received=f"a value in {name} that is not",
                    do=f"Go on from {self.latest() or 'the start'} with a lower "
                    "learning rate or --clip_norm",
                )


def take_over(
    folder: pathlib.Path, variables: Mapping[str, tf.Variable]
) -> tuple[str, ...]:
    """Assigns what a checkpoint holds under the same names and in the same shapes.

    Args:
        folder: The checkpoint.
        variables: The variables that may be assigned, by name; see `variables_of`.

    Returns:
        names: Of those that were.

    Raises:
        InvalidValue: The checkpoint is damaged.
    """
    if damage := manifest.damage(folder):
        raise errors.InvalidValue(
            "Weights are taken over from a whole checkpoint",
            received=f"{folder}: {damage}",
            do="Use another checkpoint or run",
        )
    reader = tf.train.load_checkpoint(str(folder / _PREFIX))
    shapes = reader.get_variable_to_shape_map()
    taken = []
    for name, variable in variables.items():
        key = f"variables/{_escaped(name)}/.ATTRIBUTES/VARIABLE_VALUE"
        if key in shapes and tuple(shapes[key]) == tuple(variable.shape):
            variable.assign(reader.get_tensor(key))
            taken.append(name)
    return tuple(taken)


def _escaped(name: str) -> str:
    """Returns a name as TensorFlow writes it where slashes separate."""
    return name.replace(".", "..").replace("/", ".S")


def variables_of(
    model: keras.Model, optimizers: Iterable[keras.optimizers.Optimizer] = ()
) -> dict[str, tf.Variable]:
    """Returns all variables of a model and its optimisers, by unique names.

    Raises:
        InvalidValue: Two have the same name, so that one would be lost.
    """
    found = [(f"model/{v.path}", v.value) for v in model.variables]
    for optimizer in optimizers:
        found += [
            (f"optimizer/{optimizer.name}/{v.path}", v.value)
            for v in optimizer.variables
        ]
    named = dict(found)
    if len(named) < len(found):
        names = [name for name, _ in found]
        twice = sorted({name for name in names if names.count(name) > 1})
        raise errors.InvalidValue(
            "Every variable must have a path of its own",
            received=f"{twice[0]} more than once",
            do="Name the layers of the model, and open `keras.name_scope` around them",
        )
    return named
