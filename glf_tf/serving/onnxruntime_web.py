# SPDX-License-Identifier: Apache-2.0
"""onnxruntime-web, which runs ONNX files in a browser: a copy of it, or where it is.

    npm install onnxruntime-web@1.30.0

puts it into `node_modules/`, from where its two files are copied. Without that a page
loads the same files from a content delivery network, and refuses others by their
SHA-256.
"""

__all__ = ["CDN", "NAME", "VERSION", "Package", "find", "loaded"]

import base64
import hashlib
import json
import pathlib
from typing import NamedTuple

from glf_tf import errors

NAME, VERSION = "onnxruntime-web", "1.30.0"
CDN = f"https://cdn.jsdelivr.net/npm/{NAME}@{VERSION}/dist"

_FILES = {
    "module": "ort.wasm.bundle.min.mjs",
    "binary": "ort-wasm-simd-threaded.wasm",
}
"""The build for processors alone: the module, and the WebAssembly that it runs."""

_DIGESTS = {
    "module": "EeZL2P/hG9GiovDWJ1/fu7pyYvC3a5m1PSKKiiLvPZA=",
    "binary": "M5jBDQfSKb2Rs2RUjhMODlGo5XBLiMfAg+u+t4hC3uI=",
}
"""SHA-256 of the files of that version, as npm has them."""


class Package(NamedTuple):
    """A package that npm installed.

    Attributes:
        version: Its version.
        files: Its files, by what they are: "module" and "binary".
    """

    version: str
    files: dict[str, pathlib.Path]


def find(start: pathlib.Path) -> Package | None:
    """Returns the package that Node would find from a folder, or None.

    Args:
        start: The folder; its parents are searched as well.

    Raises:
        NotFound: It lacks a file, as old versions do.
    """
    for folder in (start, *start.parents):
        found = folder / "node_modules" / NAME
        if (found / "package.json").is_file():
            return _package(found)
    return None


def _package(folder: pathlib.Path) -> Package:
    try:
        version = str(json.loads((folder / "package.json").read_bytes())["version"])
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        raise errors.Damaged(
            f"{NAME} has a package.json with its version",
            received=f"{folder / 'package.json'} ({type(error).__name__})",
            do=f"Run `npm install {NAME}@{VERSION}`, or remove that folder",
        ) from error
    files = {key: folder / "dist" / name for key, name in _FILES.items()}
    for path in files.values():
        if not path.is_file():
            raise errors.NotFound(
                f"A page is given dist/{path.name} of {NAME}",
                received=f"version {version} in {folder}, which has none",
                do=f"Run `npm install {NAME}@{VERSION}`, or remove that folder",
            )
    return Package(version, files)


def loaded(package: Package | None, *, folder: str) -> dict:
    """Returns what a page is to load, by its `metadata.json`.

    Args:
        package: What is copied; None for the delivery network.
        folder: Where the copies lie, relative to the page.

    Returns:
        loaded: "version"; "module" and "binary", each with "url" and "integrity", the
            digest that a browser compares.
    """
    if package is None:
        urls = {key: f"{CDN}/{name}" for key, name in _FILES.items()}
        version, digests = VERSION, _DIGESTS
    else:
        urls = {key: f"{folder}/{path.name}" for key, path in package.files.items()}
        version = package.version
        digests = {key: _digest(path) for key, path in package.files.items()}
    return {"version": version} | {
        key: {"url": urls[key], "integrity": f"sha256-{digests[key]}"} for key in _FILES
    }


def _digest(path: pathlib.Path) -> str:
    return base64.b64encode(hashlib.sha256(path.read_bytes()).digest()).decode()
