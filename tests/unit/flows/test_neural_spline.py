# SPDX-License-Identifier: Apache-2.0
"""Neural spline flows: their steps, their start, and sizes."""

import numpy as np
import pytest
import tensorflow as tf

from glf_tf import errors, parts
from glf_tf.bijectors import actnorm, linear, permutation, spline_coupling, standardize
from glf_tf.flows import neural_spline

SMALL = {"hidden": 4, "depth": 1, "bins": 3}


def made(dim=3, **options):
    return neural_spline.NeuralSpline(dim, name="flow", **SMALL | options)


def data(count=400):
    drawn = np.random.default_rng(0).normal(size=(count, 3))
    return tf.constant([5.0, 0.0, -3.0] + [2.0, 30.0, 0.1] * drawn, tf.float32)


def test_mixings_are_before_each_coupling_and_after_the_last():
    kinds = [type(step) for step in made(blocks=2).steps]
    block = [actnorm.ActNorm, linear.Linear, spline_coupling.SplineCoupling]
    assert kinds == [*block, *block, linear.Linear]
    plain = made(blocks=2, mixing="permutation", normalization="standardize")
    block = [permutation.Permutation, spline_coupling.SplineCoupling]
    expected = [standardize.Standardize, *block, *block, permutation.Permutation]
    assert [type(step) for step in plain.steps] == expected
    orders = [np.array(step.permutation) for step in plain.steps[1::2]]
    assert len({tuple(order) for order in orders}) > 1


@pytest.mark.parametrize("normalization", ["actnorm", "standardize"])
def test_it_starts_from_data_once(normalization):
    flow = made(blocks=1, normalization=normalization)
    flow.start(data())
    first = flow.steps[0].bijector()
    np.testing.assert_allclose(np.mean(first.inverse(data()), 0), 0.0, atol=1e-4)
    np.testing.assert_allclose(np.std(first.inverse(data()), 0), 1.0, rtol=1e-3)
    eps = flow.bijector().inverse(data())
    np.testing.assert_allclose(flow.start(5.0 + data()), flow(5.0 + data()))
    np.testing.assert_array_equal(flow.bijector().inverse(data()), eps)


def test_it_need_not_start():
    flow, z = made(blocks=1, normalization="none", mixing="permutation"), data()
    order = [step.permutation for step in flow.steps[::2]]
    expected = tf.gather(tf.gather(z, order[0], axis=1), order[1], axis=1)
    np.testing.assert_allclose(flow.start(z), expected, rtol=1e-5)


@pytest.mark.parametrize("dim", [1, 512])
def test_vectors_of_any_size_go_there_and_back(dim):
    flow = made(dim, blocks=2)
    z = tf.random.stateless_normal([4, dim], seed=[0, 0])
    eps = flow.bijector().inverse(z)
    back = flow.bijector().forward(tf.identity(eps))
    np.testing.assert_allclose(back, z, atol=1e-4)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"event_dim": 0}, "event_dim=0"),
        ({"blocks": 0}, "blocks=0"),
        ({"depth": 0}, "depth=0"),
        ({"bins": 1}, "bins=1"),
        ({"bound": 0.0}, "bound=0"),
        ({"dropout": 1.0}, "dropout=1"),
        ({"mixing": "lo"}, "mixing"),
        ({"normalization": "batch"}, "normalization"),
        ({"mixing_seed": -1}, "mixing_seed=-1"),
    ],
)
def test_bad_options_are_refused_in_a_line(options, says):
    with pytest.raises(errors.InvalidValue, match=says) as caught:
        parts.make(
            "flow", {"name": "neural_spline", **SMALL} | _of(options), **_size(options)
        )
    assert "\n" not in str(caught.value)


def _of(options):
    return {key: value for key, value in options.items() if key != "event_dim"}


def _size(options):
    return {"event_dim": options.get("event_dim", 3)}
