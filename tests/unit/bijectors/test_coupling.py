# SPDX-License-Identifier: Apache-2.0
"""Numbers of the coupling that can be computed by hand, and by other libraries."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from glf_tf import errors
from glf_tf.bijectors import coupling
from glf_tf.priors import flow as flow_prior
from tests import descriptors

tfb = tfp.bijectors


def test_a_new_coupling_is_the_identity():
    z = tf.random.stateless_normal([3, 6], seed=[0, 0])
    bijector = coupling.Coupling(6, hidden=4).bijector()
    np.testing.assert_array_equal(bijector.inverse(z), z)
    np.testing.assert_array_equal(bijector.inverse_log_det_jacobian(z), np.zeros(3))


def test_log_scale_stays_within_its_bounds():
    z = 1e6 * tf.random.stateless_normal([50, 6], seed=[0, 0])
    least = np.log(coupling.LEAST_SCALE)
    for scale, low, high in (("soft_clamp", -2.0, 2.0), ("sigmoid", least, 0.0)):
        layer = coupling.Coupling(6, hidden=4, scale=scale)
        descriptors.perturb(layer)
        log_det = layer.bijector().inverse_log_det_jacobian(z)
        assert np.all(low * 3 <= log_det)
        assert np.all(log_det <= high * 3)


def test_a_scale_without_a_bound_is_the_exponential_of_the_network():
    z = 30.0 * tf.random.stateless_normal([50, 6], seed=[0, 0])
    layer = coupling.Coupling(6, hidden=4, scale="exp")
    descriptors.perturb(layer)
    shift, raw = layer._parameters(z[:, :3], training=False)
    data = layer.bijector().inverse(z)
    expected = z[:, 3:] * np.exp(raw) + shift
    np.testing.assert_allclose(data[:, 3:], expected, rtol=1e-4, atol=1e-4)
    assert np.max(np.abs(raw)) > 2.0


def test_soft_clamp_is_that_of_the_authors_code():
    raw = tf.constant([-3.0, 0.0, 0.5, 100.0])
    expected = 2.0 * 0.636 * np.arctan(raw)
    np.testing.assert_allclose(coupling.soft_clamp(raw), expected)


def test_agrees_with_tfb_real_nvp():
    """The same networks in TFP's own coupling give the same numbers."""
    layer = coupling.Coupling(6, hidden=4, dtype="float64")
    descriptors.perturb(layer)
    z = tf.random.stateless_normal([5, 6], seed=[0, 0], dtype=tf.float64)

    def affine(half, units, **_):
        shift, log_scale = layer._parameters(half, training=False)
        # Ours states the map towards noise, TFP the one from noise.
        return tfb.Chain([tfb.Shift(shift), tfb.Scale(log_scale=log_scale)])

    theirs = tfb.RealNVP(num_masked=3, bijector_fn=affine)
    np.testing.assert_allclose(layer.bijector().inverse(z), theirs.forward(z))
    np.testing.assert_allclose(
        layer.bijector().inverse_log_det_jacobian(z),
        theirs.forward_log_det_jacobian(z, event_ndims=1),
    )


def test_density_runs_each_network_once():
    spec = {"name": "real_nvp", "hidden": 4, "blocks": 2, "batch_norm": False}
    prior = flow_prior.FlowPrior(6, flow=spec)
    graph = (
        tf.function(prior.log_prob).get_concrete_function(tf.TensorSpec([5, 6])).graph
    )
    products = [op for op in graph.get_operations() if op.type == "MatMul"]
    couplings, networks, layers = 4, 2, 3
    assert len(products) == couplings * networks * layers


def test_one_dimension_is_refused():
    with pytest.raises(errors.InvalidValue, match="two halves"):
        coupling.Coupling(1)
