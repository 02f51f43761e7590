# SPDX-License-Identifier: Apache-2.0
"""Requests that TensorFlow Serving replays when it loads a model.

The first call of a signature is slow; a server that has made it before it answers is
not. The file has `PredictionLog` messages of TensorFlow Serving. The numbers of their
fields are part of its interface, and declared here: no library is needed.

https://www.tensorflow.org/tfx/serving/saved_model_warmup
"""

__all__ = ["FILE", "PredictionLog", "write"]

import errno
import pathlib
from collections.abc import Mapping
from typing import Any

import tensorflow as tf
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from tensorflow.core.framework import tensor_pb2
from tensorflow.core.protobuf import meta_graph_pb2

from glf_tf import files
from glf_tf.serving import saved_model

FILE = "assets.extra/tf_serving_warmup_requests"

_PACKAGE = "glf_tf.serving"
_TENSOR = ".tensorflow.TensorProto"
_FIELDS = {
    "ModelSpec": (("name", 1, "string"), ("signature_name", 3, "string")),
    "Input": (("key", 1, "string"), ("value", 2, _TENSOR)),
    # A map is a repeated message of keys and values.
    "PredictRequest": (("model_spec", 1, "ModelSpec"), ("inputs", 2, "repeated Input")),
    "PredictLog": (("request", 1, "PredictRequest"),),
    "PredictionLog": (("predict_log", 6, "PredictLog"),),
}
"""The fields that are used, of model.proto, predict.proto and prediction_log.proto."""


def _messages() -> dict[str, type]:
    """Returns the classes of the messages above."""
    file = descriptor_pb2.FileDescriptorProto(
        name="glf_tf/serving/warm_up.proto", package=_PACKAGE, syntax="proto3"
    )
    file.dependency.append(tensor_pb2.DESCRIPTOR.name)
    kinds = descriptor_pb2.FieldDescriptorProto
    for name, fields in _FIELDS.items():
        message = file.message_type.add(name=name)
        for key, number, kind in fields:
            *repeated, kind = kind.split()
            field = message.field.add(name=key, number=number)
            field.label = kinds.LABEL_REPEATED if repeated else kinds.LABEL_OPTIONAL
            field.type = kinds.TYPE_STRING if kind == "string" else kinds.TYPE_MESSAGE
            if kind != "string":
                own = f".{_PACKAGE}.{kind}"
                field.type_name = kind if kind.startswith(".") else own
    pool = descriptor_pool.Default()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(
            pool.FindMessageTypeByName(f"{_PACKAGE}.{name}")
        )
        for name in _FIELDS
    }


PredictionLog = _messages()["PredictionLog"]
"""A request with its answer, of which the request alone is here."""


def write(folder: pathlib.Path) -> None:
    """Writes a request of one example for each signature into a SavedModel's folder.

    Raises:
        OSError: It cannot be written.
    """
    path = folder / FILE
    files.make_folder(path.parent)
    signatures = saved_model.read(folder).signature_def
    try:
        with tf.io.TFRecordWriter(str(path)) as writer:
            for name in sorted(signatures):
                if not name.startswith("__"):
                    writer.write(_request(name, signatures[name].inputs))
    except tf.errors.OpError as error:  # such as a full disk
        raise OSError(errno.EIO, error.message) from error


def _request(name: str, inputs: Mapping[str, meta_graph_pb2.TensorInfo]) -> bytes:
    """Returns a request for a signature, as a file has it."""
    log = PredictionLog()
    request = log.predict_log.request
    request.model_spec.signature_name = name
    for key, info in sorted(inputs.items()):
        request.inputs.add(key=key, value=_one(info))
    return log.SerializeToString(deterministic=True)


def _one(info: meta_graph_pb2.TensorInfo) -> Any:
    """Returns ones of an input's shape, with one example in a batch.

    One value stands for all: the rest of a tensor repeats the last that is given.
    """
    found = tensor_pb2.TensorProto(dtype=info.dtype)
    for dim in info.tensor_shape.dim:
        found.tensor_shape.dim.add(size=1 if dim.size < 0 else dim.size)
    values = found.int_val if tf.as_dtype(info.dtype).is_integer else found.float_val
    values.append(1)
    return found
