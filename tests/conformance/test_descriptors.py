# SPDX-License-Identifier: Apache-2.0
"""A part of any kind is under the laws of its kind: it has a descriptor."""

import pytest

from glf_tf import catalogue
from tests import descriptors
from tests.conformance import test_datasets, test_vector_sets

DESCRIBED = {
    "dataset": [*test_datasets.CASES, *test_vector_sets.CASES],
    "model": ["density", *descriptors.MODELS.values()],
    "network": [network.spec for network in descriptors.NETWORKS.values()],
    "flow": list(descriptors.FLOW_STEPS),
    "prior": [*descriptors.PRIORS.values(), *descriptors.LABELLED_PRIORS.values()],
    "inference": list(descriptors.SAMPLERS.values()),
    "reconstruction": list(descriptors.RECONSTRUCTIONS.values()),
    # One of a file, which tests/unit/masks draws.
    "mask": ["picture", *descriptors.MASKS.values()],
    "sharpening": [
        spec["sharpen"] for spec in descriptors.MODELS.values() if "sharpen" in spec
    ],
}


def test_every_kind_has_descriptors():
    assert set(DESCRIBED) == set(catalogue.KINDS)


@pytest.mark.parametrize("kind", sorted(DESCRIBED))
def test_every_part_has_a_descriptor(kind):
    described = {catalogue.name_of(spec) for spec in DESCRIBED[kind]}
    assert set(catalogue.names(kind)) <= described
