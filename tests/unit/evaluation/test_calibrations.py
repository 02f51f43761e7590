# SPDX-License-Identifier: Apache-2.0
"""Calibration of a model's prior on latents whose distribution is known."""

import io

import numpy as np
import pytest
import tensorflow as tf

from glf_tf import errors, parts
from glf_tf.data import vector_set
from glf_tf.evaluation import calibrations, evaluation
from glf_tf.evaluation import settings as settings_lib
from glf_tf.metrics import calibration
from glf_tf.models import density
from glf_tf.plotting import calibration_figure
from tests import descriptors

IMAGES = descriptors.images(900)


def ranks(model):
    return calibrations.ranks(model, IMAGES, num_draws=2_000, seed=0)


def drawn(model, *, scale=1.0):
    """Returns a function that has draws of the prior in the place of codes."""
    return lambda image: scale * model.prior.sample(tf.shape(image)[0], seed=9)


# A distance by chance in 1 of 1000 cases.
CHANCE = 1.95 * (1 / 900 + 1 / 2_000) ** 0.5


@pytest.mark.parametrize("name", ["rae_spectral", "rae_flow", "rae", "glf_two_stage"])
def test_draws_of_the_prior_are_calibrated(name, monkeypatch):
    model = descriptors.model(name)
    monkeypatch.setattr(model, "encode", drawn(model))
    found = ranks(model)
    assert found.regions.distance < CHANCE
    assert len(found.coordinates) == model.latent_dim
    # Of four coordinates.
    assert max(rank.distance for rank in found.coordinates) < 1.2 * CHANCE


def test_densities_of_labels_are_ranked_whatever_the_label():
    made = density.Density(2, **descriptors.DENSITIES["flow_of_labels"])
    descriptors.perturb(made, scale=0.3)
    drawn = np.asarray(made.sample(900, seed=3))
    data = vector_set.VectorSet("drawn", "test", drawn)
    found = calibrations.ranks(made, data, num_draws=2_000, seed=0)
    assert found.regions.distance < CHANCE
    assert max(rank.distance for rank in found.coordinates) < 1.2 * CHANCE


@pytest.mark.parametrize(("scale", "sign"), [(1.5, -1), (0.6, 1)])
def test_wider_and_narrower_codes_are_told_apart(scale, sign, monkeypatch):
    model = descriptors.model("rae_spectral")
    monkeypatch.setattr(model, "encode", drawn(model, scale=scale))
    found = ranks(model)
    assert sign * found.regions.bias > 0.1
    assert min(rank.distance for rank in found.coordinates) > CHANCE


def test_latents_of_a_variational_model_are_draws_of_its_posterior(monkeypatch):
    model = descriptors.model("vae")
    monkeypatch.setattr(model, "encode", lambda image: pytest.fail("means"))
    monkeypatch.setattr(
        model, "sample_posterior", lambda image, seed: (drawn(model)(image), None)
    )
    assert ranks(model).regions.distance < CHANCE


def measuring():
    settings = settings_lib.Settings(samples=500)
    data = {"train": IMAGES, "test": IMAGES}
    return evaluation.Evaluation(**data, extractor=None, settings=settings)


def test_it_is_measured_and_drawn():
    model, measured = descriptors.model("glf"), measuring()
    rows = measured.model(model, metrics=["calibration"])
    assert [row.metric for row in rows] == [
        "calibration_error",
        "calibration_bias",
        "calibration_distance",
        "calibration_distance_of_coordinates",
        "calibration_distance_of_worst_coordinate",
    ]
    assert {row.protocol.samples for row in rows} == {900}
    assert "among 500 draws" in rows[0].notes[0]
    found = measured.of_models.ranks
    assert rows[2].mean == found.regions.distance
    assert rows[4].mean == max(rank.distance for rank in found.coordinates)
    figure = calibration_figure.draw(found)
    lines = [len(panel.lines) for panel in figure.axes]
    assert lines == [2, 1 + model.latent_dim]  # with a diagonal each
    for panel, curves in zip(figure.axes, (1, model.latent_dim), strict=True):
        (band,) = panel.collections
        height = np.ptp(band.get_paths()[0].vertices[:, 1]) - 1.0
        assert height == pytest.approx(2.0 * found.chance(curves=curves))
    assert found.chance(curves=1) == calibration.chance(900, 500)
    figure.savefig(stream := io.BytesIO(), format="png")
    assert stream.getvalue()[:4] == b"\x89PNG"


def test_models_without_codes_are_refused():
    model = descriptors.model("lfbm")
    assert "calibration" in settings_lib.supported(descriptors.model("glf"))
    assert "calibration" not in settings_lib.supported(model)
    with pytest.raises(errors.Unsupported, match="Calibration") as caught:
        measuring().model(model, metrics=["calibration"])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "labels", "changed", "plain"),
    [
        ("flow_smoothed", 0, {"denoising": True}, {"denoising": False}),
        ("flow_matching", 3, {"guidance": 3.0}, {"guidance": 1.0}),
        ("flow_of_dropped_labels", 3, {"guidance": 3.0}, {"guidance": 1.0}),
    ],
)
def test_draws_are_those_of_the_density(name, labels, changed, plain):
    spec = {**descriptors.PRIORS, **descriptors.LABELLED_PRIORS}[name]
    kept = {key: spec[key] for key in spec if key not in changed}
    size = {"latent_dim": 4, "num_classes": labels}
    made = [parts.make("prior", {**kept, **how}, **size) for how in (changed, plain)]
    descriptors.perturb(made[0], scale=0.3)
    for mine, other in zip(made[0].variables, made[1].variables, strict=True):
        other.assign(mine)
    drawn, expected = (prior.sample_density(5, seed=(1, 2)) for prior in made)
    np.testing.assert_array_equal(drawn, expected)
    np.testing.assert_array_equal(expected, made[1].sample(5, seed=(1, 2)))
    assert not np.array_equal(drawn, made[0].sample(5, seed=(1, 2)))
    z = tf.ones([5, 4])
    has_noise = np.any(made[0].with_noise(z, seed=(1, 2)) != z)
    assert has_noise == made[0].is_smoothed
