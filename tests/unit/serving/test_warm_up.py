# SPDX-License-Identifier: Apache-2.0
"""The requests that TensorFlow Serving replays."""

import pytest
import tensorflow as tf

from glf_tf import export
from glf_tf.serving import warm_up
from tests import descriptors


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("warm") / "glf" / "1"
    export.export(descriptors.model("vae"), path)
    return path


def records(folder):
    data = tf.data.TFRecordDataset(str(folder / warm_up.FILE))
    return [record.numpy() for record in data]


def replayed(folder, requests):
    """The outputs of requests, `{signature: inputs}`, by a loaded SavedModel."""
    served = tf.saved_model.load(str(folder))
    found = {}
    for name, inputs in requests.items():
        given = {key: tf.constant(tf.make_ndarray(inputs[key])) for key in inputs}
        found[name] = served.signatures[name](**given)
    return found


def test_each_signature_is_called_once_with_one_example(folder):
    requests = {}
    for record in records(folder):
        request = warm_up.PredictionLog.FromString(record).predict_log.request
        inputs = {item.key: item.value for item in request.inputs}
        assert request.model_spec.signature_name not in requests
        requests[request.model_spec.signature_name] = inputs
    served = tf.saved_model.load(str(folder)).signatures
    assert set(requests) == set(served)
    for name, outputs in replayed(folder, requests).items():
        for key, output in outputs.items():
            assert output.shape[0] == 1
            # Ones are valid inputs: no guard of a signature answers with NaN.
            assert not tf.reduce_any(tf.math.is_nan(output)), (name, key)


def test_tensorflow_serving_reads_the_same(folder):
    logs = pytest.importorskip(
        "tensorflow_serving.apis.prediction_log_pb2",
        reason="tensorflow-serving-api is not installed",
    )
    requests = {}
    for record in records(folder):
        log = logs.PredictionLog.FromString(record)
        assert log.WhichOneof("log_type") == "predict_log"
        request = log.predict_log.request
        requests[request.model_spec.signature_name] = dict(request.inputs)
        # No field is one that TensorFlow Serving does not know.
        assert log.SerializeToString(deterministic=True) == record
    assert set(requests) == set(tf.saved_model.load(str(folder)).signatures)
    replayed(folder, requests)
