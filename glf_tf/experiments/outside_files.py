# SPDX-License-Identifier: Apache-2.0
"""Files outside of a run's folder that its model reads, and what is in them."""

__all__ = ["digests"]

import hashlib
import pathlib
from collections.abc import Iterator, Mapping

from glf_tf import catalogue, types

_KINDS = ("path", "layer_path")


def digests(model: types.Model) -> dict[str, str]:
    """Returns the digests of the files that a model's parts read, by option.

    Paths that do not exist are left out, and so are defaults, which are names. What the
    weights of a fixed network were is then known of a run.

    Args:
        model: A specification.

    Returns:
        digests: Such as `{"reconstruction.network": "5f1e..."}`, 16 hexadecimal digits.
    """
    return dict(_digests("model", model, at=""))


def _digests(kind: str, spec: object, *, at: str) -> Iterator[tuple[str, str]]:
    if not isinstance(spec, (str, Mapping)):
        return
    name = catalogue.name_of(spec)
    if name not in catalogue.names(kind) and not catalogue.is_plugin(kind, name):
        return  # a layer of Keras
    given = {} if isinstance(spec, str) else spec
    for option in catalogue.options(kind, name).values():
        value = given.get(option.name, option.default)
        if option.is_part:
            yield from _digests(option.part, value, at=f"{at}{option.name}.")
        elif option.kind in _KINDS and value != option.default:
            path = _path(value)
            if path is not None:
                yield f"{at}{option.name}", _digest(path)


def _path(value: object) -> pathlib.Path | None:
    """Returns the path of a file or folder that exists."""
    if not isinstance(value, (str, pathlib.PurePath)):
        return None  # a layer, or several
    path = pathlib.Path(value).expanduser()
    return path if path.exists() else None


def _digest(path: pathlib.Path) -> str:
    """Returns the digest of a file, or of the names and contents in a folder."""
    if path.is_file():
        return _of_file(path)
    sha = hashlib.sha256()
    for file in sorted(path.rglob("*")):
        if file.is_file():
            name = file.relative_to(path).as_posix()
            sha.update(f"{name} {_of_file(file)}\n".encode())
    return sha.hexdigest()[:16]


def _of_file(path: pathlib.Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]
