# SPDX-License-Identifier: Apache-2.0
"""RealNVP: where its permutations are, and which."""

import numpy as np
import pytest

from glf_tf.flows import real_nvp

BLOCKS = ["first", "second", 0, "first", "second", 1]
COUPLINGS = ["first", 0, "second", 1, "first", 2, "second", 3]
ONE_SIDED = ["second", 0, "second"]
AFTER_ALL = ["second", 0, "second", 1]


@pytest.mark.parametrize(
    ("sides", "permute", "expected"),
    [
        ("two_sided", "blocks", BLOCKS),
        ("two_sided", "couplings", COUPLINGS),
        ("one_sided", "blocks", ONE_SIDED),
        ("one_sided", "couplings", AFTER_ALL),
    ],
)
def test_permutations_follow_blocks_or_couplings(sides, permute, expected):
    flow = real_nvp.RealNVP(
        6, blocks=2, hidden=4, sides=sides, permute=permute, permutation_seed=5
    )
    steps = flow.make_steps()
    assert len({step.name for step in steps}) == len(steps)
    for step, wanted in zip(steps, expected, strict=True):
        if isinstance(wanted, str):
            assert step.transforms == wanted
            continue
        order = np.random.RandomState(5 + wanted).permutation(6)
        x = np.arange(6.0, dtype=np.float32)[None]
        found = step.bijector().inverse(x)[0]
        assert found.numpy().tolist() in (order.tolist(), np.argsort(order).tolist())
