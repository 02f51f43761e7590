# SPDX-License-Identifier: Apache-2.0
"""Causal transformers and flows of them: who depends on whom, and at what cost."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import special

from glf_tf import errors, parts
from glf_tf.bijectors import actnorm, linear, permutation, transformer_autoregressive
from glf_tf.bijectors.conditioners import causal_transformer
from glf_tf.flows import tarflow
from tests import descriptors

SMALL = {"token_dim": 2, "hidden": 6, "depth": 2, "head_dim": 3}


def step_of(dim=5, **options):
    step = transformer_autoregressive.TransformerAutoregressive(
        dim, dtype="float64", **SMALL | options
    )
    descriptors.perturb(step)
    return step


def drawn(count, dim, seed=0):
    return tf.constant(np.random.default_rng(seed).normal(size=(count, dim)))


@pytest.mark.parametrize(("dim", "token_dim"), [(1, 2), (5, 1), (5, 2), (5, 9), (6, 2)])
def test_each_token_depends_on_those_before_it(dim, token_dim):
    step, x = step_of(dim, token_dim=token_dim), drawn(6, dim)
    with tf.GradientTape() as tape:
        tape.watch(x)
        eps = step.bijector().inverse(x)
    jacobian = tape.batch_jacobian(eps, x).numpy()
    token = np.arange(dim) // token_dim
    is_before = token[:, None] > token
    reached = np.abs(jacobian).max(axis=0) > 0.0
    np.testing.assert_array_equal(reached, is_before | np.eye(dim, dtype=bool))


def _norm(layer, h):
    h = h - h.mean(-1, keepdims=True)
    h = h / np.sqrt(np.mean(h**2, -1, keepdims=True) + 1e-5)
    return h * layer.gamma.numpy() + layer.beta.numpy()


def _dense(layer, h):
    return h @ layer.kernel.numpy() + layer.bias.numpy()


def _attention(layer, h):
    """Returns what one vector's positions `[count, hidden]` add by attention."""
    inputs = _dense(layer.attention_input, _norm(layer.attention_norm, h))
    mixed = np.zeros_like(h)
    for start in (0, 3):
        query, key, value = (inputs[:, start + 6 * i :][:, :3] for i in range(3))
        for position in range(len(h)):
            weights = special.softmax(key[: position + 1] @ query[position] / 3**0.5)
            mixed[position, start : start + 3] = weights @ value[: position + 1]
    return _dense(layer.attention_output, mixed)


def test_the_network_is_that_of_its_formula():
    network = causal_transformer.CausalTransformer(
        5, 2, condition_dim=3, dtype="float64", name="network", **SMALL
    )
    descriptors.perturb(network)
    x = drawn(1, 8).numpy()
    tokens = np.stack([np.zeros(2), x[0, :2], x[0, 2:4]])
    h = _dense(network.input_layer, tokens) + network.position.numpy()
    h = h + x[0, 5:] @ network.embedding.kernel.numpy()
    for layer in (network.layer_0, network.layer_1):
        h = h + _attention(layer, h)
        inner = _dense(layer.expansion, _norm(layer.norm, h))
        inner = inner * 0.5 * (1.0 + special.erf(inner / 2**0.5))
        h = h + _dense(layer.contraction, inner)
    expected = np.reshape(_dense(network.output_layer, h), [6, 2])
    # Keras has the epsilon of its layer normalisation in single precision.
    np.testing.assert_allclose(network(x)[0], expected[:5], atol=1e-7)
    known = network.none_known(tf.constant(x))
    for index in range(3):
        seen = np.where(np.arange(8) < 2 * index, x, 0.0)
        seen[:, 5:] = x[:, 5:]
        found, known = network.of_token(tf.constant(seen), tf.constant(index), known)
        of_token = expected[2 * index : 2 * index + 2]
        np.testing.assert_allclose(found[0], of_token, atol=1e-7)


def test_noise_is_standardised_by_mean_and_scale():
    step, x = step_of(), drawn(3, 5)
    mean, raw = np.moveaxis(step.network(x), -1, 0)
    log_scale = 2.0 * 0.636 * np.arctan(raw)
    bijector = step.bijector()
    expected = (x - mean) * np.exp(-log_scale)
    np.testing.assert_allclose(bijector.inverse(x), expected, atol=1e-12)
    log_det = bijector.inverse_log_det_jacobian(x)
    np.testing.assert_allclose(log_det, -np.sum(log_scale, axis=-1), atol=1e-12)


def test_it_starts_as_the_identity():
    step = transformer_autoregressive.TransformerAutoregressive(6, **SMALL)
    x = tf.cast(drawn(3, 6), tf.float32)
    np.testing.assert_allclose(step.bijector().inverse(x), x, atol=1e-6)
    np.testing.assert_allclose(step.bijector().forward(tf.identity(x)), x, atol=1e-6)


def test_draws_pass_each_token_once(monkeypatch):
    step, eps, rows = step_of(5), drawn(4, 5), []
    usual = causal_transformer._Layer._split

    def counted(self, h, count):
        rows.append((len(h), count))
        return usual(self, h, count)

    monkeypatch.setattr(causal_transformer._Layer, "_split", counted)
    x = step.bijector().forward(eps)
    # Two layers at each of three tokens, of four vectors' one position each.
    assert rows == [(4, 1)] * 6
    np.testing.assert_allclose(step.bijector().inverse(tf.identity(x)), eps, atol=1e-9)


def test_gradients_go_through_the_draws():
    step, eps = step_of(), drawn(3, 5)
    kernel = step.network.layer_0.attention_input.kernel

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


def test_graphs_of_draws_do_not_grow_with_the_dimension():
    def nodes(dim):
        step = step_of(dim)
        draw = tf.function(lambda eps: step.bijector().forward(eps))
        graph = draw.get_concrete_function(drawn(2, dim)).graph.as_graph_def()
        bodies = [body.node_def for body in graph.library.function]
        return sum(map(len, [graph.node, *bodies]))

    assert nodes(5) == nodes(50)


def test_dropout_is_of_training_alone():
    step, x = step_of(dropout=0.5), drawn(3, 5)
    still = step.bijector().inverse(x)
    np.testing.assert_array_equal(step.bijector().inverse(tf.identity(x)), still)
    dropped = step.bijector(training=True).inverse(tf.identity(x))
    again = step.bijector(training=True).inverse(tf.identity(x))
    assert np.abs(dropped - still).max() > 1e-3
    assert np.abs(dropped - again).max() > 1e-3


def test_blocks_mix_or_reverse():
    def kinds(**options):
        flow = tarflow.TarFlow(5, blocks=2, name="flow", **SMALL | options)
        return [type(step) for step in flow.steps]

    block = [actnorm.ActNorm, linear.Linear]
    last = transformer_autoregressive.TransformerAutoregressive
    assert kinds() == [*block, last, *block, last]
    plain = kinds(mixing="reversal", actnorm=False)
    assert plain == [permutation.Permutation, last] * 2


@pytest.mark.parametrize("dim", [1, 512])
def test_vectors_of_one_to_512_coordinates(dim):
    flow = tarflow.TarFlow(dim, blocks=1, name="flow", **SMALL | {"token_dim": 16})
    descriptors.perturb(flow, scale=0.02)
    z = tf.cast(drawn(2, dim), tf.float32)
    eps = flow.bijector().inverse(z)
    back = tf.function(lambda eps: flow.bijector().forward(eps))(eps)
    np.testing.assert_allclose(back, z, atol=1e-3)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"blocks": 0}, "blocks=0"),
        ({"token_dim": 0}, "token_dim=0"),
        ({"hidden": 0}, "hidden=0"),
        ({"depth": 0}, "depth=0"),
        ({"head_dim": 0}, "head_dim=0"),
        ({"head_dim": 4}, "hidden=6, head_dim=4. Use for instance hidden=8"),
        ({"dropout": 1.0}, "dropout=1"),
        ({"mixing": "lo"}, "lu, reversal"),
    ],
)
def test_bad_options_are_refused_in_a_line(options, words):
    spec = {"name": "tarflow", **SMALL, **options}
    with pytest.raises(errors.InvalidValue, match=words) as said:
        parts.make("flow", spec, event_dim=5)
    assert "\n" not in str(said.value)
