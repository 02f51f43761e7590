# SPDX-License-Identifier: Apache-2.0
"""Parts are equal however they are given: as an object, a specification or a name."""

import copy
import json
import pickle
from collections.abc import Mapping

import keras
import numpy as np
import pytest

from glf_tf import catalogue, errors, foreign, parts
from glf_tf.flows import real_nvp
from glf_tf.inference import langevin
from glf_tf.masks import square
from glf_tf.models import glf, lfbm, rae
from glf_tf.networks import mlp
from glf_tf.objectives import gaussian
from glf_tf.priors import flow as flow_prior
from glf_tf.priors import labelled, normal, standard_normal
from glf_tf.training import checkpoints, saved_variables
from tests import descriptors

SHAPE = descriptors.IMAGE_SHAPE
MLP = {"name": "mlp", "hidden": (5,)}
FLOW = {"name": "real_nvp", "hidden": 6, "blocks": 2}

KEEPING = {
    "glf": (
        lambda: {
            "network": mlp.MLP(hidden=(5,)),
            "flow": real_nvp.RealNVP(4, hidden=6, blocks=2),
            "reconstruction": gaussian.Gaussian(SHAPE, learned=True),
        },
        {
            "network": MLP,
            "flow": FLOW,
            "reconstruction": {"name": "gaussian", "learned": True},
        },
    ),
    "rae": (
        lambda: {"network": mlp.MLP(hidden=(5,)), "prior": normal.NormalPrior(4)},
        {"network": MLP, "prior": "normal"},
    ),
    "lfbm": (
        lambda: {
            "network": mlp.MLP(hidden=(5,)),
            "inference": langevin.Langevin(steps=2),
            "prior": flow_prior.FlowPrior(4, flow=real_nvp.RealNVP(4, **_of(FLOW))),
        },
        {
            "network": MLP,
            "inference": {"name": "langevin", "steps": 2},
            "prior": {"name": "flow", "flow": FLOW},
        },
    ),
}
"""Objects and specifications of the same parts, by model."""

CLASSES = {"glf": glf.GLF, "rae": rae.RAE, "lfbm": lfbm.LFBM}


def _of(spec):
    return {key: value for key, value in spec.items() if key != "name"}


def _model(name, options):
    keras.utils.set_random_seed(0)
    return CLASSES[name](SHAPE, latent_dim=4, **options)


def by_object(name):
    return _model(name, KEEPING[name][0]())


def by_specification(name):
    return _model(name, KEEPING[name][1])


@pytest.fixture(params=KEEPING)
def name(request):
    return request.param


def test_objects_and_specifications_are_one_in_configurations_and_names(name):
    given, described = by_object(name), by_specification(name)
    assert given.get_config() == described.get_config()
    assert json.loads(json.dumps(given.get_config())) == given.get_config()
    names = [list(saved_variables.variables_of(item)) for item in (given, described)]
    assert names[0] == names[1]


def test_keras_files_keep_objects(name, tmp_path):
    model = by_object(name)
    descriptors.perturb(model)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(model.sample(3, seed=0), loaded.sample(3, seed=0))
    assert loaded.get_config() == model.get_config()


def test_checkpoints_of_objects_are_read_by_specification_and_back(name, tmp_path):
    state = {"stage": 0, "step": 0, "global_step": 0, "callbacks": {}}
    for place, (write, read) in enumerate(
        [(by_object, by_specification), (by_specification, by_object)]
    ):
        model = write(name)
        descriptors.perturb(model, seed=place)
        variables = saved_variables.variables_of(model)
        checkpoints.Checkpoints(tmp_path / str(place), variables).save(state, step=0)
        other = read(name)
        store = checkpoints.Checkpoints(
            tmp_path / str(place), saved_variables.variables_of(other)
        )
        assert store.restore() == state
        np.testing.assert_array_equal(model.sample(3, seed=0), other.sample(3, seed=0))


def test_a_described_model_is_built_again(name):
    model = by_object(name)
    described = json.loads(json.dumps(parts.specification("model", model)))
    assert described["name"] == name
    assert "image_shape" not in described
    again = parts.make("model", described, image_shape=SHAPE)
    assert again.get_config() == model.get_config()


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        (kind, given)
        for kind in ("flow", "prior", "network", "inference", "reconstruction")
        for given in catalogue.names(kind)
    ],
)
def test_every_part_is_described_as_its_name_is(kind, given):
    sizes = {
        "flow": _size_of(given) if kind == "flow" else {},
        "prior": {
            "latent_dim": 4,
            **({"num_classes": 3} if given.startswith("labelled_") else {}),
        },
        "reconstruction": {"image_shape": SHAPE},
    }.get(kind, {})
    part = parts.make(kind, given, **sizes)
    described = parts.specification(kind, part)
    assert described == parts.specification(kind, given)
    assert parts.make(kind, part, **sizes) is part
    again = type(part).from_config(part.get_config())
    assert again.get_config() == part.get_config()


def _size_of(flow):
    size = descriptors.event_shape(flow)
    return {"event_dim": 4} if isinstance(size, int) else {"event_shape": SHAPE}


def as_objects(name):
    """A descriptor's model with an object in the place of each part."""
    described = parts.specification("model", descriptors.MODELS[name])
    kind = described.pop("name")
    arguments = descriptors.arguments(name)
    dim = described.get("latent_dim")
    of_images = {"event_shape": arguments["image_shape"]}
    classes = described.get("num_classes", 0)
    of_labels = {"condition_dim": classes} if classes else {}
    sizes = {
        "flow": of_images if kind == "image_flow" else {"event_dim": dim, **of_labels},
        "prior": {"latent_dim": dim},
        "reconstruction": {"image_shape": arguments["image_shape"]},
        "sharpening": {"image_shape": arguments["image_shape"]},
    }
    for option in catalogue.options("model", kind).values():
        if option.is_part and described[option.name] is not None:
            given, own = described[option.name], dict(sizes.get(option.part, {}))
            if option.part == "prior" and classes and labelled.takes_labels(given):
                own["num_classes"] = classes
            described[option.name] = catalogue.build(option.part, given, **own)
    return catalogue.load("model", kind)(**arguments, **described)


def _complete(config):
    """A configuration in which all of a user's layers have all their arguments."""
    if not isinstance(config, Mapping):
        return config
    if config.get("name") == "keras" and "config" in config:
        layer = foreign.make(config)
        layer.trainable = config["config"]["config"].get("trainable", True)
        return foreign.specification(layer)
    return {key: _complete(value) for key, value in config.items()}


@pytest.mark.parametrize("name", descriptors.MODELS)
def test_every_model_is_one_of_objects_and_of_specifications(name):
    given, described = as_objects(name), descriptors.model(name)
    assert given.get_config() == _complete(described.get_config())
    variables = [saved_variables.variables_of(item) for item in (given, described)]
    assert list(variables[0]) == list(variables[1])
    for variable, value in zip(*(item.values() for item in variables), strict=True):
        variable.assign(value)
    np.testing.assert_array_equal(given.sample(2, seed=0), described.sample(2, seed=0))


def test_weights_of_an_object_are_kept():
    flow = real_nvp.RealNVP(4, hidden=6, blocks=2)
    descriptors.perturb(flow)
    before = [np.array(variable) for variable in flow.variables]
    model = _model("glf", {"network": MLP, "flow": flow})
    assert model.flow is flow
    for variable, value in zip(flow.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)


def test_a_frozen_object_and_its_precision_are_described():
    flow = real_nvp.RealNVP(4, hidden=6, blocks=1, dtype="float64")
    flow.trainable = False
    described = parts.specification("flow", flow)
    assert described["trainable"] is False
    assert described["dtype"] == "float64"
    again = parts.make("flow", described, event_dim=4, name="flow")
    assert not again.trainable_variables
    assert again.variables[0].dtype == "float64"


def test_parts_without_weights_are_copied():
    network = mlp.MLP(hidden=(3,))
    for copied in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        assert copied.get_config() == network.get_config()


def test_an_object_serves_two_models_in_one_place():
    flow = real_nvp.RealNVP(4, hidden=6, blocks=2)
    models = [_model("glf", {"network": MLP, "flow": flow}) for _ in range(2)]
    names = [list(saved_variables.variables_of(item)) for item in models]
    assert names[0] == names[1]


def test_two_objects_of_one_class_have_names_of_their_own():
    class Pair(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            flows = [real_nvp.RealNVP(4, hidden=6, blocks=1) for _ in range(2)]
            self.inner = parts.make("flow", flows[0], event_dim=4, name="inner")
            self.outer = parts.make("flow", flows[1], event_dim=4, name="outer")

    names = list(saved_variables.variables_of(Pair()))
    assert {item.split("/")[1] for item in names} == {"inner", "outer"}


def test_an_object_in_two_places_is_refused():
    flow = real_nvp.RealNVP(4, hidden=6, blocks=1)
    parts.make("flow", flow, event_dim=4, name="inner")
    with pytest.raises(errors.InvalidValue, match="same role.*outer.*inner"):
        parts.make("flow", flow, event_dim=4, name="outer")


@pytest.mark.parametrize(
    ("kind", "value", "word"),
    [
        ("flow", mlp.MLP(), "A flow.*MLP"),
        ("flow", real_nvp.RealNVP, "the class RealNVP"),
        ("flow", 3, "int"),
        ("flow", None, "NoneType"),
        ("network", normal.NormalPrior(4), "A network.*NormalPrior"),
    ],
)
def test_other_kinds_are_refused(kind, value, word):
    with pytest.raises(errors.InvalidType, match=word) as caught:
        parts.make(kind, value, event_dim=4)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "value", "sizes"),
    [
        ("flow", real_nvp.RealNVP(4), {"event_dim": 5}),
        ("prior", normal.NormalPrior(4), {"latent_dim": 5}),
        ("reconstruction", gaussian.Gaussian(SHAPE), {"image_shape": (8, 8, 3)}),
        ("mask", square.SquareMask((8, 8, 1)), {"image_shape": (9, 8, 1)}),
    ],
)
def test_other_sizes_are_refused(kind, value, sizes):
    with pytest.raises(errors.InvalidValue, match="made for"):
        parts.make(kind, value, **sizes)


def test_a_class_that_no_other_process_finds_is_refused():
    class Here(mlp.MLP):
        pass

    with pytest.raises(errors.InvalidValue, match="Here"):
        parts.specification("network", Here())


def test_a_class_without_a_constructor_remembers_what_its_base_was_given():
    assert parts.specification("prior", normal.NormalPrior(4)) == {"name": "normal"}
    assert Wide(hidden=(9,)).get_config()["hidden"] == [9]


def test_constructors_that_take_nothing_of_keras_are_given_nothing():
    prior = Plain(3)
    assert prior.get_config() == {"latent_dim": 3}
    assert Plain.from_config(prior.get_config()).latent_dim == 3


def test_an_option_may_have_the_name_of_what_is_decided_for_others(tmp_path):
    parted = {"network": MLP, "flow": Named(4, paths=5, num_images=9), "paths": "y"}
    model = Counting(SHAPE, latent_dim=4, num_images=6, **parted)
    model.save(tmp_path / "model.keras")
    described = json.loads(json.dumps(parts.specification("model", model)))
    for same in (
        keras.saving.load_model(tmp_path / "model.keras"),
        keras.models.clone_model(model),
        Counting.from_config(model.get_config()),
        parts.make("model", described, image_shape=SHAPE),
    ):
        assert (same.flow.given, same.given) == ((5, 9), (6, "y"))


def test_a_size_is_decided_though_it_has_a_default():
    assert parts.specification("prior", Sized(latent_dim=3)) == {
        "name": f"{__name__}:Sized"
    }


def test_a_part_whose_constructor_hands_on_positions_is_described(tmp_path):
    flow = Handing(4, depth=3)
    assert parts.specification("flow", flow)["depth"] == 3
    model = glf.GLF(SHAPE, latent_dim=4, network=MLP, flow=flow)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(model.sample(3, seed=0), loaded.sample(3, seed=0))


class Handing(real_nvp.RealNVP):
    """A flow of somebody's, which hands on what it does not know."""

    def __init__(self, *args, depth=2, **kwargs):
        super().__init__(*args, **kwargs)


class Named(real_nvp.RealNVP):
    """A flow of somebody's, whose options are decided in parts of other kinds."""

    def __init__(self, event_dim, *, paths=2, num_images=7, **kwargs):
        super().__init__(event_dim, hidden=4, blocks=1, **kwargs)
        self.given = (paths, num_images)


class Counting(glf.GLF):
    """A model of somebody's, which has the same options."""

    def __init__(self, image_shape, *, num_images=5, paths="x", **kwargs):
        super().__init__(image_shape, **kwargs)
        self.given = (num_images, paths)


class Sized(standard_normal.StandardNormalPrior):
    """A prior of somebody's, with a size of its own."""

    def __init__(self, latent_dim=4):
        super().__init__(latent_dim)


class Plain(standard_normal.StandardNormalPrior):
    """A prior of somebody's, whose constructor takes a size alone."""

    def __init__(self, latent_dim):
        super().__init__(latent_dim)


class Wide(mlp.MLP):
    """A network of somebody's, which adds nothing."""
