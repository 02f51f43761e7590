# SPDX-License-Identifier: Apache-2.0
"""Objects and sizes have traces of their own, of which TensorFlow does not warn."""

import gc
import weakref

import pytest
import tensorflow as tf

from glf_tf import tracing


class Scaled:
    """Counts how often its method is traced."""

    def __init__(self, factor):
        self.factor, self.traced = factor, 0

    @tracing.method
    def times(self, x, *, plus=0.0):
        """Returns `factor x + plus`."""
        self.traced += 1
        return self.factor * x + plus


@pytest.fixture
def warned(monkeypatch):
    """The warnings of TensorFlow's."""
    found = []
    monkeypatch.setattr(
        tf.get_logger(),
        "warning",
        lambda text, *args: found.append(str(text) % args if args else str(text)),
    )
    return found


def test_a_method_is_traced_for_each_object(warned):
    objects = [Scaled(float(factor)) for factor in range(12)]
    for each in objects:
        for size in (2, 3, 4, 5):
            x = tf.ones([size])
            assert (
                each.times(x, plus=1.0).numpy().tolist() == [each.factor + 1.0] * size
            )
        assert each.traced == 2  # the size is left open from the second one on
    assert warned == []
    assert Scaled.times.__doc__ == "Returns `factor x + plus`."


def test_tensorflow_warns_otherwise(warned):
    @tf.function
    def plain(x):
        return x

    for size in range(12):
        plain(tf.ones([size]))
    assert any("retracing" in text for text in warned)


def test_an_object_without_traces_is_collected():
    made = Scaled(2.0)
    gone = weakref.ref(made)
    assert made.times is made.times
    del made
    gc.collect()
    assert gone() is None


def test_a_function_is_traced_for_each_size_and_constant(warned):
    traced = []

    @tracing.by_size
    def total(parts, *, power=1):
        """Returns a sum of powers."""
        traced.append((parts[0].shape[0], parts[1].dtype, power))
        return tf.reduce_sum(parts[0] ** power) + tf.cast(parts[1], tf.float32)

    for _ in range(2):
        for size in range(1, 13):
            assert total((2.0 * tf.ones([size]), tf.constant(1))) == 2.0 * size + 1.0
        assert total((2.0 * tf.ones([3]), tf.constant(1)), power=2) == 13.0
        assert total((2.0 * tf.ones([3]), tf.constant(1.0)), power=2) == 13.0
    assert len(traced) == len(set(traced)) == 14
    assert warned == []
    assert total.__doc__ == "Returns a sum of powers."
