# SPDX-License-Identifier: Apache-2.0
"""Loads the model and the data of a run."""

__all__ = [
    "Loaded",
    "built",
    "newest",
    "load",
    "load_model",
    "kept_steps",
    "no_checkpoint",
    "image_shape_of",
    "load_data",
    "paths_of",
]

import dataclasses
import pathlib
from collections.abc import Mapping
from importlib import metadata
from typing import Literal, NamedTuple

import keras
from absl import logging

from glf_tf import catalogue, errors, parts, types
from glf_tf.data import image_set
from glf_tf.data import paths as paths_lib
from glf_tf.datasets import dataset as dataset_lib
from glf_tf.experiments import folder as folder_lib
from glf_tf.experiments import identity
from glf_tf.models import base_model
from glf_tf.training import averages, checkpoints, contract, saved_variables

Which = Literal["latest", "best"] | int
"""A checkpoint: the newest, the best by the run's `best_by`, or that of a step."""


_WORDS = ("latest", "best")


class Loaded(NamedTuple):
    """A trained model.

    Attributes:
        model: The model.
        step: The global step of its checkpoint.
    """

    model: base_model.AbstractModel
    step: int


def newest(store: checkpoints.Checkpoints, folder: folder_lib.Folder) -> dict | None:
    """Restores the newest intact checkpoint of a run, or the best one.

    Args:
        store: The run's checkpoints.
        folder: Its folder.

    Returns:
        state: The state saved with it; None without a checkpoint.

    Raises:
        Damaged: There are checkpoints, but none is intact.
        InvalidValue: The intact ones have another model's variables.
    """
    damage = None
    try:
        state = store.restore()
    except errors.Damaged as error:
        state, damage = None, error
    best = folder.checkpoints / "best"
    if state is None and best.exists():
        state = store.restore(best)
        logging.warning(
            "The run's best checkpoint, of step %d, is used: no newer one is intact.",
            state["global_step"],
        )
    if state is None and damage is not None:
        raise damage
    return state


def load(workdir: str | pathlib.Path, *, which: Which = "latest") -> Loaded:
    """Returns the trained model of a run, and its global step.

    It has the averages of weights if the checkpoint has any; see
    `training/averages.py`.

    Args:
        workdir: The run's folder.
        which: The newest checkpoint, the best, or the step of one that was kept. If the
            newest is damaged, the one before is loaded, with a warning.

    Raises:
        NotFound: There is no run, or no checkpoint.
        Damaged: No checkpoint, or not the one asked for, is intact.
        InvalidType: `which` is neither a word nor a whole number.
        InvalidValue: They have another model's variables; or `which` is another word.
    """
    folder = folder_lib.Folder(pathlib.Path(workdir))
    described = folder.read()
    model = built(described)
    store = checkpoints.Checkpoints(
        folder.checkpoints, saved_variables.variables_of(model), partly=True
    )
    _check_which(which)
    if which == "latest":
        state = newest(store, folder)
    else:
        state = store.restore(_checkpoint_of(folder, which))
    if state is None:
        raise no_checkpoint(folder)
    stages = model.stages()
    if state["stage"] < len(stages):
        averages.take_over(stages[state["stage"]], folder=store.restored)
    return Loaded(model, state["global_step"])


def _checkpoint_of(folder: folder_lib.Folder, which: Which) -> pathlib.Path:
    """Returns the folder of the best checkpoint, or of that of a step.

    Raises:
        NotFound: There is none.
    """
    name = "best" if which == "best" else checkpoints.name_of(which)
    found = folder.checkpoints / name
    if not found.exists():
        steps = [checkpoints.step_of(path) for path in checkpoints.found(found.parent)]
        raise errors.NotFound(
            "A run is loaded from a checkpoint that it has",
            received=f"no {found}",
            do=f"Use latest, or one of the steps {sorted(steps)}",
        )
    return found


def _check_which(which: object) -> None:
    if isinstance(which, str) and which not in _WORDS:
        raise errors.InvalidValue(
            "A checkpoint is named latest or best, or by its step",
            received=f"which={which!r:.80}",
            do=errors.suggestion(which, _WORDS),
        )
    if not isinstance(which, str):
        contract.whole(which, of="which", least=0)


def kept_steps(workdir: str | pathlib.Path) -> list[int]:
    """Returns the steps of a run's checkpoints, oldest first, without the best one.

    Args:
        workdir: The run's folder.

    Raises:
        NotFound: There is no run, or no checkpoint.
    """
    folder = folder_lib.Folder(pathlib.Path(workdir))
    folder.read()
    found = checkpoints.found(folder.checkpoints)
    if not found:
        raise no_checkpoint(folder)
    return [checkpoints.step_of(path) for path in found[::-1]]


def built(described: Mapping) -> base_model.AbstractModel:
    """Returns a run's model with new weights.

    Args:
        described: The run's description.
    """
    _check_plugins(described)
    return parts.make("model", described["model"], **described["arguments"])


def load_model(
    workdir: str | pathlib.Path,
    *,
    which: Which = "latest",
    custom_objects: Mapping[str, type] | None = None,
) -> base_model.AbstractModel:
    """Returns the trained model of a run; see `load`.

    Args:
        workdir: The run's folder.
        which: The newest checkpoint, the best, or the step of one that was kept.
        custom_objects: Classes by name that no module has, such as those of a notebook.
    """
    with keras.saving.custom_object_scope(dict(custom_objects or {})):
        return load(workdir, which=which).model


def _check_plugins(described: Mapping) -> None:
    """Checks that the packages of a run's plug-ins are installed.

    Raises:
        NotFound: A package is not installed.
    """
    for plugin in described.get("plugins", ()):
        distribution, version = plugin["distribution"], plugin["version"]
        if distribution and not _is_installed(distribution):
            raise errors.NotFound(
                "The packages of a run's parts must be installed",
                received=f"{plugin['kind']} {plugin['name']} of {distribution} "
                f"{version}, which is not",
                do=f"Run pip install {distribution}=={version}",
            )


def _is_installed(distribution: str) -> bool:
    try:
        metadata.version(distribution)
    except (metadata.PackageNotFoundError, ValueError):
        return False
    return True


def load_data(
    workdir: str | pathlib.Path,
    split: dataset_lib.Split,
    *,
    paths: paths_lib.DataPaths | None = None,
    accept_new_data: bool = False,
) -> image_set.ImageSet:
    """Returns a split of the data that a run was trained on.

    Args:
        workdir: The run's folder.
        split: "train", "test", or "validation" if the data set has it.
        paths: Paths of data; the data folder of the run if None is set.
        accept_new_data: Whether to accept changed images, with a warning.

    Raises:
        NotFound: There is no run, or its data were not found.
        Damaged: The images differ from the recorded ones.
    """
    described = folder_lib.Folder(pathlib.Path(workdir)).read()
    _check_plugins(described)
    paths = paths_of(described, paths or paths_lib.DataPaths())
    found = catalogue.build("dataset", described["dataset"], paths=paths).load(split)
    identity.compare_data(
        described.get("data", {}),
        identity.data_of(found),
        accept_new_data=accept_new_data,
    )
    return found


def image_shape_of(described: Mapping) -> types.ImageShape:
    """Returns the images' shape of a run.

    Args:
        described: Its description.

    Raises:
        Unsupported: It is a run on vectors.
    """
    if "image_shape" not in described["arguments"]:
        raise errors.Unsupported(
            "Pictures are for models of images",
            received=f"a run of {catalogue.name_of(described['model'])}, on vectors",
            do="Use tools/sample.py and tools/evaluate.py",
        )
    return tuple(described["arguments"]["image_shape"])


def paths_of(described: Mapping, paths: paths_lib.DataPaths) -> paths_lib.DataPaths:
    """Returns the paths, with the data folder of a run where they have none.

    Raises:
        NotFound: The run's data folder does not exist any more.
    """
    if paths.data_dir is not None or not described["data_dir"]:
        return paths
    return dataclasses.replace(paths, data_dir=pathlib.Path(described["data_dir"]))


def no_checkpoint(folder: folder_lib.Folder) -> errors.NotFound:
    """Returns the error of a run that has saved nothing yet."""
    return errors.NotFound(
        "Loading a model needs a checkpoint",
        received=f"{folder.checkpoints}, which has none",
        do="Train the run first, or wait for its first epoch to end",
    )
