# SPDX-License-Identifier: Apache-2.0
"""Checkpoints: written atomically, verified, and restored.

A checkpoint is a folder `step_00001234/` with TensorFlow's `variables.*`, `state.json`
(the position of the loop and of its callbacks) and `manifest.json` (the sizes and
SHA-256 of the others). It is written under a temporary name and renamed, so a kill
leaves no partial one. The manifest detects later damage; then the checkpoint before is
used. The manifest also marks a checkpoint as the library's: nothing is removed from a
folder without one, and foreign files are kept.

Variables are stored under their own paths, such as `encoder/conv_0/kernel`, as
`tf.train.Checkpoint` silently omits layers in Keras lists. One that has float16 in the
place of float32, as those of presets have, is read into float32.
"""

__all__ = ["Checkpoints", "found", "name_of", "step_of", "state_of_best"]

import json
import pathlib
import re
from collections.abc import Mapping

import numpy as np
import tensorflow as tf
from absl import logging

from glf_tf import errors, files, folders
from glf_tf.training import manifest, saved_variables

_STATE = "state.json"
_AVERAGE = "_average"
_MOST_STATE_BYTES = 2**26
_NAME = re.compile(r"step_([0-9]{8,})")
_STATE_KINDS = {"stage": int, "step": int, "global_step": int, "callbacks": dict}


def found(folder: pathlib.Path) -> list[pathlib.Path]:
    """Returns the folders with names of checkpoints, newest first, without links."""
    steps = {}
    for path in folder.glob("step_*"):
        match = _NAME.fullmatch(path.name)
        step = int(match[1]) if match else -1
        is_ours = path.name == name_of(step)
        if is_ours and path.is_dir() and not path.is_symlink():
            steps[step] = path
    return [steps[step] for step in sorted(steps, reverse=True)]


def name_of(step: int) -> str:
    """Returns the name of a checkpoint's folder."""
    return f"step_{step:08d}"


def step_of(folder: pathlib.Path) -> int:
    """Returns the step of a checkpoint that `found` returned."""
    return int(_NAME.fullmatch(folder.name)[1])


def state_of_best(folder: pathlib.Path) -> dict | None:
    """Returns the state of `best/` in a folder of checkpoints; None without it.

    Raises:
        Damaged: It has no valid state.
    """
    best = folder / "best"
    return _read_state(best / _STATE) if best.exists() else None


class Checkpoints:
    """The checkpoints of a run.

    Attributes:
        restored: The last restored checkpoint, or None.
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
            folder: Their folder.
            variables: All saved variables, by name; see `variables_of`.
            keep: Number of newest checkpoints to keep, at least 1, in addition to the
                best.
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
        """Saves variables and state, and removes all but the newest `keep` intact ones.

        Args:
            state: JSON values.
            step: The global step, which names the folder.

        Raises:
            Diverged: A variable is not finite; nothing was written.
            Exhausted: The disk is full, or cannot be written to; existing ones are
                kept.
            Occupied: A link or a foreign folder has the checkpoint's name.
        """
        self._check_finite()
        target = self._folder / name_of(step)
        self._write(target, state)
        self._remove_old()
        return target

    def save_best(self, state: Mapping) -> pathlib.Path:
        """Saves variables and state as `best/`, replacing the one before."""
        self._check_finite()
        target = self._folder / "best"
        self._write(target, state)
        return target

    def restore_best(self) -> dict:
        """Restores `best/`, and returns its state.

        Raises:
            Damaged: It is not intact, or there is none.
        """
        return self.restore(self._folder / "best")

    def restore(self, folder: pathlib.Path | None = None) -> dict | None:
        """Restores the newest intact checkpoint, or the one in `folder`.

        Returns:
            state: Its state; None if there is no checkpoint.

        Raises:
            Damaged: `folder` has no intact checkpoint.
            InvalidValue: All have other variables.
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
                # A changed index has the same symptom; an older checkpoint may be
                # intact.
                mismatch, damage = mismatch or error, error.received
            self._refused.add(candidate)
            logging.warning("Checkpoint %s is not used: %s.", candidate, damage)
        if mismatch is not None:
            raise mismatch
        if candidates:
            raise errors.Damaged(
                "Resuming needs an intact checkpoint",
                received=f"{len(candidates)} damaged one(s) in {self._folder}",
                do="Restore the folder from a backup, or train in another --workdir",
            )
        return None

    def latest(self) -> pathlib.Path | None:
        """Returns the folder of the newest checkpoint that seems intact, or None.

        Only sizes are compared, not hashes.
        """
        for folder in found(self._folder):
            if manifest.damage(folder, hashes=False) is None:
                return folder
        return None

    def damage_of_best(self) -> str | None:
        """Returns what is wrong with `best/`, such as that it is missing, or None."""
        return manifest.damage(self._folder / "best")

    def _remove_old(self) -> None:
        """Removes checkpoints older than the newest `keep` intact ones."""
        kept = 0
        for folder in found(self._folder):
            if kept < self._keep:
                kept += self._is_whole(folder)
            else:
                folders.remove_listed(folder, manifest.files_of(folder))
                self._whole.pop(folder, None)

    def _is_whole(self, folder: pathlib.Path) -> bool:
        """Returns whether a checkpoint is intact; unchanged ones are hashed once."""
        is_refused = (
            folder in self._refused
        )  # by `restore`, even if its hashes are right
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
                self._checkpoint.write(str(aside / saved_variables.PREFIX))
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
        """Returns the files of a checkpoint that is replaced.

        Raises:
            Occupied: The folder is a link or foreign.
        """
        files.check_no_link(target)
        if not target.exists():
            return []
        if listed := manifest.files_of(target):
            return listed
        # If the manifest is damaged, all names must be those of a checkpoint.
        names = [path.name for path in target.iterdir()] if target.is_dir() else [""]
        if all(manifest.is_a_name(name) or folders.is_system(name) for name in names):
            return [name for name in names if manifest.is_a_name(name)]
        raise errors.Occupied(
            "A checkpoint may only replace another checkpoint",
            received=f"{target}, which is none",
            do="Move it away, then continue with --resume",
        )

    def _read(self, folder: pathlib.Path) -> dict:
        """Returns a checkpoint's state, and assigns its variables.

        Raises:
            Damaged: It cannot be read, although its manifest is right.
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
        reader = tf.train.load_checkpoint(str(folder / saved_variables.PREFIX))
        # One additional entry: the object graph.
        saved = len(reader.get_variable_to_shape_map()) - 1
        if saved != len(self._variables) and not self._partly:
            raise self._mismatch(folder, f"{saved} variables")
        halves = self._halves(reader, folder)
        try:
            status = self._reading(halves).read(str(folder / saved_variables.PREFIX))
            if self._partly or halves:
                status.assert_existing_objects_matched().expect_partial()
            else:
                status.assert_consumed()
        except UnicodeError:
            raise
        except (AssertionError, ValueError) as error:
            raise self._mismatch(folder, str(error).splitlines()[0]) from error
        for name, half in halves.items():
            self._variables[name].assign(half)

    def _halves(
        self, reader: tf.train.Checkpoint, folder: pathlib.Path
    ) -> dict[str, np.ndarray]:
        """Returns the values of variables that were saved in half precision.

        Without TensorFlow's float16, of which some processors complain.
        """
        saved = reader.get_variable_to_dtype_map()
        found = {
            name: reader.get_tensor(saved_variables.key(name)).astype(np.float32)
            for name, variable in self._variables.items()
            if saved.get(saved_variables.key(name)) == tf.float16 != variable.dtype
        }
        for name, value in found.items():
            if value.shape != tuple(self._variables[name].shape):
                raise self._mismatch(folder, f"{name} of shape {value.shape}")
        return found

    def _reading(self, halves: Mapping[str, np.ndarray]) -> tf.train.Checkpoint:
        if not halves:
            return self._checkpoint
        others = {k: v for k, v in self._variables.items() if k not in halves}
        return tf.train.Checkpoint(variables=others)

    def _mismatch(self, folder: pathlib.Path, received: str) -> errors.InvalidValue:
        """Returns that a checkpoint is another model's, and how to load it."""
        do = "Use the flags that the run was made with (its flags.cfg)"
        has_averages = saved_variables.has(folder, suffix=_AVERAGE)
        if has_averages != any(name.endswith(_AVERAGE) for name in self._variables):
            averages = "averages" if has_averages else "no averages"
            do = f"Leave --ema_decay as it was: the run has {averages} of weights"
        return errors.InvalidValue(
            f"A checkpoint must have this model's {len(self._variables)} variables",
            received=f"{received} in {folder}",
            do=do,
        )

    def _not_written(self, target: pathlib.Path, error: Exception) -> errors.Exhausted:
        latest = self.latest()
        kept = f"{latest} is intact" if latest else "there is none before it"
        reason = errors.line_of(error)
        return errors.Exhausted(
            "A checkpoint needs a writable disk with free space",
            received=f"{reason}, while {target} was written; {kept}",
            do="Free some space, then continue from there with --resume",
        )

    def _check_finite(self) -> None:
        for name, variable in self._variables.items():
            if not variable.dtype.is_floating:
                continue
            if not np.isfinite(tf.convert_to_tensor(variable).numpy()).all():
                raise errors.Diverged(
                    "All saved variables must be finite",
                    received=f"a value in {name} that is not finite",
                    do=f"Continue from {self.latest() or 'the start'} with a lower "
                    "learning rate or --clip_norm",
                )


def _read_state(file: pathlib.Path) -> dict:
    """Returns the state of a checkpoint: the position of the loop and its callbacks.

    Raises:
        Damaged: It is not a valid state.
    """
    try:
        with files.open_regular(file) as stream:
            state = json.loads(stream.read(_MOST_STATE_BYTES))
    except (OSError, ValueError, RecursionError) as error:
        raise _damaged(file.parent, "an unreadable state.json") from error
    if isinstance(state, dict) and "actions" in state:  # as older versions wrote it
        state["callbacks"] = state.pop("actions")
    is_state = isinstance(state, dict) and all(
        type(state.get(name)) is kind for name, kind in _STATE_KINDS.items()
    )
    if (
        not is_state
        or min(state["stage"], state["step"], state["global_step"]) < 0
        or not all(isinstance(value, dict) for value in state["callbacks"].values())
    ):
        raise _damaged(file.parent, "a state.json without a state")
    return state


def _damaged(folder: pathlib.Path, received: str) -> errors.Damaged:
    return errors.Damaged(
        f"The checkpoint {folder} must be intact",
        received=received,
        do="Use another one, or restore it from a backup",
    )
