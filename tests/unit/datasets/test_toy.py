# SPDX-License-Identifier: Apache-2.0
"""Toys: splits that are independent, and options that are refused."""

import numpy as np
import pytest

from glf_tf import errors
from glf_tf.data import paths as paths_lib
from glf_tf.datasets import toy


def made(**options):
    return toy.Toy(paths_lib.DataPaths(), **options)


@pytest.mark.parametrize("kind", toy.KINDS)
def test_sets_have_the_name_of_their_kind(kind):
    found = made(kind=kind, size=7).load("train")
    assert (found.name, found.vectors.shape) == (kind, (7, 2))


def test_held_out_points_do_not_depend_on_the_size():
    few, many = (made(size=size).load("test") for size in (5, 50))
    assert len(few) == 10_000
    np.testing.assert_array_equal(few.vectors, many.vectors)


def test_seed_changes_all_splits():
    for split in ("train", "validation", "test"):
        first, other = (made(seed=seed).load(split).vectors for seed in (0, 1))
        assert not np.intersect1d(first, other).size > len(first) / 100


def test_the_report_tells_what_no_density_is_below():
    (line,) = made(kind="checkerboard").report()
    assert f"{np.log(32.0):.3f} nats" in line


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"kind": "two_moon"}, "Did you mean two_moons"),
        ({"size": 0}, "`size` must be at least 1"),
        ({"seed": -1}, "seed=-1"),
    ],
)
def test_options_are_checked(options, told):
    with pytest.raises(errors.InvalidValue, match=told):
        made(**options)
