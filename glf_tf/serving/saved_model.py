# SPDX-License-Identifier: Apache-2.0
"""A SavedModel whose tensors have names that a client in C can rely on.

TensorFlow names an input `SIGNATURE_INPUT:0`, and an output after a call that it
numbers, such as `StatefulPartitionedCall_5:0`, which another signature changes. Here
the call has the name of its signature: outputs are `SIGNATURE:0`, `SIGNATURE:1`, in
the order of their names.
"""

__all__ = ["read", "write"]

import errno
import pathlib
from collections.abc import Callable, Mapping

import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2
from tensorflow.python.saved_model import fingerprinting_utils

from glf_tf import errors, files

FILE = "saved_model.pb"


def write(
    module: tf.Module, aside: pathlib.Path, *, signatures: Mapping[str, Callable]
) -> None:
    """Writes a SavedModel.

    Args:
        module: What owns the variables of the signatures.
        aside: An empty folder.
        signatures: The functions, traced.

    Raises:
        OSError: It cannot be written.
    """
    try:
        tf.saved_model.save(module, str(aside), signatures=dict(signatures))
        _name_outputs(aside, names=signatures)
        fingerprinting_utils.write_fingerprint(str(aside))  # of the new graph
    except tf.errors.OpError as error:  # such as a full disk
        raise OSError(errno.EIO, error.message) from error


def read(folder: pathlib.Path) -> meta_graph_pb2.MetaGraphDef:
    """Returns the graph of a SavedModel, with its signatures.

    Raises:
        NotFound: There is none.
    """
    path = folder / FILE
    if not path.is_file():
        raise errors.NotFound(
            "A SavedModel is a folder with saved_model.pb",
            received=f"{folder}, which has none",
            do="Pass a folder that tools/export.py made",
        )
    return _parsed(path).meta_graphs[0]


def _parsed(path: pathlib.Path) -> saved_model_pb2.SavedModel:
    found = saved_model_pb2.SavedModel()
    found.ParseFromString(path.read_bytes())
    return found


def _name_outputs(folder: pathlib.Path, *, names: Mapping[str, Callable]) -> None:
    """Gives each signature's call the signature's name."""
    found = _parsed(folder / FILE)
    graph = found.meta_graphs[0]
    nodes = {node.name: node for node in graph.graph_def.node}
    for name in names:
        for output in graph.signature_def[name].outputs.values():
            call, _, index = output.name.partition(":")
            if call in nodes:
                nodes.pop(call).name = name
            output.name = f"{name}:{index}"
    files.write(folder / FILE, found.SerializeToString(deterministic=True))
