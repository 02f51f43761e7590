# SPDX-License-Identifier: Apache-2.0
"""Loads the model, and the data, of a run."""

__all__ = ["newest", "load_model", "check_start", "take_over", "load_data"]

import pathlib
from typing import Literal

import tensorflow as tf
from absl import logging

from glf_tf import catalogue, errors
from glf_tf.data import dataset as dataset_lib
from glf_tf.data import image_set
from glf_tf.models import model as model_lib
from glf_tf.runs import folder as folder_lib
from glf_tf.runs import plan as plan_lib
from glf_tf.training import checkpoints


def newest(store: checkpoints.Checkpoints, folder: folder_lib.Folder) -> dict | None:
    """Restores what a run goes on from: the newest whole checkpoint, or the best.

    Args:
        store: The run's checkpoints.
        folder: Its folder.

    Returns:
        state: What was saved with it; None where there is no checkpoint yet.

    Raises:
        Damaged: There are checkpoints, and none of them is whole.
    """
    damage = None
    try:
        state = store.restore()
    except (errors.Damaged, errors.InvalidValue) as error:
        state, damage = None, error
    best = folder.checkpoints / "best"
    if state is None and best.exists():
        state = store.restore(best)
        logging.warning(
            "The run goes on from its best checkpoint, of step %d: no newer one is "
            "whole.",
            state["global_step"],
        )
    elif state is None and damage is None and folder.holds_run:
        logging.warning("%s has no checkpoint: training begins.", folder.path)
    if state is None and damage is not None:
        raise damage
    return state


def load_model(
    workdir: str | pathlib.Path, *, which: Literal["latest", "best"] = "latest"
) -> model_lib.GenerativeModel:
    """Returns the trained model of a run.

    Args:
        workdir: The run's folder.
        which: The newest checkpoint, or the best.

    Raises:
        NotFound: There is no run, or no checkpoint.
        InvalidValue: The checkpoint is damaged.
    """
    folder = folder_lib.Folder(pathlib.Path(workdir))
    described = folder.read()
    model = catalogue.build("model", described["model"], **described["arguments"])
    store = checkpoints.Checkpoints(
        folder.checkpoints, checkpoints.variables_of(model), partly=True
    )
    best = folder.checkpoints / "best"
    if store.restore(best if which == "best" else None) is None:
        raise _no_checkpoint(folder)
    return model


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
    data_dir: str | pathlib.Path | None = None,
) -> image_set.ImageSet:
    """Returns a split of the data that a run was trained on.

    Args:
        workdir: The run's folder.
        split: "train" or "test".
        data_dir: Where to look; where the run looked if it is None.

    Raises:
        NotFound: There is no run, or the data are nowhere.
    """
    described = folder_lib.Folder(pathlib.Path(workdir)).read()
    found = data_dir or described["data_dir"] or None
    places = dataset_lib.Places(data_dir=found and pathlib.Path(found))
    return catalogue.build("dataset", described["dataset"], places=places).load(split)


def _no_checkpoint(folder: folder_lib.Folder) -> errors.NotFound:
    return errors.NotFound(
        "A model is loaded from a checkpoint",
        received=f"{folder.checkpoints}, which has none",
        do="Train the run first, or wait for its first epoch to end",
    )
