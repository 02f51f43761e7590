# SPDX-License-Identifier: Apache-2.0
"""Seeds: every form means the same, and folding gives other numbers."""

import numpy as np
import pytest
import tensorflow as tf

from glf_tf import errors, seeds
from glf_tf.data import paths
from glf_tf.datasets import without
from glf_tf.flows import glow, glow_vector, real_nvp
from glf_tf.priors import mixture


def test_an_int_stands_for_a_pair():
    np.testing.assert_array_equal(seeds.make(3), [3, 0])
    np.testing.assert_array_equal(seeds.make((3, 1)), [3, 1])
    np.testing.assert_array_equal(seeds.make(tf.constant(3)), [3, 0])


def test_folding_and_splitting_give_distinct_seeds():
    found = [seeds.fold(0, i) for i in range(20)] + seeds.split(0, 20)
    assert len({tuple(np.array(seed)) for seed in found}) == 40


def test_folding_twice_differs_from_folding_the_other_way():
    one, other = seeds.fold(0, 1, 2), seeds.fold(0, 2, 1)
    assert np.any(one != other)


def test_other_shapes_are_refused():
    with pytest.raises(errors.InvalidValue, match="pair"):
        seeds.make((1, 2, 3))


@pytest.mark.parametrize("seed", [2**31, 2**40, -(2**31) - 1, (0, 2**31), 2**70])
def test_what_does_not_fit_is_refused_and_is_no_other_seed(seed):
    for form in (lambda seed: seed, np.asarray):
        with pytest.raises(errors.InvalidValue, match="32 bits"):
            seeds.make(form(seed))
    if isinstance(seed, int) and abs(seed) < 2**63:
        with pytest.raises(errors.InvalidValue, match="32 bits"):
            seeds.make(tf.constant(seed, tf.int64))


@pytest.mark.parametrize("seed", [2**31 - 1, -(2**31), -1])
def test_every_int32_is_a_seed(seed):
    for form in (int, np.int64, np.int32, tf.constant):
        np.testing.assert_array_equal(seeds.make(form(seed)), [seed, 0])


@pytest.mark.parametrize("seed", [0.5, 1.0, True, "3", None, np.float32(2)])
def test_what_is_no_whole_number_is_refused(seed):
    with pytest.raises(errors.InvalidType, match="pair of ints"):
        seeds.make(seed)


@pytest.mark.parametrize(
    "make",
    [
        lambda seed: glow.Glow((4, 4, 1), rotation_seed=seed),
        lambda seed: glow_vector.GlowVector(4, rotation_seed=seed),
        lambda seed: real_nvp.RealNVP(4, permutation_seed=seed),
        lambda seed: mixture.MixturePrior(4, seed=seed),
        lambda seed: without.Without(paths.DataPaths(), seed=seed),
    ],
)
@pytest.mark.parametrize("seed", [-1, 2**31, 2**32])
def test_seeds_of_numpy_are_not_negative_and_in_32_bits(make, seed):
    with pytest.raises(errors.InvalidValue, match=rf"seed={seed}\."):
        make(seed)
