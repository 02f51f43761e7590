# SPDX-License-Identifier: Apache-2.0
"""Loads a trained model, wherever it lies: a preset, a run, a `.keras` file."""

__all__ = ["load"]

import importlib
import json
import os
import pathlib
import zipfile
from collections.abc import Mapping

import keras

from glf_tf import catalogue, errors, resources
from glf_tf.experiments import restore
from glf_tf.models import base_model

_MOST_BYTES = 2**24


def load(
    source: str | os.PathLike,
    *,
    which: restore.Which = "latest",
    custom_objects: Mapping[str, type] | None = None,
) -> base_model.AbstractModel:
    """Returns a trained model.

    Args:
        source: The name of a preset, such as "glf/digits"; the folder of a run, as
            tools/train.py and `fit(workdir=...)` write them; or a file NAME.keras of
            `save`. A preset's name comes first: "./glf/digits" is a folder.
        which: Of a run: the checkpoint, "latest", "best", or the step of one.
        custom_objects: Classes by name that no module has, such as those of a notebook.

    Returns:
        model: The model, with `sample`, `encode`, `reconstruct` and so on, as far as it
            has them.

    Raises:
        NotFound: There is no such preset, file or folder; or the folder has no run, or
            the run no such checkpoint.
        InvalidValue: `which` names no checkpoint, or is given with a file.
        InvalidType: An argument is of another kind, or the file has a model of another
            library.
        Damaged: A file is truncated or changed.
    """
    if not isinstance(source, (str, os.PathLike)):
        raise errors.InvalidType(
            "A model is loaded from a name or a path",
            received=type(source).__name__,
            do=f"Pass a text or a pathlib.Path, such as one of: "
            f"{', '.join(resources.presets())}",
        )
    if custom_objects is not None and not isinstance(custom_objects, Mapping):
        raise errors.InvalidType(
            "`custom_objects` are classes by their names",
            received=f"custom_objects={custom_objects!r:.80}",
            do='Pass for instance {"MyLayer": MyLayer}',
        )
    path = _place_of(source)
    if path is not None and path.is_dir():
        return restore.load_model(path, which=which, custom_objects=custom_objects)
    if path is not None and path.is_file():
        _check_one_state(path, which)
        return _of_keras(path, custom_objects=custom_objects)
    near = errors.near(str(source), resources.presets())
    raise errors.NotFound(
        "A model is loaded from a preset, a run's folder or a .keras file",
        received=f"no file, folder or preset {str(source)!r:.200}",
        do=(f"Did you mean {near[0]}? " if near else "")
        + f"Check the path, or use one of: {', '.join(resources.presets())}",
    )


def _place_of(source: str | os.PathLike) -> pathlib.Path | None:
    """Returns the folder of a preset, or an existing path; None if there is neither."""
    if source == "":
        return None  # and not the folder in which one is
    if isinstance(source, str) and source in resources.presets():
        return resources.presets()[source]
    try:
        path = pathlib.Path(source).expanduser()
        return path if path.exists() else None
    # Homes of nobody, zeros and names that are too long are no paths.
    except (OSError, RuntimeError, ValueError):
        return None


def _check_one_state(path: pathlib.Path, which: object) -> None:
    if which != "latest":
        raise errors.InvalidValue(
            "`which` chooses among the checkpoints of a run, and a file has one state",
            received=f"which={which!r:.80} and {path}",
            do="Leave it out, or pass the run's folder",
        )


def _of_keras(
    path: pathlib.Path, *, custom_objects: Mapping[str, type] | None
) -> base_model.AbstractModel:
    _import_class(path)
    try:
        # What Keras would have to run is refused.
        model = keras.saving.load_model(
            path, custom_objects=dict(custom_objects or {}), safe_mode=True
        )
    except (
        *(ValueError, TypeError, KeyError, OSError),
        *(zipfile.BadZipFile, RecursionError),
    ) as error:
        if isinstance(error, errors.UserError):
            raise
        raise errors.Damaged(
            "A model is loaded from a whole .keras file, and its class is imported",
            received=f"{path}: {str(error).strip()}".partition("\n")[0][:300],
            do="Import the module of the model's class first, or save it again",
        ) from error
    if not isinstance(model, base_model.AbstractModel):
        raise errors.InvalidType(
            "A model of this library is loaded",
            received=f"{path}, which has a {type(model).__name__}",
            do="Load it by keras.saving.load_model",
        )
    return model


def _import_class(path: pathlib.Path) -> None:
    """Imports the module of a model of this library, and no other that a file names."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open("config.json") as stream:
            found = json.loads(stream.read(_MOST_BYTES))["module"]
    except (
        *(zipfile.BadZipFile, RecursionError),
        *(OSError, ValueError, KeyError, TypeError),
    ) as error:
        raise errors.Damaged(
            "A model is loaded from a file that `save` wrote",
            received=f"{path}, which is no .keras file",
            do="Pass a file NAME.keras, a run's folder, or the name of a preset",
        ) from error
    if found in [f"glf_tf.models.{name}" for name in catalogue.names("model")]:
        importlib.import_module(found)
