# SPDX-License-Identifier: Apache-2.0
"""Masked networks and autoregressive steps: who depends on whom, and at what cost."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from glf_tf import errors
from glf_tf.bijectors import masked_autoregressive, permutation, rational_quadratic
from glf_tf.bijectors.conditioners import made
from glf_tf.flows import inverse_autoregressive
from glf_tf.flows import masked_autoregressive as flow_lib
from tests import descriptors


def step_of(dim, **options):
    step = masked_autoregressive.MaskedAutoregressive(
        dim, **{"hidden": 8, "dtype": "float64"} | options
    )
    descriptors.perturb(step)
    return step


def drawn(count, dim, seed=0):
    return tf.constant(np.random.default_rng(seed).normal(size=(count, dim)))


def jacobian_of(function, x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = function(x)
    return tape.batch_jacobian(y, x).numpy()


@pytest.mark.parametrize(
    ("fast", "transform", "dim", "hidden"),
    [
        *(("density", "affine", *size) for size in ((1, 3), (2, 1), (6, 24), (9, 3))),
        ("sampling", "affine", 6, 24),
        ("density", "spline", 6, 5),
    ],
)
def test_each_coordinate_depends_on_those_before_it(fast, transform, dim, hidden):
    step = step_of(dim, fast=fast, transform=transform, hidden=hidden)
    x = drawn(40, dim)
    bijector = step.bijector()
    found = jacobian_of(bijector.inverse if fast == "density" else bijector.forward, x)
    assert np.all(np.triu(found, 1) == 0.0)
    assert np.all(np.diagonal(found, axis1=1, axis2=2) > 0.0)
    # The last one on all of them, and each on some, even with few hidden units.
    reached = np.abs(found).max(axis=0) > 0.0
    assert np.all(reached[-1])
    assert np.all(reached[1:, 0])


@pytest.mark.parametrize(
    ("dim", "hidden", "expected"),
    [
        (5, 4, [1, 2, 3, 4]),
        (5, 8, [1, 1, 2, 2, 3, 3, 4, 4]),
        (64, 4, [1, 22, 42, 63]),
        (2, 2, [1, 1]),
        (1, 2, [1, 1]),
        (9, 1, [1]),
    ],
)
def test_degrees_are_spread_over_all_coordinates(dim, hidden, expected):
    assert made.hidden_degrees(dim, hidden) == expected


def test_with_a_condition_degrees_begin_at_zero():
    assert made.hidden_degrees(4, 4, first=0) == [0, 1, 2, 3]
    assert made.hidden_degrees(1, 3, first=0) == [0, 0, 0]


@pytest.mark.parametrize("dim", [1, 5])
def test_all_parameters_depend_on_the_condition(dim):
    step = step_of(dim, condition_dim=2)
    x, condition = drawn(40, dim), drawn(40, 2, seed=1)
    with tf.GradientTape() as tape:
        tape.watch(condition)
        parameters = step.network(step.conditioned(x, condition))
    found = np.abs(tape.batch_jacobian(parameters, condition)).max(axis=0)
    assert found.shape == (dim, 2, 2)
    assert np.all(found > 0.0)


def test_with_a_condition_the_jacobian_stays_triangular():
    step, x = step_of(5, condition_dim=2), drawn(40, 5)
    found = jacobian_of(step.bijector(condition=drawn(40, 2, seed=1)).inverse, x)
    assert np.all(np.triu(found, 1) == 0.0)
    assert np.all(np.abs(found).max(axis=0)[-1] > 0.0)


def _masked(layer, seen_by_inputs, seen_by_outputs):
    """Returns a layer as a function, with each unit's own sum over what it may see."""
    kernel, bias = (np.array(value) for value in (layer.kernel, layer.bias))

    def apply(x):
        outputs = np.zeros([len(x), len(bias)])
        for unit, seen in enumerate(seen_by_outputs):
            allowed = [i for i, count in enumerate(seen_by_inputs) if count <= seen]
            outputs[:, unit] = x[:, allowed] @ kernel[allowed, unit] + bias[unit]
        return outputs

    return apply


@pytest.mark.parametrize("residual", [False, True])
def test_the_network_is_that_of_its_formula(residual):
    network = made.MADE(3, 2, hidden=4, residual=residual, dtype="float64", name="made")
    descriptors.perturb(network)
    x, inner = drawn(5, 3).numpy(), [1, 1, 2, 2]

    def masked(name):
        return _masked(getattr(network, name), inner, inner)

    h = _masked(network.input_layer, [1, 2, 3], inner)(x)
    if residual:
        for block in range(2):
            first, second = masked(f"first_{block}"), masked(f"second_{block}")
            h = h + second(np.maximum(first(np.maximum(h, 0)), 0))
    else:
        h = masked("inner_0")(np.maximum(h, 0))
    outputs = _masked(network.output_layer, inner, [0, 0, 1, 1, 2, 2])
    expected = outputs(np.maximum(h, 0)).reshape(5, 3, 2)
    np.testing.assert_allclose(network(x), expected, atol=1e-12)
    known = network.none_known(tf.constant(x))
    for index in range(3):
        seen = tf.constant(np.where(np.arange(3) < index, x, 0.0))
        of_one, known = network.of_token(seen, tf.constant(index), known)
        np.testing.assert_allclose(of_one, expected[:, index : index + 1], atol=1e-12)


def test_noise_is_affine_in_each_coordinate_given_those_before_it():
    step, x = step_of(4), drawn(3, 4)
    shift, raw = np.moveaxis(step.network(x), -1, 0)
    log_scale = 2.0 * 0.636 * np.arctan(raw)
    eps = step.bijector().inverse(x)
    np.testing.assert_allclose(eps, x * np.exp(log_scale) + shift, atol=1e-12)


def test_noise_is_a_spline_of_each_coordinate_given_those_before_it():
    step, x = step_of(4, transform="spline", bins=3, bound=2.0), drawn(3, 4)
    parameters = step.network(x)
    assert parameters.shape == (3, 4, 8)
    spline = rational_quadratic.spline(parameters, bound=2.0)
    eps, log_slope = spline.forward_and_log_slope(x)
    bijector = step.bijector()
    np.testing.assert_allclose(bijector.inverse(x), eps, atol=1e-12)
    log_det = bijector.inverse_log_det_jacobian(x)
    np.testing.assert_allclose(log_det, np.sum(log_slope, axis=-1), atol=1e-12)


@pytest.mark.parametrize("fast", ["density", "sampling"])
@pytest.mark.parametrize("transform", ["affine", "spline"])
def test_it_starts_as_the_identity(fast, transform):
    step = masked_autoregressive.MaskedAutoregressive(
        6, fast=fast, transform=transform, hidden=4
    )
    x = tf.cast(drawn(3, 6), tf.float32)
    np.testing.assert_allclose(step.bijector().inverse(x), x, atol=1e-6)
    np.testing.assert_allclose(step.bijector().forward(tf.identity(x)), x, atol=1e-6)


def test_data_are_exact_after_a_pass_for_each_coordinate(monkeypatch):
    step, eps, passes = step_of(7), drawn(3, 7), []
    usual = made.MADE.of_token

    def counted(self, x, index, known):
        passes.append(int(index))
        return usual(self, x, index, known)

    monkeypatch.setattr(made.MADE, "of_token", counted)
    bijector = step.bijector()
    x = bijector.forward(eps)
    bijector.forward_log_det_jacobian(eps)
    assert passes == list(range(7))
    np.testing.assert_allclose(step.bijector().inverse(tf.identity(x)), eps, atol=1e-12)


def test_gradients_go_through_the_passes():
    step, eps = step_of(4), drawn(3, 4)
    kernel = step.network.input_layer.kernel

    @tf.function
    def score():
        bijector = step.bijector()
        x = bijector.forward(eps)
        log_det = bijector.forward_log_det_jacobian(eps)
        return tf.reduce_sum(x**3) + tf.reduce_sum(log_det)

    with tf.GradientTape() as tape:
        value = score()
    gradient = tape.gradient(value, kernel.value).numpy()
    change, size = np.random.default_rng(1).normal(size=kernel.shape), 1e-6
    values = []
    for sign in (-1.0, 1.0):
        kernel.assign_add(sign * size * change)
        values.append(score())
        kernel.assign_sub(sign * size * change)
    expected = (values[1] - values[0]) / (2.0 * size)
    np.testing.assert_allclose(np.sum(gradient * change), expected, rtol=1e-5)


def test_graphs_do_not_grow_with_the_dimension():
    def nodes(dim):
        step = step_of(dim)

        @tf.function
        def score(eps):
            with tf.GradientTape() as tape:
                value = tf.reduce_sum(step.bijector().forward(eps) ** 2)
            return tape.gradient(value, step.network.input_layer.kernel.value)

        graph = score.get_concrete_function(drawn(2, dim)).graph.as_graph_def()
        bodies = [body.node_def for body in graph.library.function]
        return sum(map(len, [graph.node, *bodies]))

    assert nodes(3) == nodes(30)


@pytest.mark.parametrize("dim", [1, 512])
def test_vectors_of_one_to_512_coordinates(dim):
    flow = flow_lib.MaskedAutoregressiveFlow(dim, blocks=1, hidden=16, name="flow")
    descriptors.perturb(flow, scale=0.02)
    z = tf.cast(drawn(2, dim), tf.float32)
    eps = flow.bijector().inverse(z)
    back = tf.function(lambda eps: flow.bijector().forward(eps))(eps)
    np.testing.assert_allclose(back, z, atol=1e-3)


@pytest.mark.parametrize(
    ("flow", "dim", "options"),
    [
        (flow_lib.MaskedAutoregressiveFlow, 1, {}),
        (flow_lib.MaskedAutoregressiveFlow, 2, {"bins": 4}),
        (inverse_autoregressive.InverseAutoregressiveFlow, 2, {"blocks": 1}),
    ],
)
def test_densities_integrate_to_one(flow, dim, options):
    made = flow(
        dim,
        hidden=5,
        transform="spline",
        name="flow",
        dtype="float64",
        **{"blocks": 2} | options,
    )
    descriptors.perturb(made, scale=0.1)
    line, gap = np.linspace(-12.0, 12.0, 241, retstep=True)
    grid = np.stack(np.meshgrid(*[line] * dim), axis=-1).reshape([-1, dim])
    bijector, z = made.bijector(), tf.constant(grid)
    log_det = bijector.inverse_log_det_jacobian(z, event_ndims=1)
    density = stats.norm.pdf(bijector.inverse(z)).prod(axis=1) * np.exp(log_det)
    # A sum over a grid, of a density with kinks where hidden units set in.
    np.testing.assert_allclose(density.sum() * gap**dim, 1.0, atol=1e-2)


def test_a_reversal_reverses():
    step = permutation.Permutation(4, order="reversed")
    assert list(step.bijector().inverse([[1.0, 2.0, 3.0, 4.0]])[0]) == [4, 3, 2, 1]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"event_dim": 0}, "event_dim=0"),
        ({"blocks": 0}, "blocks=0"),
        ({"hidden": 0}, "hidden=0"),
        ({"depth": 0}, "depth=0"),
        ({"rotation_seed": -1}, "rotation_seed=-1"),
        ({"bins": 1}, "bins=1"),
        ({"bound": 0.0}, "bound=0.0"),
        ({"mixing": "lo"}, "lu, reversal"),
    ],
)
def test_bad_options_are_refused(options, words):
    with pytest.raises(errors.InvalidValue, match=words) as said:
        flow_lib.MaskedAutoregressiveFlow(**{"event_dim": 4} | options)
    assert "\n" not in str(said.value)


@pytest.mark.parametrize(
    "make",
    [
        lambda: masked_autoregressive.MaskedAutoregressive(4, fast="densty"),
        lambda: masked_autoregressive.MaskedAutoregressive(4, transform="splin"),
        lambda: permutation.Permutation(4, order="reverse"),
    ],
)
def test_choices_are_checked(make):
    with pytest.raises(errors.InvalidValue, match="Did you mean") as said:
        make()
    assert "\n" not in str(said.value)
