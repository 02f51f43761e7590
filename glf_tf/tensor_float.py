# SPDX-License-Identifier: Apache-2.0
"""Products of float32 with all of their digits, on GPUs that would rather drop half."""

__all__ = ["full_float32"]

import contextlib
from collections.abc import Iterator

import tensorflow as tf


@contextlib.contextmanager
def full_float32() -> Iterator[None]:
    """Turns TensorFloat-32 off within a `with` block, and back to what it was after.

    On recent GPUs TensorFlow multiplies float32 with 10 bits of fraction by default.
    Training does not mind; the difference of two long squared lengths does.
    """
    config = tf.config.experimental
    was_enabled = config.tensor_float_32_execution_enabled()
    config.enable_tensor_float_32_execution(False)
    try:
        yield
    finally:
        config.enable_tensor_float_32_execution(was_enabled)
