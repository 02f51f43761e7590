# SPDX-License-Identifier: Apache-2.0
"""Operations that ONNX lacks are computed by others, without loss of digits."""

import numpy as np
import pytest
import tensorflow as tf

from glf_tf.serving import onnx

LARGE = np.geomspace(0.4, 50.0, 40)
SMALL = np.geomspace(1e-9, 0.6, 40)

CASES = {
    "expm1": (tf.math.expm1, [*-LARGE, *-SMALL, 0.0, *SMALL, *LARGE]),
    "log1p": (tf.math.log1p, [-1.0, -0.999, *-SMALL, 0.0, *SMALL, *LARGE, 1e30]),
}


def computed(function, x):
    """What ONNX makes of numbers."""
    pytest.importorskip("tf2onnx", reason="the extra `onnx` is not installed")
    runtime = pytest.importorskip("onnxruntime", reason="it runs ONNX files")
    spec = tf.TensorSpec([None], tf.float32, name="x")
    traced = tf.function(lambda x: {"y": function(x)}, autograph=False)
    made = onnx.convert({"f": traced.get_concrete_function(x=spec)})
    assert made.missing == {}
    return runtime.InferenceSession(made.files["f"]).run(None, {"x": x})[0]


@pytest.mark.parametrize("name", CASES)
def test_small_and_large_numbers_keep_their_digits(name):
    function, x = CASES[name]
    x = np.asarray(x, np.float32)
    np.testing.assert_allclose(computed(function, x), function(x), rtol=2e-6)


def test_erfc_is_that_of_tensorflow():
    x = np.linspace(-6.0, 6.0, 100, dtype=np.float32)
    found = computed(tf.math.erfc, x)
    np.testing.assert_allclose(found, tf.math.erfc(x), atol=5e-7)
