# SPDX-License-Identifier: Apache-2.0
"""Names in TensorBoard: one place a scalar, and words for every term of every model."""

import pytest

from glf_tf import catalogue
from glf_tf.training import board
from tests import descriptors


@pytest.mark.parametrize("name", descriptors.MODELS)
def test_every_term_has_a_description(name):
    given = descriptors.MODELS[name]
    known = {"num_images": 20} if given["name"] in ("glann", "abp") else {}
    model = catalogue.build("model", given, image_shape=(8, 8, 1), **known)
    terms = {term for stage in model.stages() for term in stage.term_names}
    without = {term for term in terms if not board.description(f"curves/{term}")}
    assert terms
    assert not without


@pytest.mark.parametrize(
    ("scalar", "run", "tag"),
    [
        ("train/nll", "train", "steps/nll"),
        ("epoch/nll", "train", "curves/nll"),
        ("test/nll", "test", "curves/nll"),
        ("validation/nll", "validation", "curves/nll"),
        ("learning_rate/flow", "train", "learning_rate/flow"),
        ("epoch/examples_per_second", "train", "speed/examples_per_second"),
        ("evaluation/fd", "", "evaluation/fd"),
    ],
)
def test_a_term_of_two_splits_is_one_chart(scalar, run, tag):
    assert board.place(scalar) == (run, tag)


def test_others_terms_have_no_description():
    assert board.description("curves/of_another_package") == ""
