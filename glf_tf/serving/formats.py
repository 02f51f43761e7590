# SPDX-License-Identifier: Apache-2.0
"""Formats beside the SavedModel, for runtimes without TensorFlow.

    saved_model   saved_model.pb, variables/
    litert        model.tflite, all signatures in one file
    onnx          onnx/SIGNATURE.onnx
    web           web/, a page that draws in a browser, with ONNX files of its own

The SavedModel is always there; the others have the signatures of `CONVERTED`.
"""

__all__ = ["CONVERTED", "FORMATS", "convert", "parse"]

import pathlib
from collections.abc import Callable, Mapping, Sequence

from glf_tf import errors
from glf_tf.serving import litert, onnx, web

FORMATS = ("saved_model", "litert", "onnx", "web")

CONVERTED = (
    *("encode", "decode", "reconstruct", "log_prob"),
    *("decode_noise", "decode_noise_of_labels"),
)
"""The signatures that other formats have: those without chains and random numbers."""

_KERAS = {"tf_saved_model": "saved_model"}
"""Keras' names of formats, where ours differ."""


def parse(asked: str | Sequence[str]) -> tuple[str, ...]:
    """Returns the formats that are asked for, each once, after a check.

    Args:
        asked: Names of formats, as a sequence or with commas between them.

    Raises:
        InvalidType: They are no names.
        InvalidValue: One is not known, or the SavedModel is not among them.
        Unsupported: A library that a format needs is not installed.
    """
    if isinstance(asked, str):
        asked = asked.split(",")
    if not isinstance(asked, Sequence):
        raise errors.InvalidType(
            "Formats are names, as a sequence or with commas between them",
            received=f"format={asked!r:.80}",
            do='Use for instance format="saved_model,litert"',
        )
    names = list(asked)
    names = [_KERAS.get(name, name) for name in names]
    unknown = [name for name in names if name not in FORMATS]
    if unknown or "saved_model" not in names:
        raise errors.InvalidValue(
            "Formats are saved_model, and beside it litert, onnx or web",
            received=f"format={asked!r}",
            do='Use for instance format="saved_model,litert,onnx"',
        )
    if {"onnx", "web"} & set(names):
        onnx.check_installed()
    return tuple(name for name in FORMATS if name in names)


def convert(
    folder: pathlib.Path,
    formats: Sequence[str],
    *,
    signatures: Mapping[str, Callable],
) -> dict[str, dict]:
    """Writes other formats beside a SavedModel.

    Args:
        folder: That of the SavedModel.
        formats: As `parse` returns them.
        signatures: The functions in it.

    Returns:
        written: By format, "files", by signature, and "missing", signatures that cannot
            be converted, with the reason.
    """
    names = [name for name in CONVERTED if name in signatures]
    found = {}
    if "litert" in formats:
        found["litert"] = litert.write(folder, names)
    used = {"onnx": CONVERTED, "web": web.USED}
    wanted = {name for key in used if key in formats for name in used[key]}
    chosen = {name: signatures[name] for name in signatures if name in wanted}
    converted = onnx.convert(chosen)
    if "onnx" in formats:
        found["onnx"] = onnx.write(folder, converted.only(CONVERTED))
    if "web" in formats:
        found["web"] = web.write(folder, converted)
    return found
