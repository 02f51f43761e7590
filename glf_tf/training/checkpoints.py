# SPDX-License-Identifier: Apache-2.0
"""Checkpoints: whole or not there, kept, best, and found again.

A checkpoint is a folder `step_00001234/` with TensorFlow's `variables.*`, `state.json`
(the position of the loop and of its callbacks) and `manifest.json` (the sizes and
SHA-256 of the others). It is written under a temporary name and renamed, so a kill
leaves no half of one; what is damaged later is noticed by the manifest, and the one
before is used. The manifest is also what makes a checkpoint ours: of a folder without
one nothing is removed, whatever its name, and what somebody put beside our files stays.

Variables are stored under their own paths, such as `encoder/conv_0/kernel`:
`tf.train.Checkpoint` follows attributes, and silently leaves out layers in Keras lists.
"""

__all__ = ["Checkpoints", "found", "number", "variables_of", "take_over"]

import json
import pathlib
import re
from collections.abc import Iterable, Mapping

import keras
import numpy as np
import tensorflow as tf
from absl import logging

from glf_tf import errors, files, folders
from glf_tf.training import manifest

_PREFIX = "variables"
_STATE = "state.json"
_MOST_STATE_BYTES = 2**26
_NAME = re.compile(r"step_([0-9]{8,})")
_STATE_KINDS = {"stage": int, "step": int, "global_step": int, "actions": dict}


def found(folder: pathlib.Path) -> list[pathlib.Path]:
    """Returns the folders that bear a checkpoint's name, newest first; no links."""
    steps = {}
    for one in folder.glob("step_*"):
        match = _NAME.fullmatch(one.name)
        step = int(match[1]) if match else -1
        is_ours = one.name == f"step_{step:08d}"
        if is_ours and one.is_dir() and not one.is_symlink():
            steps[step] = one
    return [steps[step] for step in sorted(steps, reverse=True)]


class Checkpoints:
    """The checkpoints of a run.

    Attributes:
        restored: The one that was restored last; None before.
    """

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
        self._whole: dict[pathlib.Path, tuple] = {}
        self._refused: set[pathlib.Path] = set()
        self.restored: pathlib.Path | None = None
        self._checkpoint = tf.train.Checkpoint(variables=self._variables)

    def save(self, state: Mapping, *, step: int) -> pathlib.Path:
        """Saves variables and state, and removes the oldest beyond `keep` whole ones.

        Args:
            state: JSON values.
            step: The global step, which names the folder.

        Raises:
            Diverged: A variable is not finite; nothing was written.
            Exhausted: The disk is full, or cannot be written to; those that were
                there still are.
            Occupied: A link, or a folder that is not ours, is in the place.
        """
        self._check_finite()
        target = self._folder / f"step_{step:08d}"
        self._write(target, state)
        self._remove_old()
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
            Damaged: `folder` holds no whole checkpoint.
            InvalidValue: All are of other variables.
        """
        candidates = found(self._folder) if folder is None else [folder]
        mismatch = None
        for candidate in candidates:
            damage = manifest.damage(candidate)
            try:
                if damage is None:
                    return self._read(candidate)
            except errors.Damaged as error:
                damage = error.received
            except errors.InvalidValue as error:
                # Also what a changed index looks like; an older one may be whole.
                mismatch, damage = mismatch or error, error.received
            self._refused.add(candidate)
            logging.warning("Checkpoint %s is not used: %s.", candidate, damage)
        if mismatch is not None:
            raise mismatch
        if candidates:
            raise errors.Damaged(
                "A run goes on from a whole checkpoint",
                received=f"{len(candidates)} damaged one(s) in {self._folder}",
                do="Restore the folder from a copy, or start anew in another --workdir",
            )
        return None

    def latest(self) -> pathlib.Path | None:
        """Returns the folder of the newest checkpoint that seems whole, or None.

        Sizes are compared, nothing is hashed.
        """
        for folder in found(self._folder):
            if manifest.damage(folder, hashes=False) is None:
                return folder
        return None

    def damage_of_best(self) -> str | None:
        """Returns what is wrong with `best/`, such as that it is missing, or None."""
        return manifest.damage(self._folder / "best")

    def _remove_old(self) -> None:
        """Removes what is older than the newest `keep` whole ones."""
        kept = 0
        for folder in found(self._folder):
            if kept < self._keep:
                kept += self._is_whole(folder)
            else:
                folders.remove_listed(folder, manifest.files_of(folder))
                self._whole.pop(folder, None)

    def _is_whole(self, folder: pathlib.Path) -> bool:
        """Returns whether a checkpoint is whole; each is hashed once, if untouched."""
        is_refused = folder in self._refused  # by `restore`, whatever its hashes say
        if is_refused or manifest.damage(folder, hashes=False) is not None:
            return False
        now = manifest.signature(folder)
        if self._whole.get(folder) != now:
            if manifest.damage(folder) is not None:
                return False
            self._whole[folder] = now
        return True

    def _write(self, target: pathlib.Path, state: Mapping) -> None:
        files.check_no_link(self._folder)
        ours = self._replaceable(target)
        try:
            folders.sweep(self._folder)
            with folders.written_aside(target) as aside:
                self._checkpoint.write(str(aside / _PREFIX))
                files.write(aside / _STATE, json.dumps(state))
                manifest.seal(aside)
                folders.swap(aside, target, ours=ours)
            self._whole[target] = manifest.signature(target)
            self._refused.discard(target)
        except errors.UserError:
            raise
        except (OSError, tf.errors.OpError) as error:
            raise self._not_written(target, error) from error

    def _replaceable(self, target: pathlib.Path) -> list[str]:
        """Returns the files of a checkpoint that another one takes the place of.

        Raises:
            Occupied: The folder is a link, or somebody's.
        """
        files.check_no_link(target)
        if not target.exists():
            return []
        if listed := manifest.files_of(target):
            return listed
        # One of ours whose manifest is damaged has no names but a checkpoint's.
        names = [one.name for one in target.iterdir()] if target.is_dir() else [""]
        if all(manifest.is_a_name(name) or folders.is_system(name) for name in names):
            return [name for name in names if manifest.is_a_name(name)]
        raise errors.Occupied(
            "A checkpoint takes the place of another one alone",
            received=f"{target}, which is none",
            do="Move it away, then go on with --resume",
        )

    def _read(self, folder: pathlib.Path) -> dict:
        """Returns a checkpoint's state, and assigns its variables.

        Raises:
            Damaged: It cannot be read, whatever its manifest says.
            InvalidValue: It has other variables.
        """
        state = _read_state(folder / _STATE)
        try:
            self._assign(folder)
        except (tf.errors.OpError, RuntimeError, LookupError, UnicodeError) as error:
            lines = str(error).splitlines() or [type(error).__name__]
            raise _damaged(folder, f"variables that cannot be read: {lines[0]}") from (
                error
            )
        self.restored = folder
        return state

    def _assign(self, folder: pathlib.Path) -> None:
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
        except UnicodeError:
            raise
        except (AssertionError, ValueError) as error:
            raise self._mismatch(folder, str(error).splitlines()[0]) from error

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


def _read_state(file: pathlib.Path) -> dict:
    """Returns what a checkpoint says of the position of the loop and its callbacks.

    Raises:
        Damaged: It says something else.
    """
    try:
        with files.open_regular(file) as stream:
            state = json.loads(stream.read(_MOST_STATE_BYTES))
    except (OSError, ValueError, RecursionError) as error:
        raise _damaged(file.parent, "a state.json that cannot be read") from error
    is_state = isinstance(state, dict) and all(
        type(state.get(name)) is kind for name, kind in _STATE_KINDS.items()
    )
    if (
        not is_state
        or min(state["stage"], state["step"], state["global_step"]) < 0
        or not all(isinstance(one, dict) for one in state["actions"].values())
    ):
        raise _damaged(file.parent, "a state.json that is no state")
    return state


def _damaged(folder: pathlib.Path, received: str) -> errors.Damaged:
    return errors.Damaged(
        f"A checkpoint is read from {folder}",
        received=received,
        do="Use another one, or restore it from a copy",
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
        Damaged: The checkpoint is.
    """
    if damage := manifest.damage(folder):
        raise errors.Damaged(
            "Weights are taken over from a whole checkpoint",
            received=f"{folder}: {damage}",
            do="Use another checkpoint or run",
        )
    reader = tf.train.load_checkpoint(str(folder / _PREFIX))
    shapes = reader.get_variable_to_shape_map()
    taken = []
    for name, variable in variables.items():
        key = _key(name)
        if key in shapes and tuple(shapes[key]) == tuple(variable.shape):
            variable.assign(reader.get_tensor(key))
            taken.append(name)
    return tuple(taken)


def number(folder: pathlib.Path, name: str) -> float:
    """Returns the value of a scalar in a checkpoint; 0 where it has none."""
    reader = tf.train.load_checkpoint(str(folder / _PREFIX))
    key = _key(name)
    return float(reader.get_tensor(key)) if reader.has_tensor(key) else 0.0


def _key(name: str) -> str:
    return f"variables/{_escaped(name)}/.ATTRIBUTES/VARIABLE_VALUE"


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
