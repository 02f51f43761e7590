# SPDX-License-Identifier: Apache-2.0
"""The arguments of every part are checked, in one line, before it is made."""

import copy
import dataclasses
import enum
from typing import Literal

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from glf_tf import arguments, catalogue, errors, parts
from glf_tf.flows import real_nvp
from glf_tf.inference import langevin
from glf_tf.layers import adapters
from glf_tf.masks import mask as mask_lib
from glf_tf.models import coders, glf, lfbm
from glf_tf.networks import mlp

SHAPE = (8, 8, 1)

WRONG = [
    (glf.GLF, (SHAPE,), {"procedure": "jiont"}, "Did you mean joint"),
    (glf.GLF, (SHAPE,), {"decoder_output": "rubbish"}, "auto, images, logits"),
    (glf.GLF, (SHAPE,), {"stop_gradient": "false"}, "True or False"),
    (glf.GLF, (SHAPE,), {"beta": "1"}, "a number"),
    (glf.GLF, (SHAPE,), {"components": 2.5}, "a whole number"),
    *(
        (glf.GLF, (SHAPE,), {"latent_dim": size}, "latent_dim=64")
        for size in ("4", 4.0, None, True, np.float32(4), [4])
    ),
    *(
        (glf.GLF, (shape,), {}, "sequence of 3 whole numbers")
        for shape in (None, 8, "8,8,1", (8.7, 8, 1), (None, None, 1), (8, 8))
    ),
    *((real_nvp.RealNVP, (size,), {}, "event_dim") for size in ("4", 4.0, None)),
    *(
        (real_nvp.RealNVP, (4,), {"blocks": blocks}, "blocks=8")
        for blocks in ("4", 2.5, float("nan"), None, True)
    ),
    *((mlp.MLP, (), {"hidden": hidden}, "sequence") for hidden in ("16", 16, ["a"])),
    (real_nvp.RealNVP, (4,), {"blokcs": 2}, "Did you mean blocks"),
    (real_nvp.RealNVP, (), {"blocks": 2}, "event_dim"),
    (real_nvp.RealNVP, (4, 5), {}, "positional"),
    (glf.GLF, (SHAPE,), {"laten_dim": 2}, "Did you mean latent_dim"),
    (lfbm.LFBM, (SHAPE,), {"encoder": "mlp"}, "Did you mean decoder"),
    (lfbm.LFBM, (SHAPE,), {"flow": "real_nvp"}, r"prior=FlowPrior\("),
    (lfbm.LFBM, (SHAPE,), {"num_images": 3}, "num_images"),
]


@pytest.mark.parametrize(("cls", "given", "options", "words"), WRONG)
def test_wrong_arguments_are_refused_in_one_line(cls, given, options, words):
    with pytest.raises(errors.InvalidValue, match=words) as caught:
        cls(*given, **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("cls", "given", "options"),
    [
        (glf.GLF, (list(SHAPE),), {"latent_dim": np.int64(4), "beta": 1}),
        (glf.GLF, (np.array(SHAPE),), {"beta": np.float32(2), "name": None}),
        (glf.GLF, (tf.TensorShape(SHAPE),), {"stop_gradient": np.bool_(1)}),
        (real_nvp.RealNVP, (np.int32(4),), {"trainable": False, "dtype": "float32"}),
        (mlp.MLP, (), {"hidden": np.array([4, 5])}),
        (langevin.Langevin, (), {"steps": 3}),
    ],
)
def test_all_values_of_a_kind_are_accepted(cls, given, options):
    arguments.check(cls, given, options)


def test_sizes_of_numpy_are_those_of_python():
    flow = real_nvp.RealNVP(np.int64(4), blocks=np.int32(1), hidden=np.int64(3))
    assert flow.get_config()["hidden"] == 3
    assert mlp.MLP(hidden=np.array([4])).get_config()["hidden"] == [4]
    assert type(coders.settled_dim(np.int64(4), mlp.MLP())) is int


@pytest.mark.parametrize(
    "name", [(kind, name) for kind in catalogue.KINDS for name in catalogue.names(kind)]
)
def test_every_default_is_a_value_of_its_option(name):
    cls = catalogue.load(*name)
    table = arguments._table(cls)
    for option in catalogue.options(*name).values():
        if option.name in table:
            assert arguments._allows(table[option.name], option.default)


class Side(enum.Enum):
    LEFT = "left"


class Loose(mask_lib.AbstractMask):
    """Somebody's, which says little of its arguments, and takes any."""

    def __init__(self, size=3, *, side: Side = Side.LEFT, wide: int = "auto", **kwargs):
        self.given = (size, side, wide, kwargs)

    def draw(self, index, *, seed):
        return index


def test_what_an_annotation_does_not_say_is_not_checked():
    assert Loose("4", other=object(), wide="auto").given[0] == "4"
    assert Loose(side=Side.LEFT, wide=2).given[2] == 2
    with pytest.raises(errors.InvalidValue, match="choices"):
        Loose(side="right")
    with pytest.raises(errors.InvalidValue, match="whole number"):
        Loose(wide="narrow")


@dataclasses.dataclass
class Data(mask_lib.AbstractMask):
    """Somebody's, as a data class."""

    side: Literal["left", "right"] = "left"

    def draw(self, index, *, seed):
        return index


def test_data_classes_are_checked_and_copied():
    assert copy.copy(Data("right")).side == "right"
    for wrong in ({"side": "up"}, {"sied": "left"}):
        with pytest.raises(errors.InvalidValue, match="left|side"):
            Data(**wrong)


@pytest.mark.parametrize("spec", [{"name": 3}, {}, {"blocks": 2}, {"name": None}])
def test_a_specification_without_a_name_is_refused(spec):
    with pytest.raises(errors.InvalidValue, match="name and options"):
        parts.make("flow", spec, event_dim=4)


def test_the_output_of_no_decoder_is_refused():
    with pytest.raises(errors.InvalidValue, match="decoder_output"):
        coders.make_decoder(
            mlp.MLP(hidden=(4,)), latent_dim=2, image_shape=SHAPE, output="images"
        )


class Lazy(layers.Layer):
    """Makes a layer when it is called, which Keras refuses."""

    def call(self, image):
        self.late = layers.Dense(2)
        return self.late(image)


def _by_name(outputs):
    image = keras.Input(SHAPE)
    codes = layers.Dense(2)(layers.Flatten()(image))
    return keras.Model(image, outputs(codes))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (Lazy, "All state must be created in"),
        (lambda: _by_name(lambda codes: {"a": codes}), "dict"),
        (lambda: _by_name(lambda codes: [[codes], codes]), "list"),
    ],
)
def test_an_encoder_that_does_not_fit_is_told_why(make, words):
    with pytest.raises(errors.InvalidValue, match=words) as caught:
        adapters.Encoder(make(), image_shape=SHAPE)
    assert "\n" not in str(caught.value)
    assert "\x1b" not in str(caught.value)
