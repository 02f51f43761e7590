# SPDX-License-Identifier: Apache-2.0
"""LiteRT: all signatures in one file, with its built-in operations alone."""

__all__ = ["FILE", "write"]

import pathlib
import re
from collections.abc import Sequence

import tensorflow as tf
from tensorflow.core.framework import function_pb2, node_def_pb2
from tensorflow.core.protobuf import saved_model_pb2

from glf_tf import files, folders
from glf_tf.serving import saved_model

FILE = "model.tflite"

_LACKS = re.compile(r"^(?:TF Select|Custom) ops: (.+)$", re.MULTILINE)
"""The line of the converter's message that names operations."""


def write(folder: pathlib.Path, names: Sequence[str]) -> dict[str, dict]:
    """Writes `model.tflite` into the folder of a SavedModel.

    Args:
        folder: The folder.
        names: The signatures that it is to have.

    Returns:
        written: As `formats.convert` of one format.
    """
    with folders.copied(folder) as aside:
        _without_arctangents(aside / saved_model.FILE)
        content, missing = _converted(aside, names)
    if content:
        files.write(folder / FILE, content)
    made = [name for name in names if name not in missing]
    return {"files": dict.fromkeys(made, FILE), "missing": missing}


def _converted(
    folder: pathlib.Path, names: Sequence[str]
) -> tuple[bytes, dict[str, str]]:
    """Returns a file of those signatures that can be converted, and why not the others.

    Each is tried for itself only if they fail together.
    """
    content, why = _file(folder, names)
    if content:
        return content, {}
    alone = {name: _file(folder, [name])[1] for name in names}
    missing = {name: why for name, why in alone.items() if why}
    rest = [name for name in names if name not in missing]
    return (_file(folder, rest)[0] if rest else b""), missing


def _file(folder: pathlib.Path, names: Sequence[str]) -> tuple[bytes, str]:
    """Returns a file of signatures; or b"", and why there is none."""
    converter = tf.lite.TFLiteConverter.from_saved_model(
        str(folder), signature_keys=list(names)
    )
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    try:
        return converter.convert(), ""
    # The converter raises an exception of a class that is not public.
    except Exception as error:
        lacking = ", ".join(_LACKS.findall(str(error)))
        if not lacking:
            raise
        return b"", f"LiteRT has no {lacking}"


def _without_arctangents(path: pathlib.Path) -> None:
    """Replaces `atan(x)`, which LiteRT lacks, by `atan2(x, 1)`, which it has."""
    found = saved_model_pb2.SavedModel()
    found.ParseFromString(path.read_bytes())
    graph = found.meta_graphs[0].graph_def
    for function in graph.library.function:
        _replace_arctangents(function)
    files.write(path, found.SerializeToString())


def _replace_arctangents(function: function_pb2.FunctionDef) -> None:
    found = [node for node in function.node_def if node.op == "Atan"]
    # An output is named for its operation: `atan` calls it y, `atan2` z.
    renamed = {f"{node.name}:y:0": f"{node.name}:z:0" for node in found}
    function.node_def.extend([_divided(node) for node in found])
    for node in function.node_def:
        node.input[:] = [renamed.get(name, name) for name in node.input]
    for key, name in function.ret.items():
        function.ret[key] = renamed.get(name, name)


def _divided(node: node_def_pb2.NodeDef) -> node_def_pb2.NodeDef:
    """Makes a node of a function "Atan2", and returns that of its second argument."""
    ones = node_def_pb2.NodeDef(name=f"{node.name}/ones", op="OnesLike")
    ones.input.append(node.input[0])
    ones.attr["T"].CopyFrom(node.attr["T"])
    node.op = "Atan2"
    node.input.insert(1, f"{ones.name}:y:0")
    return ones
