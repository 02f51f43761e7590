# SPDX-License-Identifier: Apache-2.0
"""RealNVP on images: batch normalisation of halves, networks, scales and sizes."""

import numpy as np
import pytest
import tensorflow as tf

from glf_tf import errors
from glf_tf.bijectors import batch_norm, image_coupling, squeeze
from glf_tf.bijectors.conditioners import residual
from glf_tf.devices import strategies
from glf_tf.flows import gated_real_nvp, multi_scale_real_nvp
from glf_tf.models import image_flow

SHAPE = (4, 4, 2)


def images(*shape, seed=0):
    return 3.0 + 2.0 * tf.random.stateless_normal(shape, (seed, 1))


def of_half(x, *, masking, half):
    """The numbers of a half, `[count, channels]`."""
    x = np.asarray(x)
    if masking == "channels":
        part = x[..., :1] if half == "first" else x[..., 1:]
        return part.reshape(-1, 1)
    is_first = np.indices(SHAPE[:2]).sum(axis=0) % 2 == 0
    return x[:, is_first == (half == "first")].reshape(-1, 2)


@pytest.mark.parametrize("masking", ["channels", "checkerboard"])
@pytest.mark.parametrize("half", ["first", "second"])
def test_batch_normalisation_is_of_the_transformed_half_alone(masking, half):
    step = batch_norm.BatchNormStep(SHAPE, masking=masking, transforms=half)
    x = images(64, *SHAPE)
    bijector = step.bijector(training=True)
    eps = bijector.inverse(x)
    made = of_half(eps, masking=masking, half=half)
    np.testing.assert_allclose(made.mean(axis=0), 0.0, atol=1e-5)
    np.testing.assert_allclose(made.var(axis=0), 1.0, atol=1e-3)
    other = {"first": "second", "second": "first"}[half]
    np.testing.assert_array_equal(
        of_half(eps, masking=masking, half=other),
        of_half(x, masking=masking, half=other),
    )
    variance = of_half(x, masking=masking, half=half).var(axis=0)
    each = -0.5 * np.log(variance + 1e-4).sum()
    pixels = 16 if masking == "channels" else 8
    log_det = bijector.inverse_log_det_jacobian(x, event_ndims=3)
    np.testing.assert_allclose(log_det, pixels * each, rtol=1e-4)
    # One pass: asking for both moved the averages once.
    np.testing.assert_allclose(step.moving_variance, 0.9 + 0.1 * variance, rtol=1e-4)


def test_batch_normalisation_averages_its_moments_by_an_option():
    step = batch_norm.BatchNormStep(SHAPE, averaging=0.75)
    step.moving_mean.assign([1.0])
    step.moving_variance.assign([2.0])
    x = images(64, *SHAPE)
    half = of_half(x, masking="channels", half="second")
    mean = 0.75 * 1.0 + 0.25 * half.mean()
    deviation = np.sqrt(0.75 * 2.0 + 0.25 * half.var() + 1e-4)
    eps = step.bijector(training=True).inverse(x)
    expected = (x[..., 1:] - mean) / deviation
    np.testing.assert_allclose(eps[..., 1:], expected, rtol=1e-4, atol=1e-4)


def test_batch_normalisation_runs_back_by_its_averages_which_a_start_sets():
    step = batch_norm.BatchNormStep(SHAPE, masking="checkerboard")
    x = images(64, *SHAPE)
    eps = step.start(x)
    np.testing.assert_allclose(step.bijector(training=True).inverse(x), eps, atol=1e-4)
    step.start(x)
    back = step.bijector(training=True).forward(eps)
    np.testing.assert_allclose(back, x, atol=1e-4)


def test_batch_normalisation_is_over_all_replicas():
    x = images(8, *SHAPE)
    alone = batch_norm.BatchNormStep(SHAPE)
    expected = alone.bijector(training=True).inverse(x)
    strategy = strategies.strategy("mirrored")
    with strategy.scope():
        step = batch_norm.BatchNormStep(SHAPE)

    def replica():
        index = tf.distribute.get_replica_context().replica_id_in_sync_group
        own = tf.gather(x, tf.range(4) + 4 * index)
        return step.bijector(training=True).inverse(own)

    parts = strategy.experimental_local_results(strategy.run(tf.function(replica)))
    np.testing.assert_allclose(tf.concat(parts, axis=0), expected, atol=1e-5)
    np.testing.assert_allclose(step.moving_mean, alone.moving_mean, rtol=1e-5)
    np.testing.assert_allclose(step.moving_variance, alone.moving_variance, rtol=1e-5)


def test_a_residual_network_starts_its_averages_from_a_batch():
    network = residual.ResidualConditioner((4, 4, 2), 3, hidden=4, depth=1)
    x = images(32, *SHAPE)
    np.testing.assert_allclose(network.start(x), network(x, training=True), atol=1e-4)
    assert {layer.momentum for layer in _norms(network)} == {0.9}


def _norms(network):
    return [layer for layer in network._flatten_layers() if hasattr(layer, "momentum")]


def test_reordered_channels_have_the_other_order():
    x = images(2, 4, 4, 3)
    plain = squeeze.Squeeze((4, 4, 3), order="colour").bijector().inverse(x)
    step = squeeze.Reorder((2, 2, 12))
    expected = squeeze.Squeeze((4, 4, 3), order="checkerboard").bijector().inverse(x)
    np.testing.assert_array_equal(step.bijector().inverse(plain), expected)


def made(**options):
    return multi_scale_real_nvp.MultiScaleRealNVP(
        (8, 8, 1), **{"hidden": 2, "depth": 1} | options
    )


def test_scales_have_the_couplings_of_the_paper():
    flow = made(levels=3)
    names = [step.name for step in flow.steps]
    assert sum("checkerboard" in name and "norm" not in name for name in names) == 10
    assert sum("channels" in name and "norm" not in name for name in names) == 6
    assert [
        step.noise_dim for step in flow.steps if step.name.endswith("factor_out")
    ] == [32, 16, 16]
    by_name = {step.name: step for step in flow.steps}
    first = by_name["level_0_checkerboard_0"]
    np.testing.assert_array_equal(first.rescale, [0.0])
    np.testing.assert_array_equal(by_name["level_0_channels_0"].rescale, [1.0, 1.0])
    # Widths double, and the first network sees the mask.
    assert first.network.input_conv.direction.shape == (3, 3, 4, 2)
    last = by_name["level_2_checkerboard_3"]
    assert last.network.input_conv.direction.shape == (3, 3, 10, 8)


def test_the_even_pixels_of_a_checkerboard_go_on():
    flow = made(levels=2, batch_norm=False)
    for step in flow.steps:
        if hasattr(step, "network") and "factor" not in step.name:
            scale = step.network.output_conv.scale
            scale.assign(tf.zeros_like(scale))
    x = images(1, 8, 8, 1)
    kept = flow.bijector().inverse(x)[0, 32:]
    is_even = np.indices((8, 8)).sum(axis=0) % 2 == 0
    np.testing.assert_array_equal(np.sort(kept), np.sort(x[0, ..., 0][is_even]))


def test_the_factor_of_the_log_scale_learns_from_its_start_at_zero():
    flow = made(levels=1, batch_norm=False)
    x = images(4, 8, 8, 1)
    factors = [step.rescale.value for step in flow.steps if hasattr(step, "rescale")]
    with tf.GradientTape() as tape:
        log_det = flow.bijector(training=True).inverse_log_det_jacobian(
            x, event_ndims=3
        )
    for gradient in tape.gradient(log_det, factors):
        assert np.abs(gradient).max() > 1e-4


def test_squares_of_the_learned_norms_are_a_term_of_the_loss():
    model = image_flow.ImageFlow((8, 8, 1), flow=made(levels=1, scale_l2=0.5))
    image = tf.zeros([3, 8, 8, 1])
    terms = model._terms({"image": image}, seed=tf.constant([0, 1]), training=True)
    norms = [
        variable
        for variable in model.flow.trainable_variables
        if variable.path.endswith("/scale")
    ]
    assert norms
    expected = 0.5 * sum(np.square(norm).sum() for norm in norms)
    np.testing.assert_allclose(terms["regularization"], [expected] * 3, rtol=1e-5)
    (stage,) = model.stages()
    assert stage.updates[0].weights == {"bits_per_dim": 1.0, "regularization": 1.0}
    bare = image_flow.ImageFlow((8, 8, 1), flow=made(levels=1))
    assert bare.stages()[0].updates[0].weights == {"bits_per_dim": 1.0}


def test_the_simple_flow_of_the_tutorial_has_its_parameters():
    flow = gated_real_nvp.GatedRealNVP((28, 28, 1), couplings=(8,), hidden=(32,))
    assert sum(np.prod(v.shape) for v in flow.trainable_variables) == 556_312


def test_the_multi_scale_flow_of_the_tutorial_has_its_shapes():
    flow = gated_real_nvp.GatedRealNVP((28, 28, 1), depth=1, hidden=(2, 2, 2))
    sizes = [step.noise_dim for step in flow.steps if hasattr(step, "noise_dim")]
    assert sizes == [392, 392]
    couplings = [step for step in flow.steps if "coupling" in step.name]
    assert [step.event_shape for step in couplings] == [
        *[(28, 28, 1)] * 2,
        *[(14, 14, 4)] * 2,
        *[(7, 7, 8)] * 4,
    ]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: made(levels=5), "Use levels=4"),
        (lambda: made(averaging=1.0), "averaging=1.0"),
        (lambda: made(depth=0), "depth=0"),
        (lambda: made(scale_l2=-1.0), "scale_l2=-1.0"),
        (lambda: made(scale_l2=float("nan")), "scale_l2=nan"),
        (lambda: gated_real_nvp.GatedRealNVP((6, 6, 1)), "Use levels=2"),
        (
            lambda: gated_real_nvp.GatedRealNVP((8, 8, 1), couplings=(2,)),
            "one positive whole number a level",
        ),
        (
            lambda: gated_real_nvp.GatedRealNVP((8, 8, 1), couplings=(), hidden=()),
            "one positive whole number a level",
        ),
    ],
)
def test_sizes_that_cannot_be_are_refused(make, words):
    with pytest.raises(errors.InvalidValue, match=words):
        make()


def test_variances_have_the_addend_of_the_release():
    step = batch_norm.BatchNormStep((2, 2, 2), dtype="float64")
    eps = step.bijector().inverse(tf.ones([1, 2, 2, 2], tf.float64))
    expected = [1.0, 1.0 / np.sqrt(1.0 + 1e-4)]
    np.testing.assert_allclose(eps, np.broadcast_to(expected, eps.shape), rtol=1e-12)


def test_factors_of_log_scales_start_at_zero_on_checkerboards_alone():
    flow = multi_scale_real_nvp.MultiScaleRealNVP((4, 4, 1), hidden=2, depth=1)
    layers = [
        layer for layer in flow.steps if isinstance(layer, image_coupling.ImageCoupling)
    ]
    assert len(layers) == 10
    for layer in layers:
        start = 0.0 if "checkerboard" in layer.name else 1.0
        assert np.all(np.array(layer.rescale) == start)
