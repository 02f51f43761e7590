# SPDX-License-Identifier: Apache-2.0
"""The identity of a run: what must not change when it is resumed or loaded."""

__all__ = [
    "check",
    "check_data",
    "check_description",
    "compare_data",
    "data_of",
    "describe",
    "history_of",
    "arguments_of",
    "changed_model",
    "recorded",
]

import dataclasses
import os
import pathlib
import re
from collections.abc import Mapping, Sequence

import tensorflow as tf
from absl import logging

from glf_tf import catalogue, errors, types
from glf_tf.data import image_set
from glf_tf.experiments import description, history, outside_files
from glf_tf.experiments import folder as folder_lib
from glf_tf.experiments import plan as plan_lib

_START = re.compile(r"^--start_from=(.+)$", re.MULTILINE)

_FILES = "files"
"""What a run's data have beside splits: files that its model reads."""


def check(folder: folder_lib.Folder, plan: plan_lib.Plan, *, resume: bool) -> None:
    """Checks that a plan may be executed in a folder.

    Raises:
        InvalidValue: The folder holds a run and `resume` is false, or another plan.
        Occupied: It has content other than a run.
        Damaged: The description of the run is lost.
    """
    folder.check_own()
    if not folder.holds_run:
        return
    if not resume:
        raise errors.InvalidValue(
            "A run needs a folder of its own",
            received=f"--workdir={folder.path}, which holds a run",
            do="Go on with it by --resume, in Python resume=True, or use another "
            "--workdir",
        )
    before = recorded(folder)
    changed = [
        change
        for key, value in _identity(plan).items()
        for change in _changes(before[key], value, of=key)
    ] + _changed_start(history_of(folder), plan)
    if changed:
        raise errors.InvalidValue(
            "A run must keep its model, data, batch size, seed and start",
            received=", ".join(changed),
            do=f"Use the flags in {folder.flags}, or another --workdir",
        )


def _changed_start(entries: Sequence[history.Entry], plan: plan_lib.Plan) -> list[str]:
    """Returns that a run is to start from other weights: its start is over."""
    before, after = (
        found.group(1) if (found := _START.search(recipe)) else ""
        for recipe in (entries[0].recipe if entries else "", plan.recipe)
    )
    if not after or (before and _is_same_place(before, after)):
        return []
    return [f"start_from={after} after {before or 'none'}"]


def _is_same_place(before: str, after: str) -> bool:
    """Returns whether two paths may be one; of a relative one only its end is known."""
    now = pathlib.Path(os.path.abspath(pathlib.Path(after).expanduser()))
    then = pathlib.Path(os.path.normpath(pathlib.Path(before).expanduser()))
    own = [part for part in then.parts if part != ".."]
    return now == then if then.is_absolute() else list(now.parts[-len(own) :]) == own


def recorded(folder: folder_lib.Folder) -> dict:
    """Returns the description of a run, with what its data set and model have today.

    Runs from before an option was added have its default.
    """
    found = _plain(folder.read())
    for kind in ("dataset", "model"):
        found[kind] = _plain(catalogue.completed(kind, found[kind]))
    return found


def changed_model(folder: folder_lib.Folder, spec: types.Model) -> list[str]:
    """Returns how a model differs from a run's, each as text, but for sharpening."""
    after = _plain(catalogue.completed("model", spec))
    before = recorded(folder)["model"]
    return _changes({**before, "sharpen": None}, {**after, "sharpen": None}, of="model")


def _changes(before: object, after: object, *, of: str) -> list[str]:
    """Returns what differs between two plain values, each as text."""
    if before == after:
        return []
    are_both = isinstance(before, Mapping) and isinstance(after, Mapping)
    # Of another part, all options are other ones.
    if not are_both or before.get("name") != after.get("name"):
        return [f"{of}={_named(after)} after {_named(before)}"]
    return [
        change
        for key in {**before, **after}
        for change in _changes(before.get(key), after.get(key), of=f"{of}.{key}")
    ]


def _named(value: object) -> object:
    """Returns a value, or the name of the part that it describes."""
    return value.get("name", value) if isinstance(value, Mapping) else value


def check_description(plan: plan_lib.Plan, *, arguments: Mapping) -> None:
    """Checks that the description of a run can be read again.

    Args:
        plan: The plan.
        arguments: The model's arguments that follow from the data.

    Raises:
        InvalidValue: An option has a value that the description cannot have.
    """
    description.check({**_identity(plan), "arguments": _plain(arguments)})


def check_data(
    folder: folder_lib.Folder,
    *,
    arguments: Mapping,
    data: Mapping[str, Mapping],
    accept_new_data: bool,
) -> None:
    """Checks that a run is resumed with its data.

    Args:
        folder: The run's folder.
        arguments: The model's arguments that follow from the data.
        data: The identity of the data, by split; see `data_of`.
        accept_new_data: Whether to accept other images of the same size.

    Raises:
        InvalidValue: The images have another size.
        Damaged: They are other images, which were not accepted.
    """
    if not folder.holds_run:
        return
    before = folder.read()
    if before["arguments"] != _plain(arguments):
        raise errors.InvalidValue(
            "A run must be resumed with data of the same size",
            received=f"{_plain(arguments)} after {before['arguments']}",
            do="Restore the data, or use another --workdir",
        )
    if "data" not in before:
        logging.warning(
            "The data of this run were not recorded; from now on they are %s.",
            _summary(data),
        )
        return
    compare_data(before["data"], data, accept_new_data=accept_new_data)


def compare_data(
    before: Mapping[str, Mapping],
    after: Mapping[str, Mapping],
    *,
    accept_new_data: bool,
) -> None:
    """Compares the splits in `after` with the recorded ones.

    Raises:
        Damaged: They differ and were not accepted; accepted, they cause a warning.
    """
    noted = {split: before[split] for split in after if split in before}
    found = {split: after[split] for split in noted}
    if noted == found:
        return
    change = f"{_summary(found)} after {_summary(noted)}"
    if accept_new_data:
        logging.warning("The data of the run have changed: %s.", change)
        return
    raise errors.Damaged(
        "The data of a run must not change",
        received=change,
        do="Restore them, or use the new ones by accept_new_data=True (in tools "
        "--accept_new_data)",
    )


def data_of(
    *sets: image_set.ImageSet, model: types.Model | None = None
) -> dict[str, dict]:
    """Returns the identity of image sets, by split, and of what else a model reads.

    Args:
        *sets: The image sets.
        model: The specification of a model, whose files are under "files" if there are
            any.
    """
    found = {images.split: images.identity for images in sets}
    read = {} if model is None else outside_files.digests(model)
    return {**found, _FILES: read} if read else found


def describe(
    folder: folder_lib.Folder,
    plan: plan_lib.Plan,
    *,
    arguments: Mapping,
    sets: Sequence[image_set.ImageSet],
    step: int,
) -> None:
    """Writes the identity of a run, for loading and resuming it.

    Args:
        folder: The run's folder.
        plan: The plan from now on.
        arguments: The model's arguments that follow from the data.
        sets: The training images, and the test images if there are any.
        step: The current global step.
    """
    now = history.Entry(
        number=0,
        step=step,
        changed={},
        recipe=plan.recipe,
        data=data_of(*sets, model=plan.model),
        replicas=tf.distribute.get_strategy().num_replicas_in_sync,
    )
    entries = history.extended(history_of(folder), now)
    for entry in entries:
        folder.write(history.flags_name(entry.number), entry.recipe)
    plugins = [
        *catalogue.origins("dataset", plan.dataset),
        *catalogue.origins("model", plan.model),
    ]
    folder.describe(
        {
            **_identity(plan),
            **({"plugins": plugins} if plugins else {}),
            "arguments": _plain(arguments),
            "data_dir": _absolute(plan.paths.data_dir),
            "data_source": sets[0].source,
            "data": now.data,
            "history": [dataclasses.asdict(entry) for entry in entries],
        }
    )


def history_of(folder: folder_lib.Folder) -> list[history.Entry]:
    """Returns a run's history; for older runs it is derived from their flags."""
    if not folder.holds_run:
        return []
    if entries := history.read(folder.read()):
        return entries
    try:
        recipe = folder.flags.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        logging.warning("%s cannot be read: the history starts now.", folder.flags)
        return []
    begun = history.Entry(
        number=1, step=0, changed={}, recipe=recipe, data={}, replicas=0, versions={}
    )
    return [begun]


def _summary(data: Mapping[str, Mapping]) -> str:
    """Returns image sets and files as text, such as "train: 1437 images (5f1e..)"."""
    return ", ".join(_summary_of(split, facts) for split, facts in data.items())


def _summary_of(split: str, facts: Mapping) -> str:
    if split == _FILES:
        return ", ".join(f"{option} ({digest})" for option, digest in facts.items())
    digests = " ".join(value for value in facts.values() if isinstance(value, str))
    return f"{split}: {_counted(facts)} ({digests})"


def _counted(facts: Mapping) -> str:
    """Returns how many examples there are, such as "1437 images"."""
    return ", ".join(f"{v} {k}" for k, v in facts.items() if isinstance(v, int))


def arguments_of(spec: types.Model, data: image_set.ImageSet) -> dict:
    """Returns the arguments of a model's constructor that follow from the data."""
    return catalogue.load("model", catalogue.name_of(spec)).arguments_of(data)


def _absolute(data_dir: pathlib.Path | None) -> str:
    """Returns the absolute path of a folder; "" for none."""
    return "" if data_dir is None else str(data_dir.absolute())


def _identity(plan: plan_lib.Plan) -> dict:
    """Returns what must not change when a run is resumed."""
    return {
        "dataset": _plain(catalogue.completed("dataset", plan.dataset)),
        "model": _plain(catalogue.completed("model", plan.model)),
        "batch_size": plan.training.batch_size,
        "seed": plan.training.seed,
    }


def _plain(value: object) -> object:
    """Returns a specification as read back from JSON: tuples are lists."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
