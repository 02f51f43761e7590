# SPDX-License-Identifier: Apache-2.0
"""ONNX: a file for each signature, by tf2onnx, which is an optional dependency.

Inputs have the names of the signature's, outputs `output_NAME`, as no
two tensors of ONNX may have the same name.
"""

__all__ = ["FOLDER", "check_installed", "write"]

import importlib.util
import logging
import pathlib
from collections.abc import Callable, Mapping

import tensorflow as tf

from glf_tf import errors, files

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


def write(folder: pathlib.Path, signatures: Mapping[str, Callable]) -> dict[str, dict]:
    """Writes `onnx/SIGNATURE.onnx` into a folder.

    Args:
        folder: The folder.
        signatures: The functions, traced.

    Returns:
        written: As `formats.convert` of one format.
    """
    files.make_folder(folder / FOLDER)
    written, missing = {}, {}
    for name, function in signatures.items():
        content, why = _file(function)
        if why:
            missing[name] = why
            continue
        written[name] = f"{FOLDER}/{name}.onnx"
        files.write(folder / written[name], content)
    return {"files": written, "missing": missing}


def _file(function: Callable) -> tuple[bytes, str]:
    """Returns the file of a signature; or b"", and why there is none."""
    import onnx
    import tf2onnx

    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
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
    )
    try:
        onnx.checker.check_model(made)
    except onnx.checker.ValidationError as error:
        return b"", f"tf2onnx cannot convert it: {error}".partition("\n")[0]
    return made.SerializeToString(), ""
