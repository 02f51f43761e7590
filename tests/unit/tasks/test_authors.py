# SPDX-License-Identifier: Apache-2.0
"""The authors' habits of sampling: their batches and stretch, of any prior's draws."""

import keras
import numpy as np
import pytest

from glf_tf import errors
from glf_tf.layers import normalization
from glf_tf.models import latent
from glf_tf.priors import prior as prior_lib
from glf_tf.tasks import authors
from tests import descriptors

PLAIN = [
    name
    for name in sorted(descriptors.MODELS)
    if not name.startswith(("began", "gan", "glann", "image_flow", "meg"))
]
"""Models that decode draws of a prior."""


def fitted(name):
    """A model whose prior is far from N(0, I) where anything is fitted."""
    keras.utils.set_random_seed(0)
    model = descriptors.model(name)
    z = np.random.default_rng(0).normal(5.0, 3.0, size=(60, model.latent_dim))
    if isinstance(model.prior, prior_lib.Fitted):
        model.prior.fit(z)
    elif isinstance(model.prior, prior_lib.AbstractNoisePrior):
        given = {"label": np.arange(60) % 10} if model.num_classes else {}
        model.prior.fit_noise(z.astype(np.float32), **given)
    return model


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", PLAIN)
def test_the_priors_own_draws_are_decoded(name):
    model = fitted(name)
    assert isinstance(model, latent.AbstractLatentModel)
    (images,) = authors.sample(model, 6, seed=(3, 1))
    assert images.min(axis=(1, 2, 3)) == pytest.approx(0.0)
    assert images.max(axis=(1, 2, 3)) == pytest.approx(1.0)
    other = fitted(name)  # spectral norms go on from where they were left
    layers = other._flatten_layers()
    if any(isinstance(layer, normalization.BatchNorm) for layer in layers):
        return  # It decodes with statistics of its own.
    plain = other.decode(other.prior.sample(6, seed=(3, 1)), training=True)
    np.testing.assert_allclose(images, authors._stretched(plain.numpy()), atol=1e-3)


def test_batches_are_those_of_plain_sampling(monkeypatch):
    monkeypatch.setattr(authors, "BATCH", 4)
    model = fitted("rae")
    images = list(authors.sample(model, 10, seed=1))
    assert [len(item) for item in images] == [4, 4, 2]
    (few,) = authors.sample(model, 4, seed=1)
    np.testing.assert_allclose(few, images[0], atol=1e-6)


def test_models_without_a_prior_are_refused():
    with pytest.raises(errors.Unsupported, match="draws of a prior"):
        next(authors.sample(descriptors.model("glann"), 4))
