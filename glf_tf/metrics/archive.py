# SPDX-License-Identifier: Apache-2.0
"""Arrays on disk with what they are: written whole or not at all, read or refused."""

__all__ = ["StaleArchive", "save", "load"]

import json
import os
import pathlib
import tempfile
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from glf_tf import errors

_HEADER = "header"


class StaleArchive(errors.InvalidValue):
    """A file that cannot be used: cut off, or of another kind or version."""


def save(
    path: pathlib.Path,
    *,
    kind: str,
    version: int,
    arrays: Mapping[str, np.ndarray],
    about: Mapping[str, Any],
) -> None:
    """Writes a file under another name and moves it into place when it is complete.

    Args:
        path: Where to; folders are made.
        kind: What it is, such as "feature statistics".
        version: Of the code that can read it.
        arrays: By name.
        about: What to remember, of kinds that JSON knows.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    header = json.dumps({"kind": kind, "version": version, "about": dict(about)})
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, **arrays, **{_HEADER: np.array(header)})
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        pathlib.Path(name).unlink(missing_ok=True)
        raise


def load(
    path: pathlib.Path, *, kind: str, version: int
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Returns the arrays, and what was remembered about them.

    Raises:
        NotFound: There is no such file.
        StaleArchive: The file is cut off, or of another kind or version.
    """
    if not path.exists():
        raise errors.NotFound(
            f"The {kind} must be in a file", received=str(path), do="Compute them first"
        )
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        header = json.loads(str(arrays.pop(_HEADER)))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise StaleArchive(
            f"The {kind} must be a complete file",
            received=f"{path}, which cannot be read ({error})",
            do="Delete it; it will be made anew",
        ) from error
    _check(header, path=path, kind=kind, version=version)
    return arrays, header["about"]


def _check(
    header: Mapping[str, Any], *, path: pathlib.Path, kind: str, version: int
) -> None:
    found = (header.get("kind"), header.get("version"))
    if found != (kind, version):
        raise StaleArchive(
            f"The file must hold {kind} of version {version}",
            received=f"{path}, which holds {found[0]} of version {found[1]}",
            do="Delete it; it will be made anew",
        )
