# SPDX-License-Identifier: Apache-2.0
"""What a run is: what a process that goes on with it, or loads it, must share."""

__all__ = ["check", "check_data", "describe", "arguments_of"]

from collections.abc import Mapping

from glf_tf import catalogue, errors, types
from glf_tf.data import image_set
from glf_tf.runs import folder as folder_lib
from glf_tf.runs import plan as plan_lib


def check(folder: folder_lib.Folder, plan: plan_lib.Plan, *, resume: bool) -> None:
    """Checks that a plan may be carried out in a folder.

    Raises:
        InvalidValue: The folder holds a run and `resume` is false, or another plan.
        Occupied: It holds something that is no run.
    """
    folder.check_own()
    if not folder.description.exists():
        return
    if not resume:
        raise errors.InvalidValue(
            "A run needs a folder of its own",
            received=f"--workdir={folder.path}, which holds a run",
            do="Pass --resume to go on with it, or another --workdir",
        )
    before = _plain(folder.read())
    for key, value in _identity(plan).items():
        if before[key] != value:
            raise errors.InvalidValue(
                "A run goes on with the model, data, batch size and seed it began with",
                received=f"{key}={value} after {before[key]}",
                do=f"Use the flags in {folder.flags}, or another --workdir",
            )


def check_data(folder: folder_lib.Folder, arguments: Mapping) -> None:
    """Checks that a run goes on with data of the size that its model was made for."""
    if not folder.description.exists():
        return
    before = folder.read()["arguments"]
    if before != _plain(arguments):
        raise errors.InvalidValue(
            "A run goes on with data of the size it began with",
            received=f"{_plain(arguments)} after {before}",
            do="Restore the data, or use another --workdir",
        )


def describe(
    folder: folder_lib.Folder,
    plan: plan_lib.Plan,
    *,
    arguments: Mapping,
    data: image_set.ImageSet,
) -> None:
    """Writes what a run is, for those who load it or go on with it."""
    folder.write("flags.cfg", plan.recipe)
    folder.describe(
        {
            **_identity(plan),
            "arguments": _plain(arguments),
            "data_dir": str(plan.places.data_dir or ""),
            "data_source": data.source,
        }
    )


def arguments_of(spec: types.Spec, data: image_set.ImageSet) -> dict:
    """Returns the arguments of a model's constructor that the data decide."""
    return catalogue.load("model", catalogue.name_of(spec)).arguments_of(data)


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
