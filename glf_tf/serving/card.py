# SPDX-License-Identifier: Apache-2.0
"""`metadata.json` and `README.md` of an exported folder, for programs and for people.

Mitchell et al.: Model Cards for Model Reporting, 2019. https://arxiv.org/abs/1810.03993
"""

__all__ = ["METADATA", "README", "About", "write"]

import dataclasses
import hashlib
import importlib.metadata
import json
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import tensorflow as tf

import glf_tf
from glf_tf import files
from glf_tf.serving import meanings, readme, saved_model, web

METADATA, README = "metadata.json", "README.md"

_LIBRARIES = ("tensorflow", "keras", "tensorflow-probability")
_PICTURE = "samples.png"
_VERSION = 1

LICENCE = (
    "The code that made it is glf_tf's, Apache-2.0. The weights may be used as far as "
    "the licence of the training data lets you."
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class About:
    """What is known of a model's training, all plain values.

    Attributes:
        run: Of the run: "model" and "dataset", specifications; "data", the identity of
            images; "step"; "recipe", all flags; "versions". Empty if it is not known.
        measures: Means on test images in training, by name, and their "step".
        evaluations: Records of `tools/evaluate.py`, with their protocols.
        picture: A PNG file of samples.
    """

    run: Mapping = dataclasses.field(default_factory=dict)
    measures: Mapping = dataclasses.field(default_factory=dict)
    evaluations: Sequence[Mapping] = ()
    picture: pathlib.Path | None = None


def write(
    folder: pathlib.Path,
    *,
    model: Any,
    about: About | None = None,
    others: Mapping[str, Mapping] | None = None,
) -> None:
    """Writes both files, and a copy of the picture, into a folder with a SavedModel.

    Args:
        folder: The folder, with all that is to be described.
        model: The model.
        about: Of its training.
        others: Other formats in the folder, as `formats.convert` returns them.
    """
    about = about or About()
    if about.picture is not None and about.picture.is_file():
        files.write(folder / _PICTURE, about.picture.read_bytes())
    found = _metadata(folder, model=model, about=about)
    found["formats"] = dict(others or {})
    files.write(folder / README, readme.text(found))
    if web.FOLDER in found["formats"]:
        web.describe(folder, found)
    found["files"] = dict(_checksums(folder))
    files.write(folder / METADATA, json.dumps(found, indent=2) + "\n")


def _metadata(folder: pathlib.Path, *, model: Any, about: About) -> dict:
    signatures = _signatures(folder, model=model)
    names = [name for name in signatures if name != meanings.DEFAULT]
    return {
        "format": "glf_tf export",
        "format_version": _VERSION,
        "library": {"glf_tf": glf_tf.__version__, **_versions()},
        "licence": LICENCE,
        "model": {
            "class": type(model).__name__,
            "examples": model.example_kind.noun,
            "noise_law": meanings.noise_law(model),
        },
        meanings.DEFAULT: meanings.default_of(names),
        "signatures": signatures,
        "missing": meanings.missing(model, names),
        "run": dict(about.run),
        "measures": dict(about.measures),
        "evaluations": list(about.evaluations),
        "picture": _PICTURE if (folder / _PICTURE).exists() else None,
        "files": dict(_checksums(folder)),
    }


def _versions() -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in _LIBRARIES}


def _signatures(folder: pathlib.Path, *, model: Any) -> dict[str, dict]:
    """Returns signatures with the tensors of both sides, as a SavedModel has them."""
    found = saved_model.read(folder).signature_def
    described = {}
    for name in sorted(name for name in found if not name.startswith("__")):
        inputs, outputs = found[name].inputs, found[name].outputs
        does = meanings.default_of([n for n in found if n != meanings.DEFAULT])
        described[name] = {
            "does": f"The same as `{does}`."
            if name == meanings.DEFAULT
            else meanings.SIGNATURES.get(name, f"One of {type(model).__name__}'s own."),
            "inputs": {key: _tensor(inputs[key], key, model) for key in sorted(inputs)},
            "outputs": {
                key: _tensor(outputs[key], key, model) for key in sorted(outputs)
            },
        }
    return described


def _tensor(info: Any, key: str, model: Any) -> dict:
    """Returns the description of a tensor; null in a shape is any size."""
    shape = [None if dim.size < 0 else dim.size for dim in info.tensor_shape.dim]
    return {
        "tensor": info.name,
        "dtype": tf.as_dtype(info.dtype).name,
        "shape": shape,
        **meanings.of(model, key)._asdict(),
    }


def _checksums(folder: pathlib.Path) -> Iterator[tuple[str, dict]]:
    """Yields the size and the SHA-256 of each file but `metadata.json` itself."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path != folder / METADATA:
            content = path.read_bytes()
            sha = hashlib.sha256(content).hexdigest()
            yield (
                path.relative_to(folder).as_posix(),
                {"bytes": len(content), "sha256": sha},
            )
