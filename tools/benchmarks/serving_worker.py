# SPDX-License-Identifier: Apache-2.0
"""Loads one format of an exported model, calls it, and tells how long that took.

    python serving_worker.py FORMAT FOLDER INPUTS.npz OUTPUTS.npz

INPUTS has the inputs of each signature, called SIGNATURE/INPUT, of so many rows;
OUTPUTS is given what it answers, SIGNATURE/OUTPUT. A line of JSON has seconds:
"import" of the runtime; "load", the median until the first picture is there; "one" and
"all", the median of a call of `decode_noise` with one row and with all.
"""

import importlib
import importlib.metadata
import json
import pathlib
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np

_LOADS = 5
_SECONDS = 2.0  # of calls with as many rows
_DRAW = "decode_noise"


def _saved_model(folder: pathlib.Path) -> Callable:
    import tensorflow as tf

    served = tf.saved_model.load(str(folder))

    def call(name, inputs):
        given = {key: tf.constant(value) for key, value in inputs.items()}
        found = served.signatures[name](**given)
        return {key: value.numpy() for key, value in found.items()}

    return call


def _litert(folder: pathlib.Path) -> Callable:
    from ai_edge_litert import interpreter

    made = interpreter.Interpreter(str(folder / "model.tflite"))
    runners = {}

    def call(name, inputs):
        if name not in runners:
            runners[name] = made.get_signature_runner(name)
        return runners[name](**inputs)

    return call


def _onnx(folder: pathlib.Path) -> Callable:
    import onnxruntime

    sessions = {}

    def call(name, inputs):
        if name not in sessions:
            path = folder / "onnx" / f"{name}.onnx"
            sessions[name] = onnxruntime.InferenceSession(str(path))
        session = sessions[name]
        names = [each.name.removeprefix("output_") for each in session.get_outputs()]
        return dict(zip(names, session.run(None, inputs), strict=True))

    return call


def _tf_serving(folder: pathlib.Path) -> Callable:
    """Returns what a server does with the bytes of a request, but for the network.

    As the server does, it replays the requests for warming up when it loads.
    """
    import tensorflow as tf
    from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

    served = tf.saved_model.load(str(folder))

    def answer(request):
        given = {key: tf.make_ndarray(value) for key, value in request.inputs.items()}
        named = served.signatures[request.model_spec.signature_name]
        found = named(**{key: tf.constant(value) for key, value in given.items()})
        response = predict_pb2.PredictResponse()
        for key, value in found.items():
            response.outputs[key].CopyFrom(tf.make_tensor_proto(value))
        return response.SerializeToString()

    def call(name, inputs):
        request = predict_pb2.PredictRequest()
        request.model_spec.signature_name = name
        for key, value in inputs.items():
            request.inputs[key].CopyFrom(tf.make_tensor_proto(value))
        sent = predict_pb2.PredictRequest.FromString(request.SerializeToString())
        found = predict_pb2.PredictResponse.FromString(answer(sent)).outputs
        return {key: tf.make_ndarray(value) for key, value in found.items()}

    warm_up = str(folder / "assets.extra/tf_serving_warmup_requests")
    for record in tf.data.TFRecordDataset(warm_up):
        log = prediction_log_pb2.PredictionLog.FromString(record.numpy())
        answer(log.predict_log.request)
    return call


FORMATS = {
    "saved_model": ("tensorflow", "tensorflow", _saved_model),
    "litert": ("ai_edge_litert.interpreter", "ai-edge-litert", _litert),
    "onnx": ("onnxruntime", "onnxruntime", _onnx),
    "tf_serving": (
        "tensorflow_serving.apis.predict_pb2",
        "tensorflow-serving-api",
        _tf_serving,
    ),
}
"""Of each format, the runtime, the package that has it, and what loads the format."""


def _seconds(function: Callable) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def _median_call(call: Callable, inputs: dict) -> float:
    call(_DRAW, inputs)  # the first is slower where buffers change their size
    found = []
    end = time.perf_counter() + _SECONDS
    while time.perf_counter() < end:
        found.append(_seconds(lambda: call(_DRAW, inputs)))
    return statistics.median(found)


def _asked(path: str) -> dict[str, dict[str, np.ndarray]]:
    asked = {}
    for key, value in np.load(path).items():
        signature, _, name = key.partition("/")
        asked.setdefault(signature, {})[name] = value
    return asked


def main(kind: str, folder: str, given: str, answers: str) -> None:
    """Measures a format, and writes what it answers."""
    runtime, package, load = FORMATS[kind]
    told = {"import": _seconds(lambda: importlib.import_module(runtime))}
    told["version"] = importlib.metadata.version(package)
    asked, folder = _asked(given), pathlib.Path(folder)
    one = {
        key: value[:1] if value.ndim else value for key, value in asked[_DRAW].items()
    }

    loads = [_seconds(lambda: load(folder)(_DRAW, one)) for _ in range(_LOADS)]
    told["load"] = statistics.median(loads)
    call = load(folder)
    told["one"], told["all"] = _median_call(call, one), _median_call(call, asked[_DRAW])
    found = {name: call(name, inputs) for name, inputs in asked.items()}
    flat = {f"{n}/{key}": value for n in found for key, value in found[n].items()}
    np.savez(answers, **flat)
    print(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
