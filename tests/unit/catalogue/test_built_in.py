# SPDX-License-Identifier: Apache-2.0
"""Names, options, specifications: what the catalogue says of the built-in parts."""

import inspect
import subprocess
import sys

import pytest

from glf_tf import catalogue, errors

PARTS = [(kind, name) for kind in catalogue.KINDS for name in catalogue.names(kind)]


@pytest.mark.parametrize(("kind", "name"), PARTS)
def test_options_are_those_of_the_imported_constructor(kind, name):
    signature = inspect.signature(catalogue.load(kind, name).__init__)
    expected = {
        parameter.name: parameter.default
        for parameter in signature.parameters.values()
        if parameter.default is not parameter.empty
        and parameter.name not in ("name", *catalogue.KINDS[kind].decided)
    }
    found = {
        option.name: option.default for option in catalogue.options(kind, name).values()
    }
    assert found.items() >= expected.items()
    handed_on = any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values())
    assert found == expected or handed_on


@pytest.mark.parametrize(("kind", "name"), PARTS)
def test_every_option_has_help(kind, name):
    for option in catalogue.options(kind, name).values():
        assert option.help, option.name


def test_reading_options_loads_no_tensorflow():
    program = (
        "import sys; from glf_tf import catalogue; catalogue.options('model', 'glf'); "
        "sys.exit('tensorflow' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_options_build_the_part():
    network = catalogue.build("network", {"name": "mlp", "hidden": (3,)})
    assert network.hidden == (3,)


@pytest.mark.parametrize(
    ("spec", "word"),
    [("mpl", "Did you mean mlp"), ({"name": "mlp", "hiden": 3}, "Did you mean hidden")],
)
def test_unknown_names_are_refused_with_a_suggestion(spec, word):
    with pytest.raises(errors.InvalidValue, match=word):
        catalogue.build("network", spec)


def test_a_completed_part_has_every_option_and_keeps_what_was_given():
    whole = catalogue.completed("model", "lfbm")
    assert set(whole) == {"name", *catalogue.options("model", "lfbm")}
    assert set(whole["prior"]) == {"name", *catalogue.options("prior", "flow")}
    given = {"name": "lfbm", "latent_dim": 3, "prior": {"name": "normal"}}
    changed = catalogue.completed("model", given)
    assert changed["latent_dim"] == 3
    assert changed["prior"] == catalogue.completed("prior", "normal")
    assert changed["network"] == whole["network"]
    assert catalogue.completed("model", changed) == changed
    assert catalogue.completed("model", "gone") == {"name": "gone"}


def test_an_option_is_true_or_false_in_all_parts_of_a_kind_or_in_none():
    """So a command line can be read before the parts are known."""
    found = {}
    for kind, name in PARTS:
        for option in catalogue.options(kind, name).values():
            is_boolean = option.kind == "bool"
            assert found.setdefault((kind, option.name), is_boolean) == is_boolean


def test_options_are_known_by_their_former_names():
    old = {"name": "vae", "beta": 0.5}
    assert catalogue.completed("model", old)["kl_weight"] == 0.5
    assert "beta" not in catalogue.completed("model", old)
    model = catalogue.build("model", {**old, "network": "mlp"}, image_shape=(4, 4, 1))
    assert model.stages()[0].updates[0].weights["kl"] == 0.5


def test_beta_weighs_the_reconstruction_in_every_model_that_has_it():
    having = [n for n in catalogue.names("model") if "beta" in _options(n)]
    assert having == ["glf", "vae_flow_prior"]
    for name in having:
        assert _options(name)["beta"].help == "Weight of the reconstruction term."


def test_former_names_are_no_present_ones():
    for kind in catalogue.KINDS:
        for name in catalogue.names(kind):
            known = catalogue.options(kind, name)
            for old, new in catalogue.former(kind, name).items():
                assert old not in known
                assert new in known


def _options(model):
    return catalogue.options("model", model)
