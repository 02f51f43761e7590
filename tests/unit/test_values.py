# SPDX-License-Identifier: Apache-2.0
"""What a part remembers of its arguments is its own, and can be saved."""

import keras
import numpy as np
import pytest

from glf_tf import errors, parts
from glf_tf.flows import real_nvp
from glf_tf.models import glf
from glf_tf.networks import mlp

SHAPE = (4, 4, 1)


def test_what_is_done_to_arguments_later_changes_no_file(tmp_path):
    hidden = [4]
    network, flow = {"name": "mlp", "hidden": hidden}, {"name": "real_nvp", "blocks": 1}
    described = glf.GLF(SHAPE, latent_dim=3, network=network, flow=flow)
    given = glf.GLF(SHAPE, latent_dim=3, network=mlp.MLP(hidden=hidden), flow=flow)
    hidden.append(5)
    flow["blocks"] = 2
    for model in (described, given):
        model.save(tmp_path / "model.keras")
        loaded = keras.saving.load_model(tmp_path / "model.keras")
        np.testing.assert_array_equal(model.sample(2, seed=0), loaded.sample(2, seed=0))


def test_a_default_that_its_constructor_changes_is_remembered_as_it_was():
    first = Growing()
    described = parts.specification("network", first)
    assert described["widths"] == [8]
    assert parts.make("network", described).widths == first.widths == [8, 4]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Halting(SHAPE), "Halting with frozen=False.* own_frozen"),
        (lambda: Halting(SHAPE, frozen=True), "own_frozen"),
        (lambda: Typed(dtype="int8"), "Typed with dtype='int8'"),
        (lambda: Active(4), "`act` of Active .*activations.get"),
        (lambda: Active(4, act=keras.activations.gelu), "Received: gelu"),
        (lambda: Active(4, act=[{"f": len}]), "activations.get"),
        (lambda: Active(4, act=real_nvp.RealNVP), "no function or class"),
        (lambda: Active(4, act=keras.initializers.HeNormal()), "HeNormal"),
    ],
)
def test_arguments_that_no_file_could_have_are_refused(make, words):
    with pytest.raises(errors.InvalidValue, match=words) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_arguments_that_files_have_are_taken():
    assert Active(4, act="gelu").act == "gelu"
    assert Active(4, act=real_nvp.RealNVP(2, blocks=1, hidden=4)).act.event_dim == 2
    assert Typed().get_config() == {}


class Halting(glf.GLF):
    """A model of somebody's, with an option that a description has already."""

    def __init__(self, image_shape, *, frozen=False, **kwargs):
        super().__init__(image_shape, **kwargs)


class Typed(mlp.MLP):
    """A network of somebody's, with options that Keras' layers have."""

    def __init__(self, *, name="typed", dtype="int4"):
        super().__init__()


class Active(real_nvp.RealNVP):
    """A flow of somebody's, with a function as Keras' layers take it."""

    def __init__(self, event_dim, *, act=keras.activations.relu, **kwargs):
        super().__init__(event_dim, hidden=4, blocks=1, **kwargs)
        self.act = act


class Growing(mlp.MLP):
    """A network of somebody's, which changes its own default."""

    def __init__(self, *, widths=[8]):  # noqa: B006 - the fault in question
        super().__init__()
        widths.append(4)
        self.widths = widths
