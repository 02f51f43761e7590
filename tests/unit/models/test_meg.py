# SPDX-License-Identifier: Apache-2.0
"""What makes MEG what it is: players, the estimator, the penalty and both scores."""

import numpy as np
import pytest
import tensorflow as tf

from glf_tf import catalogue, errors, seeds
from glf_tf.models import meg
from tests import descriptors

IMAGE = descriptors.batch()["image"]


def make(**changes):
    spec = {**descriptors.MODELS["meg"], **changes}
    made = catalogue.build("model", spec, image_shape=descriptors.IMAGE_SHAPE)
    descriptors.perturb(made)
    return made


def terms_of(model, update):
    update = descriptors.update(model, update)
    return update.terms(descriptors.batch(), seed=seeds.make(0), training=True)


def drawn(model):
    """The noise of the seed that `terms_of` gives, and its images."""
    z = tf.random.stateless_normal([6, 4], seeds.split(0, 2)[0])
    return z, model.decode(z)


def slope_norms(model):
    """Norms of the energy's gradients for pixels in [-1, 1], one after the other."""
    found = []
    for one in tf.unstack(2.0 * IMAGE - 1.0):
        with tf.GradientTape() as tape:
            tape.watch(one)
            energy = model.energy_net((one[None] + 1.0) / 2.0)[0, 0]
        found.append(np.linalg.norm(tape.gradient(energy, one)))
    return np.array(found)


def test_the_energy_falls_at_images_and_rises_at_made_ones():
    model = make(penalty_weight=3.0)
    real = model.energy_net(IMAGE)[:, 0]
    made = model.energy_net(drawn(model)[1])[:, 0]
    found = terms_of(model, "critic")
    np.testing.assert_allclose(found["energy"], real - made, rtol=1e-3)
    np.testing.assert_allclose(found["distance"], made - real, rtol=1e-3)
    np.testing.assert_array_equal(found["accuracy"], np.float32(made > real))
    np.testing.assert_allclose(found["penalty"], slope_norms(model) ** 2, rtol=1e-4)
    weights = descriptors.update(model, "critic").weights
    assert weights["penalty"] == 3.0


def test_the_generator_lowers_its_energy_and_tells_its_noise():
    model = make(information_weight=2.0)
    z, image = drawn(model)
    found = terms_of(model, "generator")
    energy = model.energy_net(image)[:, 0]
    np.testing.assert_allclose(found["generator"], energy, rtol=1e-3)
    joint = model.estimator(image, z).score.numpy()
    apart = model.estimator(image, np.roll(z, 1, axis=0)).score.numpy()
    expected = 0.5 * (np.log1p(np.exp(-joint)) + np.log1p(np.exp(apart)))
    np.testing.assert_allclose(found["information"], expected, rtol=1e-4)
    np.testing.assert_allclose(found["mutual_information"], joint, rtol=1e-4)
    weights = descriptors.update(model, "generator").weights
    assert weights["information"] == 2.0
    assert weights["mutual_information"] == 0.0


def test_each_player_has_its_own_variables():
    model = make()
    owned = {
        update.name: {id(v) for group in update.groups for v in group.variables}
        for stage in model.stages()
        for update in stage.updates
    }
    energy = {id(v) for v in model.energy_net.trainable_variables}
    others = [*model.decoder.trainable_variables, *model.estimator.trainable_variables]
    assert owned == {"critic": energy, "generator": {id(v) for v in others}}
    with tf.GradientTape(persistent=True) as tape:
        found = terms_of(model, "generator")
    estimator = [v.value for v in model.estimator.trainable_variables]
    assert all(s is None for s in tape.gradient(found["generator"], estimator))
    for term in ("generator", "information"):
        decoder = [v.value for v in model.decoder.trainable_variables]
        assert all(s is not None for s in tape.gradient(found[term], decoder))


def test_five_turns_of_the_energy_are_the_default():
    model = meg.MEG((8, 8, 1))
    assert descriptors.update(model, "critic").repeats == 5
    assert descriptors.update(model, "generator").repeats == 1
    assert descriptors.update(model, "critic").weights["penalty"] == 100.0


@pytest.mark.parametrize("score", meg.MEG.anomaly_scores)
def test_scores_of_anomalies(score):
    model = make(anomaly_score=score)
    expected = {
        "energy": model.energy_net(IMAGE)[:, 0],
        "gradient_norm": slope_norms(model),
    }
    found = model.anomaly_terms(IMAGE)
    assert list(found) == [score]
    np.testing.assert_allclose(found[score], expected[score], rtol=1e-4)
    served = model.signatures()["score"](image=IMAGE)
    np.testing.assert_allclose(served["score"], expected[score], rtol=1e-4)
    for other in model.anomaly_scores:
        terms = model.anomaly_terms(IMAGE, score=other)
        np.testing.assert_allclose(terms[other], expected[other], rtol=1e-4)
        assert model.anomaly_terms(IMAGE[:0], score=other)[other].shape == (0,)


BAD = {
    "filters": ({"estimator_filters": (0,)}, "estimator_filters"),
    "width": ({"estimator_width": 0}, "estimator_width"),
    "penalty_weight": ({"penalty_weight": -1.0}, "penalty_weight"),
    "information_weight": ({"information_weight": -1.0}, "information_weight"),
    "score": ({"anomaly_score": "entropy"}, "anomaly_score"),
}


@pytest.mark.parametrize("case", sorted(BAD))
def test_bad_options_are_refused_in_one_line(case):
    changes, word = BAD[case]
    with pytest.raises(errors.InvalidValue, match=word) as caught:
        make(**changes)
    assert "\n" not in str(caught.value)
