# SPDX-License-Identifier: Apache-2.0
"""Errors of inverses of flows on images: small with a bound, exploding without."""

import json
import math

import numpy as np
import pytest
import tensorflow as tf

from glf_tf import errors
from glf_tf.data import image_set
from glf_tf.evaluation import evaluation, inverses, reporting
from glf_tf.evaluation import settings as settings_lib
from glf_tf.flows import glow
from glf_tf.metrics import protocol
from glf_tf.models import image_flow
from tests import descriptors

SHAPE = (4, 4, 1)
PIXELS = np.random.default_rng(0).integers(100, 150, (6, *SHAPE), dtype=np.uint8)
SETS = ("train", "test", "uniform", "constant", "saturated")


def steep(scale, **options):
    """A flow whose couplings have large outputs, as training may make them."""
    flow = glow.Glow(SHAPE, levels=1, blocks=2, hidden=3, scale=scale)
    model = image_flow.ImageFlow(SHAPE, flow=flow, **options)
    descriptors.perturb(model, scale=0.05)
    for variable in model.flow.trainable_variables:
        if "coupling" in variable.path and "log_scale" not in variable.path:
            variable.assign(variable + 0.3)
    return model


def found(model):
    return inverses.inverse_errors(model, train=PIXELS, test=PIXELS)


def test_an_unbounded_scale_explodes_and_a_bounded_one_does_not():
    exploding = found(steep("exp"))
    assert [name.split()[0] for name in exploding] == list(SETS)
    worst = exploding["saturated images"]
    assert worst.max > 100.0
    bounded = found(steep("tanh"))
    assert max(error.max for error in bounded.values()) < 0.05
    assert sum(error.nonfinite for error in bounded.values()) == 0


def test_errors_are_those_of_images_and_of_their_levels():
    """By hand, for a flow that adds one level: what comes back is one too high."""
    model = steep("none", bits=5, preprocessing="centre")
    image = tf.constant(PIXELS / 255.0, tf.float32)
    assert float(tf.reduce_max(model.inverse_error(image))) < 1e-3

    class Off(image_flow.ImageFlow):
        def encode(self, image, *, training=False):
            level = self._levels(image)
            y = (level + 1.5) / 2**self.bits - 0.5
            return self.flow.bijector().inverse(y)

    off = Off.from_config(model.get_config())
    off.set_weights(model.get_weights())
    np.testing.assert_allclose(off.inverse_error(image), np.ones(6), atol=1e-3)


def measured(model):
    data = [
        image_set.ImageSet("toys", split, PIXELS, None, source="here")
        for split in ("train", "test")
    ]
    measuring = evaluation.Evaluation(
        train=data[0],
        test=data[1],
        extractor=None,
        settings=settings_lib.Settings(),
    )
    return measuring.model(model, metrics=["inverse_error"])


def test_all_sets_are_reported_with_what_is_not_finite(monkeypatch):
    model = steep("tanh")
    monkeypatch.setattr(
        model,
        "inverse_error",
        lambda image: tf.where(image[:, 0, 0, 0] > 0.99, math.nan, 0.25),
    )
    rows = measured(model)
    assert len(rows) == 15
    numbers = {(row.metric, row.protocol.source): row.mean for row in rows}
    assert numbers["inverse_error_max", "constant images"] == math.inf
    assert numbers["inverse_error_median", "constant images"] == 0.25
    assert numbers["inverse_error_nonfinite", "constant images"] == 1
    assert {row.protocol.samples for row in rows} == {6}
    text = protocol.to_json(rows)
    json.loads(text, parse_constant=pytest.fail)  # JSON has no infinity
    assert protocol.from_json(text) == rows
    assert "levels, of 8 bits" in reporting.table(rows)


def test_models_without_an_inverse_are_refused():
    assert "inverse_error" in settings_lib.supported(steep("tanh"))
    assert "inverse_error" not in settings_lib.supported(descriptors.model("glf"))
    with pytest.raises(errors.Unsupported, match="no inverse") as caught:
        measured(descriptors.model("glf"))
    assert "\n" not in str(caught.value)
