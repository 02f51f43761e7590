# SPDX-License-Identifier: Apache-2.0
"""The stage that sharpens a decoder, in every family of models with an encoder."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf_tf import catalogue, errors, seeds
from glf_tf.data import pipeline
from glf_tf.models import glf
from tests import descriptors

SHARPENING = {"name": "adversarial", "widths": (3, 4)}
FAMILIES = (
    *("glf_labels", "lfbm_vae", "rae", "two_stage_vae", "vae", "vae_flow_posterior"),
    *("vae_flow_prior", "vae_vamp_prior", "wae_gan", "wae_mmd"),
)
WITHOUT_ENCODER = ("abp", "glann", "lebm", "lfbm", "sri")


def made(name, **given):
    spec = {**descriptors.MODELS[name], "sharpen": {**SHARPENING, **given}}
    keras.utils.set_random_seed(0)
    model = catalogue.build("model", spec, **descriptors.arguments(name))
    descriptors.perturb(model)
    return model


@pytest.fixture
def eagerly():
    """Steps without a graph: a few of them take less time than its tracing."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


def values(layer):
    return [np.array(variable) for variable in layer.variables]


def assert_equal(before, after):
    for first, second in zip(before, after, strict=True):
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("name", FAMILIES)
def test_codes_and_prior_stay_bit_for_bit(name, eagerly):
    model = made(name, alone=True, drawn=0.5)
    if name == "rae":  # a mixture draws nothing before it is fitted
        model.prior.fit(np.random.default_rng(0).normal(size=(48, 4)))
    kept = {key: values(getattr(model, key)) for key in ("encoder", "prior")}
    image = descriptors.batch()["image"]
    codes, images = model.encode(image), model.decode(model.encode(image))
    history = model.fit(descriptors.images(), epochs=1, batch_size=24, verbose=0)
    assert set(history.stages) == {"sharpen"}
    for key, before in kept.items():
        assert_equal(before, values(getattr(model, key)))
    np.testing.assert_array_equal(model.encode(image), codes)
    assert np.abs(model.decode(codes) - images).max() > 1e-4


@pytest.mark.parametrize("name", FAMILIES)
def test_it_comes_last_or_alone(name):
    before = [stage.name for stage in descriptors.model(name).stages()]
    assert [stage.name for stage in made(name).stages()] == [*before, "sharpen"]
    assert [stage.name for stage in made(name, alone=True).stages()] == ["sharpen"]


@pytest.mark.parametrize("name", WITHOUT_ENCODER)
def test_without_an_encoder_all_but_the_decoder_stays_bit_for_bit(name, eagerly):
    model = made(name, alone=True, drawn=0.5)
    moving = {id(v) for v in (*model.decoder.variables, *model.sharpening.variables)}
    kept = [variable for variable in model.variables if id(variable) not in moving]
    before, decoder = [np.array(v) for v in kept], values(model.decoder)
    codes = model.codes_of(descriptors.images())["z"]
    history = model.fit(descriptors.images(), epochs=1, batch_size=24, verbose=0)
    assert set(history.stages) == {"sharpen"}
    assert_equal(before, [np.array(v) for v in kept])
    moved = [
        np.abs(a - b).max() for a, b in zip(values(model.decoder), decoder, strict=True)
    ]
    assert max(moved) > 1e-5
    if name in ("abp", "glann"):
        np.testing.assert_array_equal(model.codes_of(descriptors.images())["z"], codes)


@pytest.mark.parametrize("name", WITHOUT_ENCODER)
def test_without_an_encoder_it_comes_last_and_is_validated_if_codes_are_known(name):
    before = [stage.name for stage in descriptors.model(name).stages()]
    stages = made(name).stages()
    assert [stage.name for stage in stages] == [*before, "sharpen"]
    assert stages[-1].is_validated == (name not in ("abp", "glann"))


def test_codes_without_an_encoder_are_those_of_training():
    data = descriptors.images()
    persistent, glann = made("abp"), made("glann")
    rows = np.random.default_rng(0).normal(size=(48, 4)).astype(np.float32)
    persistent.store.rows.assign(rows)
    np.testing.assert_array_equal(persistent.codes_of(data)["z"], rows)
    np.testing.assert_array_equal(glann.codes_of(data)["z"], glann.codes())
    for name in ("lebm", "lfbm", "lfbm_labels", "sri"):
        model, image = made(name), np.float32(data.images) / 255.0
        first, again = (model.codes_of(data)["z"] for _ in range(2))
        np.testing.assert_array_equal(first, again)
        given = {"label": data.labels} if name == "lfbm_labels" else {}
        chains = model.infer_latents(image, seed=(19, 0), **given)
        np.testing.assert_allclose(first, chains.z, atol=1e-4)


def test_draws_of_a_mapper_lie_where_codes_do():
    model = made("glann", drawn=0.5)
    drawn = model.stages()[-1].cache(descriptors.images())["drawn"]
    np.testing.assert_allclose(np.linalg.norm(drawn, axis=1), 1.0, rtol=1e-5)
    assert np.std(drawn, axis=0).min() > 1e-3


def batch_of(model, *, size=6):
    stage = model.stages()[-1]
    source = stage.source(descriptors.images())
    return next(iter(pipeline.batches(source, batch_size=size, seed=2)))


def test_codes_are_those_of_the_images_beside_them():
    model = made("glf")
    batch = batch_of(model)
    np.testing.assert_allclose(model.encode(batch["image"]), batch["z"], atol=1e-5)
    latents = model.latents_of(batch, seed=seeds.make(0))
    np.testing.assert_array_equal(latents, batch["z"])


@pytest.mark.parametrize("name", ["two_stage_vae", "vae_flow_posterior"])
def test_latents_are_drawn_from_their_posteriors_anew(name):
    model = made(name)
    batch, image = batch_of(model), batch_of(model)["image"]
    first, again, other = (
        model.latents_of(batch, seed=seeds.make(seed)) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).min() > 0.0
    expected, _ = model.sample_posterior(image, seed=0)
    np.testing.assert_allclose(first, expected, atol=1e-4)


def test_draws_are_the_priors_and_the_same_ones_after_a_resume():
    model = made("glf", drawn=0.5)
    data = descriptors.images()
    first, again = (model.stages()[-1].cache(data)["drawn"] for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert first.shape == (48, 4)
    drawn = model.prior.sample(48, seed=(17, 0))
    np.testing.assert_allclose(first, drawn, atol=1e-5)
    assert "drawn" not in made("glf").stages()[-1].cache(data)


def test_settings_of_its_groups_are_those_of_any(eagerly):
    model = made("glf", alone=True)
    model.compile(
        schedule={"": "constant", "decoder": "cosine"},
        schedule_epochs={"": 0, "decoder": 2},
        ema_decay={"": 0.0, "decoder": 0.5},
    )
    start = values(model.decoder)
    model.fit(descriptors.images(), epochs=1, batch_size=16, verbose=0)
    averaged = values(model.decoder)
    plain = made("glf", alone=True)
    plain.fit(descriptors.images(), epochs=1, batch_size=16, verbose=0)
    moved = [np.abs(a - b).max() for a, b in zip(averaged, start, strict=True)]
    further = [
        np.abs(a - b).max() for a, b in zip(values(plain.decoder), start, strict=True)
    ]
    assert all(0.0 < a < b for a, b in zip(moved, further, strict=True))


def test_no_epochs_for_it_are_a_mistake():
    with pytest.raises(errors.InvalidValue, match="sharpen, which was asked for"):
        made("glf").fit(descriptors.images(), epochs={"": 1, "sharpen": 0}, verbose=0)
    with pytest.raises(errors.InvalidValue, match="must have epochs"):
        made("glf").fit(descriptors.images(), epochs=0, verbose=0)


def test_hidden_pixels_are_refused():
    data = dataclasses.replace(
        descriptors.images(), masks=lambda index: tf.ones([len(index), 8, 8, 1])
    )
    with pytest.raises(errors.Unsupported, match="whole images"):
        made("vae_flow_prior").check_data(data)
    descriptors.model("vae_flow_prior").check_data(data)


class Forgetful(glf.GLF):
    """A model whose stages leave the sharpening out."""

    def stages(self):
        return super().stages()[:1]


def test_a_model_that_leaves_it_out_is_refused():
    spec = dict(descriptors.MODELS["glf"]) | {"sharpen": SHARPENING}
    spec.pop("name")
    model = Forgetful(descriptors.IMAGE_SHAPE, **spec)
    with pytest.raises(errors.Unsupported, match=r"Forgetful.*self\.sharpened"):
        model.check_data(descriptors.images())


@pytest.mark.parametrize("name", ["gan", "image_flow"])
def test_models_without_a_decoder_have_no_such_option(name):
    with pytest.raises(errors.InvalidValue, match="sharpen"):
        made(name)


def test_it_is_described_and_built_again():
    model = made("glf", alone=True, noise=0.1)
    spec = model.get_config()["sharpen"]
    assert spec["name"] == "adversarial"
    assert (spec["alone"], spec["noise"]) == (True, 0.1)
    again = glf.GLF.from_config(model.get_config())
    assert [stage.name for stage in again.stages()] == ["sharpen"]
    assert again.sharpening.critic.count_params() == (
        model.sharpening.critic.count_params()
    )
