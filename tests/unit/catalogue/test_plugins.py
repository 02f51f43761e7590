# SPDX-License-Identifier: Apache-2.0
"""Parts of other packages: by entry point, and by module and class."""

import sys

import keras
import pytest
from absl import logging

from glf_tf import catalogue, errors, parts
from glf_tf.catalogue import finding
from glf_tf.flows import real_nvp
from tests.unit.catalogue import plugin


@pytest.fixture(autouse=True)
def installed(tmp_path):
    with plugin.on_path(tmp_path):
        yield tmp_path


@pytest.mark.parametrize("name", ["my_flow", "with_extras", "my_parts:MyFlow"])
def test_a_plugin_is_built_by_its_name(name):
    spec = {"name": name, "extra": 2, "blocks": 1}
    flow = catalogue.build("flow", spec, event_dim=4)
    assert type(flow).__name__ == "MyFlow"
    assert flow.extra == 2
    known = catalogue.options("flow", name)
    assert known["extra"].choices == (1, 2)
    assert known["blocks"] == catalogue.options("flow", "real_nvp")["blocks"]


@pytest.mark.parametrize("name", ["my_flow", "my_parts:MyFlow"])
def test_where_a_plugin_comes_from_is_known(name):
    assert catalogue.origin("flow", name) == {
        "class": "my_parts:MyFlow",
        "distribution": "my-package",
        "version": "1.2",
    }
    assert catalogue.origin("flow", "glow_vector") is None


def test_origins_are_those_of_all_plugins_in_a_specification():
    prior = {"name": "my_prior", "inner": "my_flow"}
    found = catalogue.origins("model", {"name": "lfbm", "prior": prior})
    assert [(item["kind"], item["name"]) for item in found] == [
        ("prior", "my_prior"),
        ("flow", "my_flow"),
    ]
    assert catalogue.origins("model", "lfbm") == []


def test_an_option_of_any_name_holds_a_part():
    whole = catalogue.completed("prior", {"name": "my_prior", "inner": "my_flow"})
    assert whole["inner"]["name"] == "my_flow"
    assert whole["inner"]["scales"] == (1.0,)
    made = catalogue.build("prior", whole, latent_dim=4)
    assert type(made.flow).__name__ == "MyFlow"
    described = parts.specification("prior", made)
    assert {"name", "inner", "components", "noise"} <= set(described)
    assert "flow" not in described
    assert described["inner"]["name"] == "my_flow"
    again = parts.make("prior", described, latent_dim=4)
    assert parts.specification("prior", again) == described


def test_a_class_is_called_as_others_find_it():
    cls = catalogue.load("flow", "my_flow")
    assert catalogue.name_of_class("flow", cls) == "my_flow"
    inner = type("Inner", (cls,), {"__module__": "my_parts"})
    assert catalogue.name_of_class("flow", inner) == "my_parts:Inner"


def test_built_in_names_are_no_plugins():
    assert "my_flow" not in catalogue.names("flow")
    assert "my_flow" in catalogue.known("flow")
    assert catalogue.is_plugin("flow", "my_flow")
    assert not catalogue.is_plugin("flow", "glow_vector")
    assert not catalogue.is_plugin("flow", "gone")


@pytest.mark.parametrize(
    ("kind", "name", "words"),
    [
        ("flow", "broken", "AttributeError.*Repair or uninstall my-package 1.2"),
        ("flow", "exits", "SystemExit: 3.*Repair or uninstall my-package 1.2"),
        ("flow", "exiting_parts:MyFlow", "SystemExit: 3"),
        ("prior", "a_flow", "concrete subclass of .*AbstractPrior.*MyFlow"),
        ("flow", "my_parts:Gone", "AttributeError"),
        ("flow", "not_there:Gone", "ModuleNotFoundError"),
        ("flow", "my_parts:number", "is of int"),
        ("flow", "glf_tf.flows.flow:AbstractFlow", "which lacks make_steps"),
        ("flow", "my_flo", "Did you mean my_flow"),
        ("flow", "../x:Y", "must be built-in"),
        # Another module's class of that name, and an error within the module.
        ("flow", "not_there:RealNVP", "must be importable.*No module named"),
        ("flow", "glf_tf.flows:RealNVP", "must be importable.*AttributeError"),
        ("flow", "needy_parts:RealNVP", "must be importable.*'not_installed'"),
        ("sampler", "langevin", r"one of dataset, .*'sampler'.*Use 'inference'"),
        ("flows", "real_nvp", "one of dataset, .*Did you mean flow"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line(kind, name, words):
    with pytest.raises(errors.InvalidValue, match=words) as caught:
        catalogue.build(kind, name, latent_dim=4)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("package", ["gone_parts", "Custom"])
def test_a_class_of_a_missing_module_is_found_as_registered(monkeypatch, package):
    monkeypatch.setattr(SecondCell, "__module__", "gone_parts")
    registered = keras.saving.get_custom_objects()
    monkeypatch.setitem(registered, f"{package}>SecondCell", SecondCell)
    assert catalogue.load("flow", "gone_parts:SecondCell") is SecondCell
    with pytest.raises(errors.InvalidValue, match="other_parts"):
        catalogue.load("flow", "other_parts:SecondCell")


def test_a_class_of_a_missing_module_is_found_in_a_scope():
    with keras.saving.custom_object_scope({"Moved": SecondCell}):
        assert catalogue.load("flow", "gone_parts:Moved") is SecondCell


def test_a_built_in_part_keeps_its_name_and_one_line_says_so(caplog):
    finding._warn_of_namesakes.cache_clear()
    logging.use_absl_handler()
    for _ in range(2):
        flow = catalogue.build("flow", "real_nvp", event_dim=4)
    assert type(flow) is real_nvp.RealNVP
    assert catalogue.name_of_class("flow", type(flow)) == "real_nvp"
    assert catalogue.origin("flow", "real_nvp") is None
    (record,) = caplog.records
    assert record.getMessage() == (
        "flow=real_nvp is the built-in one; that of my-package 1.2 is "
        "flow=my_parts:MyFlow."
    )


def test_a_module_that_raises_is_refused_in_one_line(installed):
    (installed / "bad_parts.py").write_text("raise RuntimeError('two\\nlines')")
    with pytest.raises(errors.InvalidValue, match="RuntimeError") as caught:
        catalogue.load("flow", "bad_parts:MyFlow")
    assert "\n" not in str(caught.value)


def test_two_packages_of_one_name_are_refused(installed):
    other = installed / "other-3.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Name: other\nVersion: 3\n")
    (other / "entry_points.txt").write_text("[glf_tf.flows]\nmy_flow = my_parts:X\n")
    catalogue.plugins.cache_clear()
    with pytest.raises(errors.InvalidValue, match="my-package 1.2 and of other 3"):
        catalogue.load("flow", "my_flow")


def test_arguments_that_a_constructor_lacks_are_refused_in_one_line(installed):
    source = "from glf_tf.flows import real_nvp\n"
    source += "class Odd(real_nvp.RealNVP):\n    def __init__(self, size): pass\n"
    (installed / "odd_parts.py").write_text(source)
    with pytest.raises(errors.InvalidValue, match="constructor takes event_dim"):
        catalogue.build("flow", "odd_parts:Odd", event_dim=4)


@pytest.mark.parametrize("holds_run", [False, True])
def test_modules_are_found_in_the_current_folder_unless_it_is_a_run(
    tmp_path_factory, monkeypatch, holds_run
):
    folder = tmp_path_factory.mktemp("here")
    (folder / "here_parts.py").write_text(plugin.PARTS)
    if holds_run:
        (folder / "run.json").write_text("{}")
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", [item for item in sys.path if item])
    if holds_run:
        with pytest.raises(errors.InvalidValue, match="ModuleNotFoundError"):
            catalogue.load("flow", "here_parts:MyFlow")
        assert str(folder) not in sys.path
    else:
        assert catalogue.load("flow", "here_parts:MyFlow").__name__ == "MyFlow"
        assert sys.path[-1] == str(folder)
    sys.modules.pop("here_parts", None)


class FirstCell(real_nvp.RealNVP):
    def __init__(self, event_dim, *, depth: int = 1, **kwargs):
        super().__init__(event_dim, **kwargs)


class SecondCell(real_nvp.RealNVP):
    def __init__(self, event_dim, *, width: int = 1, **kwargs):
        super().__init__(event_dim, **kwargs)


def test_a_class_of_a_notebook_has_the_options_of_its_newest_cell(monkeypatch):
    for cell, name in ((FirstCell, "depth"), (SecondCell, "width")):
        monkeypatch.setattr(sys.modules["__main__"], "Cell", cell, raising=False)
        options = set(catalogue.options("flow", "__main__:Cell"))
        assert options & {"depth", "width"} == {name}
    assert "__main__:Cell" not in catalogue.plugins_in_use("flow")
