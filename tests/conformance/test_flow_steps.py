# SPDX-License-Identifier: Apache-2.0
"""Laws of every flow step and flow."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tests import autodiff, descriptors

BATCH = 4


# Of the module, so that all laws of a step follow each other, and share it.
@pytest.fixture(scope="module", params=sorted(descriptors.FLOW_STEPS))
def name(request):
    return request.param


def made(name, dtype="float64"):
    """A step of one's own, moved off its start."""
    step = descriptors.FLOW_STEPS[name](
        descriptors.event_shape(name), name="step", dtype=dtype
    )
    # Moved further, the many steps of a flow on images would amplify roundings.
    descriptors.perturb(step, scale=0.3 if len(step.event_shape) == 1 else 0.05)
    return step


shared = functools.lru_cache(maxsize=2)(made)


@pytest.fixture
def step(name):
    """A step in double precision to look at; other tests have it too."""
    return shared(name)


@pytest.fixture
def single(name):
    """The same in single precision."""
    return shared(name, "float32")


def data_of(step, *, seed=1):
    """Random examples: vectors around zero, or images in [0, 1]."""
    generator, shape = np.random.default_rng(seed), (BATCH, *step.event_shape)
    is_vector = len(step.event_shape) == 1
    draw = generator.normal if is_vector else generator.uniform
    return tf.constant(draw(size=shape), step.compute_dtype)


def noise_of(step, *, seed=1):
    """Random noise of a step."""
    drawn = np.random.default_rng(seed).normal(size=(BATCH, *step.noise_shape))
    return tf.constant(drawn, step.compute_dtype)


def log_det_of(bijector, z):
    """The log-determinant towards noise, of all axes of an example."""
    return bijector.inverse_log_det_jacobian(z, event_ndims=z.shape.rank - 1)


def test_inverse_undoes_forward(step):
    eps = noise_of(step)
    z = step.bijector().forward(eps)
    # A second bijector: the first one's cache would hand back eps itself.
    np.testing.assert_allclose(step.bijector().inverse(tf.identity(z)), eps, atol=1e-9)


def test_forward_undoes_inverse(step):
    z = data_of(step)
    eps = step.bijector().inverse(z)
    np.testing.assert_allclose(step.bijector().forward(tf.identity(eps)), z, atol=1e-9)


def test_log_det_agrees_with_autodiff(step):
    z = data_of(step)
    size = z.shape[1:].num_elements()
    jacobian = autodiff.batch_jacobian(step.bijector().inverse, z)
    jacobian = np.reshape(jacobian, [BATCH, size, size])
    log_det = log_det_of(step.bijector(), z)
    np.testing.assert_allclose(
        np.broadcast_to(log_det, [BATCH]), np.linalg.slogdet(jacobian)[1], atol=1e-9
    )


def test_errors_in_float32_are_small(name, step):
    exact, step = step, made(name, "float32")
    step.set_weights(exact.get_weights())
    z = data_of(exact)
    eps = step.bijector().inverse(tf.cast(z, "float32"))
    np.testing.assert_allclose(eps, exact.bijector().inverse(z), atol=1e-4)
    log_det = log_det_of(step.bijector(), tf.cast(z, "float32"))
    np.testing.assert_allclose(log_det, log_det_of(exact.bijector(), z), atol=1e-4)
    back = step.bijector().forward(tf.identity(eps))
    np.testing.assert_allclose(back, z, atol=1e-4)


def test_log_dets_of_both_directions_cancel(step):
    eps = noise_of(step)
    z = tf.identity(step.bijector().forward(eps))
    axes = eps.shape.rank - 1
    forward = step.bijector().forward_log_det_jacobian(eps, event_ndims=axes)
    inverse = log_det_of(step.bijector(), z)
    np.testing.assert_allclose(forward, -inverse, atol=1e-9)


def test_log_det_needs_no_value_before_it(step):
    z = data_of(step)
    alone = log_det_of(step.bijector(), z)
    after = step.bijector()
    after.inverse(z)
    np.testing.assert_allclose(alone, log_det_of(after, z), atol=1e-12)


def test_vectors_of_a_batch_do_not_mix(step):
    z = data_of(step)
    together = step.bijector().inverse(z)
    alone = step.bijector().inverse(tf.identity(z[:1]))
    np.testing.assert_allclose(together[:1], alone, atol=1e-12)


def test_a_step_outside_tf_function_equals_one_inside(single):
    z = data_of(single)
    compiled = tf.function(lambda z: single.bijector().inverse(z))
    np.testing.assert_allclose(compiled(z), single.bijector().inverse(z), atol=1e-5)


def test_weights_reach_the_value_after_an_update(name):
    step = made(name)
    z = data_of(step)
    if not step.trainable_variables:
        pytest.skip("it has no weights that train")
    before = step.bijector().inverse(z)
    descriptors.perturb(step, seed=9)
    assert np.abs(step.bijector().inverse(z) - before).max() > 1e-3


def test_every_weight_has_a_gradient(name):
    step = made(name, "float32")  # training moves averages
    z = data_of(step)
    with tf.GradientTape() as tape:
        bijector = step.bijector(training=True)
        eps = bijector.inverse(z)
        log_det = log_det_of(bijector, z)
        loss = tf.reduce_sum(eps**2) - tf.reduce_sum(log_det)
    variables = step.trainable_variables
    for variable, gradient in zip(
        variables, tape.gradient(loss, [v.value for v in variables]), strict=True
    ):
        assert gradient is not None, variable.path


def test_variable_paths_are_unique(step):
    paths = [variable.path for variable in step.variables]
    assert len(set(paths)) == len(paths)


def test_keras_file_keeps_the_map(name, tmp_path):
    step = made(name, "float32")  # as a layer, it keeps what it was called with
    z = data_of(step)
    model = keras.Sequential([keras.Input(step.event_shape), step])
    model.save(tmp_path / "step.keras")
    loaded = keras.saving.load_model(tmp_path / "step.keras")
    np.testing.assert_array_equal(loaded(z), model(z))


def test_tf_checkpoint_keeps_the_map(name, single, tmp_path):
    z = data_of(single)
    tf.train.Checkpoint(step=single).write(str(tmp_path / "step"))
    other = made(name, "float32")
    for variable in other.variables:
        values = np.asarray(variable)
        variable.assign(values[::-1].copy() if values.dtype == np.int32 else values + 1)
    tf.train.Checkpoint(step=other).read(str(tmp_path / "step")).assert_consumed()
    expected = single.bijector().inverse(z)
    np.testing.assert_array_equal(other.bijector().inverse(tf.identity(z)), expected)


def test_mixed_precision_leaves_the_flow_in_float32(name):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        step = made(name, None)
    finally:
        keras.config.set_dtype_policy("float32")
    assert {v.dtype for v in step.trainable_variables} <= {"float32"}
    assert step.bijector().inverse(data_of(step)).dtype == tf.float32


@pytest.mark.parametrize(
    "name", ["glow_vector", "neural_spline", "real_nvp", "real_nvp_batch_norm"]
)
def test_a_flow_on_vectors_hands_out_a_chain(name):
    flow = descriptors.FLOW_STEPS[name](descriptors.DIM, name="flow")
    assert isinstance(flow.bijector(), tfp.bijectors.Chain)


@pytest.mark.parametrize(
    "name",
    [
        *("glow_vector", "neural_spline", "real_nvp", "real_nvp_batch_norm"),
        *("masked_autoregressive", "inverse_autoregressive", "tarflow"),
        *("channels_tanh", "channels_gated", "checkerboard", "glow"),
    ],
)
def test_value_and_log_det_take_one_pass(name):
    flow = descriptors.FLOW_STEPS[name](descriptors.event_shape(name), name="flow")

    def products(function, x):
        traced = tf.function(function).get_concrete_function(x)
        graph = traced.graph.as_graph_def()
        # The functions are the bodies of loops.
        bodies = [body.node_def for body in graph.library.function]
        kinds = [node.op for nodes in [graph.node, *bodies] for node in nodes]
        return sum(kind in ("MatMul", "Conv2D") for kind in kinds)

    def inverse(z):
        bijector = flow.bijector()
        return bijector.inverse(z), log_det_of(bijector, z)

    def forward(eps):
        bijector, axes = flow.bijector(), len(flow.noise_shape)
        x = bijector.forward(eps)
        return x, bijector.forward_log_det_jacobian(eps, event_ndims=axes)

    z, eps = data_of(flow), noise_of(flow)
    alone = products(lambda z: flow.bijector().inverse(z), z)
    assert products(inverse, z) == alone > 0
    assert products(forward, eps) == products(lambda e: flow.bijector().forward(e), eps)
