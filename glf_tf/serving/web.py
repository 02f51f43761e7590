# SPDX-License-Identifier: Apache-2.0
"""A page that draws in the visitor's browser; any file server can host it.

    web/index.html       the page, with explorer.css and its modules, *.mjs
    web/metadata.json    what the model can do, which the page reads
    web/onnx/            the signatures that the page calls
    web/ort/             onnxruntime-web, where it was found

The page is the same for all models. `web/` needs nothing around it.
"""

__all__ = ["FOLDER", "USED", "check", "describe", "write"]

import json
import pathlib
from collections.abc import Mapping
from typing import Any

from glf_tf import errors, files
from glf_tf.serving import onnx, onnxruntime_web

FOLDER = "web"

USED = (
    *("decode_noise", "decode_noise_of_labels"),
    *("encode", "reconstruct", "log_prob", "interpolate"),
)
"""The signatures that the page calls."""

_PAGE = pathlib.Path(__file__).with_name("explorer")
_RUNTIME = "ort"


def check(model: Any) -> None:
    """Checks that a model can have a page.

    Raises:
        Unsupported: Its examples are not images.
    """
    if model.example_kind.noun != "images":
        raise errors.Unsupported(
            "The page of format web shows images",
            received=f"{type(model).__name__}, a model of {model.example_kind.noun}",
            do="Leave out web; the formats saved_model, litert and onnx are for all",
        )


def write(folder: pathlib.Path, converted: onnx.Converted) -> dict[str, Any]:
    """Writes `web/` into an exported folder, but for its `metadata.json`.

    Args:
        folder: The exported folder.
        converted: ONNX files, those of `USED` among them.

    Returns:
        written: As `formats.convert` of one format; and "runtime", what the page loads.

    Raises:
        NotFound: onnxruntime-web was found, and lacks a file.
    """
    package = onnxruntime_web.find(pathlib.Path.cwd())
    page = folder / FOLDER
    files.make_folder(page)
    for source in sorted(_PAGE.iterdir()):
        files.write(page / source.name, source.read_bytes())
    if package:
        files.make_folder(page / _RUNTIME)
        for source in package.files.values():
            files.write(page / _RUNTIME / source.name, source.read_bytes())
    written = onnx.write(page, converted.only(USED))
    names = {name: f"{FOLDER}/{path}" for name, path in written["files"].items()}
    runtime = onnxruntime_web.loaded(package, folder=_RUNTIME)
    return {"files": names, "missing": written["missing"], "runtime": runtime}


def describe(folder: pathlib.Path, found: Mapping) -> None:
    """Writes `web/metadata.json`, whose paths are those from the page.

    Args:
        folder: The exported folder.
        found: The content of `metadata.json` of the whole folder.
    """
    told = found["formats"][FOLDER]
    names = told["files"].items()
    paths = {name: path.removeprefix(f"{FOLDER}/") for name, path in names}
    rest = {key: found[key] for key in found if key not in ("formats", "files")}
    content = json.dumps({**rest, "web": {**told, "files": paths}}, indent=2)
    files.write(folder / FOLDER / "metadata.json", content + "\n")
