# SPDX-License-Identifier: Apache-2.0
"""The softplus and its gradients, and what a runtime without TensorFlow makes of it."""

import numpy as np
import pytest
import tensorflow as tf

from glf_tf.bijectors import softplus

X = np.array([-1e4, -200, -3.5, -1e-3, 0, 1e-3, 3.5, 88, 89, 200, 1e4], np.float32)
EXACT = np.logaddexp(0.0, X.astype(float))


def test_values_and_gradients_are_tensorflows():
    for function in (softplus.softplus, tf.nn.softplus):
        x = tf.constant(X)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = function(x)
        found = y.numpy(), tape.gradient(y, x).numpy()
        expected = EXACT, np.exp(-np.logaddexp(0.0, -X.astype(float)))
        for value, exact in zip(found, expected, strict=True):
            np.testing.assert_allclose(value, exact, rtol=1e-5, atol=1e-7)


def test_litert_takes_none_to_infinity():
    interpreter = pytest.importorskip("ai_edge_litert.interpreter")
    function = tf.function(lambda x: {"y": softplus.softplus(x)}, autograph=False)
    traced = function.get_concrete_function(tf.TensorSpec(X.shape, tf.float32))
    content = tf.lite.TFLiteConverter.from_concrete_functions([traced]).convert()
    litert = interpreter.Interpreter(model_content=content)
    litert.allocate_tensors()
    litert.set_tensor(litert.get_input_details()[0]["index"], X)
    litert.invoke()
    found = litert.get_tensor(litert.get_output_details()[0]["index"])
    np.testing.assert_allclose(found, EXACT, rtol=1e-5, atol=1e-7)
