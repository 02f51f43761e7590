# SPDX-License-Identifier: Apache-2.0
"""Calibration of a model's prior on latents whose distribution is known."""

import io

import pytest
import tensorflow as tf

from glf_tf import errors
from glf_tf.evaluation import calibrations, evaluation
from glf_tf.evaluation import settings as settings_lib
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


@pytest.mark.parametrize(
    "name", ["rae_spectral", "rae_flow", "rae", "glf_two_stage", "glf_labels"]
)
def test_draws_of_the_prior_are_calibrated(name, monkeypatch):
    model = descriptors.model(name)
    monkeypatch.setattr(model, "encode", drawn(model))
    found = ranks(model)
    assert found.regions.distance < CHANCE
    assert len(found.coordinates) == model.latent_dim
    # Of four coordinates.
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
    figure.savefig(stream := io.BytesIO(), format="png")
    assert stream.getvalue()[:4] == b"\x89PNG"


def test_models_without_codes_are_refused():
    model = descriptors.model("lfbm")
    assert "calibration" in settings_lib.supported(descriptors.model("glf"))
    assert "calibration" not in settings_lib.supported(model)
    with pytest.raises(errors.Unsupported, match="Calibration") as caught:
        measuring().model(model, metrics=["calibration"])
    assert "\n" not in str(caught.value)
