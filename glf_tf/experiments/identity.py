# SPDX-License-Identifier: Apache-2.0
"""What a run is: what a process that goes on with it, or loads it, must share."""

__all__ = [
    "check",
    "check_data",
    "compare_data",
    "data_of",
    "describe",
    "history_of",
    "arguments_of",
]

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence

import tensorflow as tf
from absl import logging

from glf_tf import catalogue, errors, types
from glf_tf.data import image_set
from glf_tf.experiments import folder as folder_lib
from glf_tf.experiments import history
from glf_tf.experiments import plan as plan_lib


def check(folder: folder_lib.Folder, plan: plan_lib.Plan, *, resume: bool) -> None:
    """Checks that a plan may be carried out in a folder.

    Raises:
        InvalidValue: The folder holds a run and `resume` is false, or another plan.
        Occupied: It holds something that is no run.
        Damaged: Nothing tells any more which run the folder holds.
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
    before = _plain(folder.read())
    # Runs that are older than an option have its default.
    for kind in ("dataset", "model"):
        before[kind] = _plain(catalogue.completed(kind, before[kind]))
    for key, value in _identity(plan).items():
        if before[key] != value:
            raise errors.InvalidValue(
                "A run goes on with the model, data, batch size and seed it began with",
                received=f"{key}={value} after {before[key]}",
                do=f"Use the flags in {folder.flags}, or another --workdir",
            )


def check_data(
    folder: folder_lib.Folder,
    *,
    arguments: Mapping,
    data: Mapping[str, Mapping],
    accept_new_data: bool,
) -> None:
    """Checks that a run goes on with the data that it began with.

    Args:
        folder: The run's folder.
        arguments: What the data decide of the model.
        data: What they are, by split; see `data_of`.
        accept_new_data: Whether other images of the same size will do.

    Raises:
        InvalidValue: They are of another size.
        Damaged: They are other images, and that was not accepted.
    """
    if not folder.holds_run:
        return
    before = folder.read()
    if before["arguments"] != _plain(arguments):
        raise errors.InvalidValue(
            "A run goes on with data of the size it began with",
            received=f"{_plain(arguments)} after {before['arguments']}",
            do="Restore the data, or use another --workdir",
        )
    if "data" not in before:
        logging.warning(
            "This run did not note its data; from now on it is %s.", _told(data)
        )
        return
    compare_data(before["data"], data, accept_new_data=accept_new_data)


def compare_data(
    before: Mapping[str, Mapping],
    after: Mapping[str, Mapping],
    *,
    accept_new_data: bool,
) -> None:
    """Compares the splits in `after` with what a run noted of them.

    Raises:
        Damaged: They differ, and that was not accepted; accepted, it is a warning.
    """
    noted = {split: before[split] for split in after if split in before}
    found = {split: after[split] for split in noted}
    if noted == found:
        return
    told = f"{_told(found)} after {_told(noted)}"
    if accept_new_data:
        logging.warning("The run's data are others than it began with: %s.", told)
        return
    raise errors.Damaged(
        "A run's data are those that it began with",
        received=told,
        do="Restore them, or pass --accept_new_data to use those that are there",
    )


def data_of(*sets: image_set.ImageSet) -> dict[str, dict]:
    """Returns what sets of images are, by split."""
    return {one.split: one.identity for one in sets}


def describe(
    folder: folder_lib.Folder,
    plan: plan_lib.Plan,
    *,
    arguments: Mapping,
    sets: Sequence[image_set.ImageSet],
    step: int,
) -> None:
    """Writes what a run is, for those who load it or go on with it.

    Args:
        folder: The run's folder.
        plan: What is carried out from now on.
        arguments: What the data decide of the model.
        sets: The training images, and the test images if there are any.
        step: The global step of now.
    """
    now = history.Entry(
        number=0,
        step=step,
        changed={},
        recipe=plan.recipe,
        data=data_of(*sets),
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
    """Returns a run's history; that of a run of before is what its flags tell."""
    if not folder.holds_run:
        return []
    if entries := history.read(folder.read()):
        return entries
    try:
        recipe = folder.flags.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        logging.warning("%s cannot be read: the history begins now.", folder.flags)
        return []
    begun = history.Entry(
        number=1, step=0, changed={}, recipe=recipe, data={}, replicas=0, versions={}
    )
    return [begun]


def _told(data: Mapping[str, Mapping]) -> str:
    """Returns sets of images as text, such as "train: 1437 images (5f1e..)"."""
    return ", ".join(
        f"{split}: {one.get('images')} images "
        f"({' '.join(str(v) for k, v in one.items() if k != 'images')})"
        for split, one in data.items()
    )


def arguments_of(spec: types.Model, data: image_set.ImageSet) -> dict:
    """Returns the arguments of a model's constructor that the data decide."""
    return catalogue.load("model", catalogue.name_of(spec)).arguments_of(data)


def _absolute(data_dir: pathlib.Path | None) -> str:
    """Returns a folder as it is called from any other; "" for none."""
    return "" if data_dir is None else str(data_dir.absolute())


def _identity(plan: plan_lib.Plan) -> dict:
    """Returns what a resumed run must share with the one it goes on from."""
    return {
        "dataset": _plain(catalogue.completed("dataset", plan.dataset)),
        "model": _plain(catalogue.completed("model", plan.model)),
        "batch_size": plan.training.batch_size,
        "seed": plan.training.seed,
    }


def _plain(value: object) -> object:
    """Returns a specification as JSON gives it back: tuples are lists."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
