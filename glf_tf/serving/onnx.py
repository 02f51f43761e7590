# SPDX-License-Identifier: Apache-2.0
"""ONNX: a file for each signature, by tf2onnx, which is an optional dependency.

Inputs have the names of the signature's, outputs `output_NAME`, as no
two tensors of ONNX may have the same name.
"""

__all__ = ["FOLDER", "Converted", "check_installed", "convert", "write"]

import importlib.util
import logging
import pathlib
from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

import tensorflow as tf

from glf_tf import errors, files
from glf_tf.serving import onnx_operations

FOLDER = "onnx"

_OPSET = 18
_NEEDED = ("tf2onnx", "onnx")


def check_installed() -> None:
    """Checks that ONNX files can be made.

    Raises:
        Unsupported: A library is not installed.
    """
    absent = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if absent:
        raise errors.Unsupported(
            f"ONNX files are made by {' and '.join(_NEEDED)}",
            received=f"no module {absent[0]}",
            do='pip install "glf_tf[onnx]"',
        )


class Converted(NamedTuple):
    """Signatures in ONNX.

    Attributes:
        files: The files' contents, by signature.
        missing: Signatures that cannot be converted, with the reason.
    """

    files: dict[str, bytes]
    missing: dict[str, str]

    def only(self, names: Collection[str]) -> "Converted":
        """Returns those of some names."""
        both = ({key: part[key] for key in part if key in names} for part in self)
        return Converted(*both)


def convert(signatures: Mapping[str, Callable]) -> Converted:
    """Returns signatures in ONNX.

    Args:
        signatures: The functions, traced.
    """
    made = Converted({}, {})
    for name, function in signatures.items():
        content, why = _file(function)
        if why:
            made.missing[name] = why
        else:
            made.files[name] = content
    return made


def write(folder: pathlib.Path, converted: Converted) -> dict[str, dict]:
    """Writes `onnx/SIGNATURE.onnx` into a folder.

    Returns:
        written: As `formats.convert` of one format.
    """
    files.make_folder(folder / FOLDER)
    written = {}
    for name, content in converted.files.items():
        written[name] = f"{FOLDER}/{name}.onnx"
        files.write(folder / written[name], content)
    return {"files": written, "missing": converted.missing}


def _file(function: Callable) -> tuple[bytes, str]:
    """Returns the file of a signature; or b"", and why there is none."""
    import onnx
    import tf2onnx

    logging.getLogger("tf2onnx").setLevel(logging.CRITICAL)  # the card tells it
    found = tf.nest.flatten(function.structured_input_signature)
    specs = [spec for spec in found if isinstance(spec, tf.TensorSpec)]

    def named(*inputs):
        names = [spec.name for spec in specs]
        found = function(**dict(zip(names, inputs, strict=True)))
        return {f"output_{key}": found[key] for key in found}

    made, _ = tf2onnx.convert.from_function(
        tf.function(named, autograph=False),
        input_signature=specs,
        opset=_OPSET,
        custom_op_handlers=onnx_operations.HANDLERS,
    )
    try:
        onnx.checker.check_model(made)
    except onnx.checker.ValidationError as error:
        return b"", f"tf2onnx cannot convert it: {error}".partition("\n")[0]
    return made.SerializeToString(), ""
