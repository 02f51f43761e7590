# SPDX-License-Identifier: Apache-2.0
"""Loads the model, and the data, of a run."""

__all__ = [
    "Loaded",
    "newest",
    "load",
    "load_model",
    "check_start",
    "take_over",
    "load_data",
    "paths_of",
]

import dataclasses
import pathlib
from collections.abc import Mapping
from importlib import metadata
from typing import Literal, NamedTuple

import keras
import tensorflow as tf
from absl import logging

from glf_tf import catalogue, errors, parts
from glf_tf.data import image_set
from glf_tf.data import paths as paths_lib
from glf_tf.datasets import dataset as dataset_lib
from glf_tf.experiments import folder as folder_lib
from glf_tf.experiments import identity
from glf_tf.experiments import plan as plan_lib
from glf_tf.models import model as model_lib
from glf_tf.training import averages, checkpoints


class Loaded(NamedTuple):
    """A trained model.

    Attributes:
        model: The model.
        step: The global step that it was saved at, which tells its checkpoint.
    """

    model: model_lib.GenerativeModel
    step: int


def newest(store: checkpoints.Checkpoints, folder: folder_lib.Folder) -> dict | None:
    """Restores what a run goes on from: the newest whole checkpoint, or the best.

    Args:
        store: The run's checkpoints.
        folder: Its folder.

    Returns:
        state: What was saved with it; None where there is no checkpoint yet.

    Raises:
        Damaged: There are checkpoints, and none of them is whole.
        InvalidValue: Those that are whole hold another model's variables.
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
            "The run's best checkpoint, of step %d, is used: no newer one is whole.",
            state["global_step"],
        )
    if state is None and damage is not None:
        raise damage
    return state


def load(
    workdir: str | pathlib.Path, *, which: Literal["latest", "best"] = "latest"
) -> Loaded:
    """Returns the trained model of a run, and the step that it is of.

    It has averages of weights where the checkpoint has any; see `training/averages.py`.

    Args:
        workdir: The run's folder.
        which: The newest checkpoint, or the best. Where the newest is damaged, the one
            before it is loaded, with a warning.

    Raises:
        NotFound: There is no run, or no checkpoint.
        Damaged: No checkpoint is whole, or the best is not.
        InvalidValue: They hold another model's variables.
    """
    folder = folder_lib.Folder(pathlib.Path(workdir))
    described = folder.read()
    _check_plugins(described)
    model = parts.make("model", described["model"], **described["arguments"])
    store = checkpoints.Checkpoints(
        folder.checkpoints, checkpoints.variables_of(model), partly=True
    )
    if which == "best":
        state = store.restore(folder.checkpoints / "best")
    else:
        state = newest(store, folder)
    if state is None:
        raise _no_checkpoint(folder)
    stages = model.stages()
    if state["stage"] < len(stages):
        averages.take_over(stages[state["stage"]], folder=store.restored)
    return Loaded(model, state["global_step"])


def load_model(
    workdir: str | pathlib.Path,
    *,
    which: Literal["latest", "best"] = "latest",
    custom_objects: Mapping[str, type] | None = None,
) -> model_lib.GenerativeModel:
    """Returns the trained model of a run; see `load`.

    Args:
        workdir: The run's folder.
        which: The newest checkpoint, or the best.
        custom_objects: Classes by name that no module has, such as those of a notebook.
    """
    with keras.saving.custom_object_scope(dict(custom_objects or {})):
        return load(workdir, which=which).model


def _check_plugins(described: Mapping) -> None:
    """Refuses a run with parts of packages that are not installed.

    Raises:
        NotFound: One is not.
    """
    for plugin in described.get("plugins", ()):
        distribution, version = plugin["distribution"], plugin["version"]
        if distribution and not _is_installed(distribution):
            raise errors.NotFound(
                "The packages that a run's parts come from must be installed",
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


def check_start(
    start: plan_lib.Start, model: model_lib.GenerativeModel
) -> tuple[pathlib.Path, dict[str, tf.Variable]]:
    """Returns the checkpoint to start from, and the variables that may take it over.

    Raises:
        NotFound: There is no run or no checkpoint.
        InvalidValue: There is no layer of such a name.
    """
    folder = folder_lib.Folder(pathlib.Path(start.start_from).expanduser())
    folder.read()
    layers = tuple(name for name in start.start_layers.split(",") if name)
    variables = checkpoints.variables_of(model)
    for layer in layers:
        known = sorted({name.split("/")[1] for name in variables})
        if layer not in known:
            raise errors.InvalidValue(
                "`start_layers` names layers of the model",
                received=f"start_layers={start.start_layers}",
                do=errors.suggestion(layer, known),
            )
    wanted = tuple(f"model/{layer}/" for layer in layers) or ("model/",)
    variables = {k: v for k, v in variables.items() if k.startswith(wanted)}
    checkpoint = checkpoints.Checkpoints(folder.checkpoints, {}, partly=True).latest()
    if checkpoint is None:
        raise _no_checkpoint(folder)
    return checkpoint, variables


def take_over(start: plan_lib.Start, model: model_lib.GenerativeModel) -> None:
    """Gives a model the weights of another run's, where names and shapes agree.

    Raises:
        NotFound: There is no run or no checkpoint.
        InvalidValue: There is no layer of such a name, or nothing agrees.
    """
    checkpoint, variables = check_start(start, model)
    taken = checkpoints.take_over(checkpoint, variables)
    logging.info("%d of %d weights from %s", len(taken), len(variables), checkpoint)
    if not taken:
        raise errors.InvalidValue(
            "The run to start from must have weights of the same names and shapes",
            received=f"start_from={start.start_from}, none of {len(variables)}",
            do="Use a run with the same network, image and latent size",
        )


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
        split: "train" or "test".
        paths: Paths of data; the data folder of the run if None is set.
        accept_new_data: Whether to warn, not to refuse, where the images are others.

    Raises:
        NotFound: There is no run, or the data are nowhere.
        Damaged: They are other images than the run noted.
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


def paths_of(described: Mapping, paths: paths_lib.DataPaths) -> paths_lib.DataPaths:
    """Returns the paths, with the data folder of a run where they have none.

    Raises:
        NotFound: The run's folder of data is no more.
    """
    if paths.data_dir is not None or not described["data_dir"]:
        return paths
    return dataclasses.replace(paths, data_dir=pathlib.Path(described["data_dir"]))


def _no_checkpoint(folder: folder_lib.Folder) -> errors.NotFound:
    return errors.NotFound(
        "A model is loaded from a checkpoint",
        received=f"{folder.checkpoints}, which has none",
        do="Train the run first, or wait for its first epoch to end",
    )
