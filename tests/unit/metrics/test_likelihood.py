# SPDX-License-Identifier: Apache-2.0
"""Tests of glf_tf.metrics.likelihood, by hand."""

import math

import numpy as np
import pytest

from glf_tf.metrics import likelihood


def test_likelihood_is_in_nats_and_bits():
    result = likelihood.negative_log_likelihood([-1.0, -3.0], dim=4)
    assert result.nats == pytest.approx(2.0)
    assert result.bits_per_dim == pytest.approx(2.0 / 4 / math.log(2))
    assert result.standard_error == pytest.approx(1.0)
    assert result.count == 2


def test_likelihood_refuses_nan():
    with pytest.raises(ValueError, match="finite"):
        likelihood.negative_log_likelihood([0.0, np.nan], dim=1)
