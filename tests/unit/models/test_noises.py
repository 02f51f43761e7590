# SPDX-License-Identifier: Apache-2.0
"""Examples of given noise: the same as those of samples, without a random operation."""

import numpy as np
import pytest
import tensorflow as tf

from glf_tf import errors
from tests import descriptors

PLAIN = ("glf", "vae", "gan", "gan_convolutional", "glann", "lfbm", "image_flow")
"""Models whose noise is drawn by one operation, with the seed that a sample has."""

KINDS = (
    *PLAIN,
    *("glf_closing", "glf_labels", "glf_two_stage", "image_flow_labels", "rae"),
    *("rae_normal", "two_stage_vae", "vae_flow_prior", "vae_vamp_prior", "wae_mmd"),
)


def noise_of(model, *, count=3, seed=(4, 0)):
    shape = [count, model.noise_dim]
    if model.noise_law == "N(0, 1)":
        return tf.random.stateless_normal(shape, seed)
    return tf.random.stateless_uniform(shape, seed, minval=-1.0, maxval=1.0)


def label_of(model, *, count=3):
    return tf.range(count) % model.num_classes if model.num_classes else None


@pytest.mark.parametrize("temperature", [1.0, 0.6])
@pytest.mark.parametrize("name", PLAIN)
def test_given_noise_makes_what_a_sample_is(name, temperature):
    model = descriptors.model(name)
    drawn = model.sample(3, seed=4, temperature=temperature)
    made = model.decode_noise(noise_of(model), temperature=temperature)
    np.testing.assert_allclose(made, drawn, atol=1e-6)


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", KINDS)
def test_the_signature_has_no_random_operation(name):
    model = descriptors.model(name)
    found = model.signatures()
    key = "decode_noise_of_labels" if model.num_classes else "decode_noise"
    assert ("decode_noise" in found) != ("decode_noise_of_labels" in found)
    label = label_of(model)
    given = {} if label is None else {"label": label}
    noise = noise_of(model)
    served = found[key](noise=noise, temperature=tf.constant(0.7), **given)["image"]
    made = model.decode_noise(noise, temperature=0.7, label=label)
    np.testing.assert_allclose(served, made, atol=1e-5)
    assert not {kind for kind in kinds_of(found[key]) if "Random" in kind}
    assert any("Random" in kind for kind in kinds_of(found["sample"]))


def kinds_of(function):
    """The kinds of operations in a function, and in those that it calls."""
    graph = function.graph.as_graph_def()
    nodes = [*graph.node, *(n for f in graph.library.function for n in f.node_def)]
    return {node.op for node in nodes}


def test_a_prior_of_chains_takes_no_noise():
    model = descriptors.model("lebm")
    assert "decode_noise" not in model.signatures()
    with pytest.raises(errors.Unsupported, match="LEBM"):
        model.decode_noise(np.zeros([1, 4], np.float32))


@pytest.mark.parametrize(
    ("name", "noise", "given", "word"),
    [
        ("glf", np.zeros([2, 3]), {}, "Noises must have the shape"),
        ("glf", np.full([2, 4], np.nan), {}, "Noises are finite"),
        ("glf", np.zeros([2, 4], int), {}, "floats"),
        ("glf", np.zeros([2, 4]), {"temperature": -1.0}, "temperature"),
        ("glf", np.zeros([2, 4]), {"label": 1}, "Labels are for"),
        ("glf_labels", np.zeros([2, 5]), {}, "need labels"),
        ("glf_labels", np.zeros([2, 5]), {"label": 10}, "num_classes"),
    ],
)
def test_bad_noise_is_refused_in_a_line(name, noise, given, word):
    noise = noise.astype(np.float32) if noise.dtype.kind == "f" else noise
    with pytest.raises((errors.InvalidValue, errors.Unsupported, TypeError)) as error:
        descriptors.model(name).decode_noise(noise, **given)
    assert word in str(error.value)
    assert "\n" not in str(error.value)


def test_served_bad_noise_is_nan_in_its_own_row_alone():
    call = descriptors.model("glf").signatures()["decode_noise"]
    noise = np.zeros([3, 4], np.float32)
    noise[1, 2] = np.inf
    image = call(noise=tf.constant(noise), temperature=tf.constant(1.0))["image"]
    np.testing.assert_array_equal(
        np.isnan(image).all(axis=(1, 2, 3)), [False, True, False]
    )
    image = call(noise=tf.zeros([3, 4]), temperature=tf.constant(-1.0))["image"]
    assert np.isnan(image).all()
