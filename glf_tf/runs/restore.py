# SPDX-License-Identifier: Apache-2.0
"""Loads the model, and the data, of a run."""

__all__ = ["load_model", "load_data"]

import pathlib
from typing import Literal

from glf_tf import catalogue, errors
from glf_tf.data import dataset as dataset_lib
from glf_tf.data import image_set
from glf_tf.models import model as model_lib
from glf_tf.runs import folder as folder_lib
from glf_tf.training import checkpoints


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
        raise errors.NotFound(
            "A model is loaded from a checkpoint",
            received=f"{folder.checkpoints}, which has none",
            do="Train the run first, or wait for its first epoch to end",
        )
    return model


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
