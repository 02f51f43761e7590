# SPDX-License-Identifier: Apache-2.0
"""Finds the flags of the run that `--resume` continues."""

__all__ = ["own_flags"]

import pathlib
from collections.abc import Iterable

from absl import flags

from glf_tf import errors, recipe
from glf_tf.experiments import folder as folder_lib

FLAGS = flags.FLAGS

_COMPLETE = {"model", "replay"}
"""Flags of command lines that state the whole run."""


def own_flags(arguments: Iterable[recipe.Argument]) -> list[str]:
    """Returns the flag that stands for a run's own flags, if `--resume` relies on it.

    It does where the command line names neither a recipe nor a model. The run's own
    flags are the newest in its history, and those of the command line go before them.

    Args:
        arguments: Those of the command line.

    Returns:
        words: `--flagfile=RUN/flags.cfg`, or nothing.

    Raises:
        Unsupported: `fit` trained the run, from a model in Python.
        UserError: The run's folder has other content, or cannot be read.
    """
    arguments = list(arguments)
    given = {argument.name: argument.value for argument in arguments}
    is_complete = any(argument.files for argument in arguments)
    if "resume" not in FLAGS or given.get("resume") != "true":
        return []
    if is_complete or given.keys() & _COMPLETE or "workdir" not in given:
        return []
    folder = _folder_of(given["workdir"])
    if folder is None or not folder.holds_run:
        return []
    folder.check_own()
    file = _newest_flags(folder)
    if not file.is_file():
        return []
    _refuse_python(file, folder)
    return [f"--flagfile={file}"]


def _folder_of(path: str) -> folder_lib.Folder | None:
    """Returns a run's folder; None for a path that the flag does not take."""
    try:
        return folder_lib.Folder(pathlib.Path(FLAGS["workdir"].parser.parse(path)))
    except ValueError:
        return None


def _newest_flags(folder: folder_lib.Folder) -> pathlib.Path:
    # Imported here, as it takes a tenth of a second.
    from glf_tf.experiments import history

    entries = history.read(folder.read())
    return folder.path / history.flags_name(entries[-1].number if entries else 1)


def _refuse_python(file: pathlib.Path, folder: folder_lib.Folder) -> None:
    from glf_tf.experiments import history

    with file.open(encoding="utf-8", errors="replace") as stream:
        if stream.readline().rstrip() != history.OF_PYTHON:
            return
    raise errors.Unsupported(
        "A run that `fit` began in Python is resumed there",
        received=f"--resume of {folder.path}",
        do="Call model.fit(..., workdir=FOLDER, resume=True) with the same arguments",
    )
