# SPDX-License-Identifier: Apache-2.0
"""Tests of glf_tf.tensor_float: off within, as before after."""

import numpy as np
import pytest
import tensorflow as tf

from glf_tf import tensor_float
from glf_tf.metrics.extractors import features

enabled = tf.config.experimental.tensor_float_32_execution_enabled


@pytest.mark.parametrize("before", [True, False])
def test_setting_is_off_within_and_restored_after_an_error(before):
    tf.config.experimental.enable_tensor_float_32_execution(before)

    def fail_within():
        with tensor_float.full_float32():
            assert not enabled()
            raise KeyError

    try:
        with pytest.raises(KeyError):
            fail_within()
        assert enabled() is before
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(True)


def test_extractors_run_with_all_digits():
    seen = []

    def function(images):
        seen.append(enabled())
        return images[:, 0, 0]

    extractor = features.FunctionExtractor(function, name="first", dim=1)
    extractor(np.zeros([2, 3, 3, 1]))
    assert seen == [False]
    assert enabled()
