# SPDX-License-Identifier: Apache-2.0
"""Modes that are covered, and the divergence of their shares."""

import math

import numpy as np
import pytest

from glf_tf import errors
from glf_tf.metrics import modes

UNIFORM = np.full(4, 0.25)


def test_modes_and_divergence_by_hand():
    found = modes.count(np.array([0, 0, 0, 2]), shares=UNIFORM)
    assert (found.covered, found.total) == (2, 4)
    expected = 0.75 * math.log(3) + 0.25 * math.log(1)
    assert found.kl == pytest.approx(expected)
    # log(modes) less the entropy of the samples.
    entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert found.kl == pytest.approx(math.log(4) - entropy)


def test_one_mode_alone_is_as_far_as_can_be():
    found = modes.count(np.full(9, 3), shares=np.full(1000, 1e-3))
    assert found.covered == 1
    assert found.kl == pytest.approx(math.log(1000))


def test_shares_are_those_of_the_data_and_not_equal_ones():
    shares = np.array([0.5, 0.25, 0.25])
    assert modes.count(np.array([0, 0, 1, 2]), shares=shares).kl == pytest.approx(0)
    assert modes.count(np.array([0, 1, 2]), shares=shares).kl > 0.05


def test_divergence_is_that_of_samples_from_the_data():
    """A mode that samples lack costs no more than its share; one too many does."""
    rare = np.array([0.98, 0.02])
    lost = modes.count(np.array([0]), shares=rare).kl
    assert lost == pytest.approx(-math.log(0.98))
    assert modes.count(np.array([1]), shares=rare).kl == pytest.approx(-math.log(0.02))


def test_chance_is_what_samples_of_the_data_have():
    random = np.random.default_rng(0)
    drawn = [
        modes.count(random.integers(0, 50, 1000), shares=np.full(50, 0.02))
        for _ in range(40)
    ]
    mean = np.mean([found.kl for found in drawn])
    assert drawn[0].kl_by_chance == pytest.approx(49 / 2000)
    assert mean == pytest.approx(49 / 2000, rel=0.1)  # of 40 draws: 3 % deviation


@pytest.mark.parametrize("shares", [[0.5, 0.0, 0.5], [0.5, 0.2], []])
def test_each_mode_has_a_share(shares):
    with pytest.raises(errors.InvalidValue, match="positive and sum to 1"):
        modes.count(np.array([0, 1]), shares=np.array(shares))


@pytest.mark.parametrize("found", [[], [0, 4], [-1, 2]])
def test_samples_are_of_modes(found):
    with pytest.raises(errors.InvalidValue, match="modes 0 to 3"):
        modes.count(np.array(found, int), shares=UNIFORM)
