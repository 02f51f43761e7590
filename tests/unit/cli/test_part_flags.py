# SPDX-License-Identifier: Apache-2.0
"""Flags of parts: plug-ins, parts in options of any name, values of every kind."""

import os
import re
import subprocess
import sys

import pytest

from glf_tf import errors
from glf_tf.cli import program, training
from tests import calls
from tests.unit.catalogue import plugin

BASE = ("--workdir=x", "--epochs=1", "--batch_size=8", "--seed=0")


@pytest.fixture(autouse=True)
def installed(tmp_path):
    with plugin.on_path(tmp_path):
        yield tmp_path


def plan_of(*words):
    """Returns the plan of a command line of tools/train.py."""
    with calls.flags_of_its_own():
        program.parse(["train", *BASE, *words], define=training.define_training)
        return training.plan()


@pytest.mark.parametrize("name", ["my_flow", "my_parts:MyFlow"])
def test_options_of_a_plugin_are_flags(name):
    plan = plan_of(
        "--flow.is_slow", f"--flow={name}", "--flow.extra=2", "--flow.scales=1,2.5"
    )
    flow = plan.model["flow"]
    assert flow["name"] == name
    assert (flow["extra"], flow["scales"]) == (2, (1.0, 2.5))
    assert flow["is_slow"] is True
    assert flow["blocks"] == 8


def test_a_recipe_says_of_plugins_what_a_command_line_does(tmp_path):
    words = ("--noflow.is_slow", "--flow=my_flow", "--flow.extra=2")
    recipe = plan_of(*words).recipe
    assert "--noflow.is_slow\n" in recipe
    (tmp_path / "recipe.cfg").write_text(recipe)
    again = plan_of(f"--flagfile={tmp_path}/recipe.cfg")
    assert again.model == plan_of(*words).model


def test_an_option_of_any_name_holds_a_part():
    prior = plan_of(
        "--model=lfbm",
        "--prior=my_prior",
        "--prior.inner=my_flow",
        "--prior.inner.is_slow",
        "--prior.inner.blocks=3",
    ).model["prior"]
    assert prior["inner"]["name"] == "my_flow"
    assert prior["inner"]["blocks"] == 3
    assert prior["inner"]["is_slow"] is True


def test_options_of_a_plugin_that_was_replaced_are_forgotten(tmp_path):
    recipe = tmp_path / "recipe.cfg"
    recipe.write_text("--flow=my_flow\n--noflow.is_slow\n--flow.extra=2\n")
    flow = plan_of(f"--flagfile={recipe}", "--flow=real_nvp").model["flow"]
    assert flow == plan_of().model["flow"]


def test_so_are_options_of_plugins_in_it(tmp_path):
    recipe = tmp_path / "recipe.cfg"
    inner = "--noprior.inner.is_slow\n--prior.inner=my_flow\n"
    recipe.write_text(f"--model=lfbm\n{inner}--prior=my_prior\n")
    given = plan_of(f"--flagfile={recipe}").model["prior"]["inner"]
    assert given["is_slow"] is False
    prior = plan_of(f"--flagfile={recipe}", "--prior=normal").model["prior"]
    assert prior["name"] == "normal"


def test_none_takes_an_optional_part_away(tmp_path):
    recipe = tmp_path / "recipe.cfg"
    recipe.write_text("--encoder=mlp\n--encoder.hidden=7\n")
    given = plan_of(f"--flagfile={recipe}")
    assert given.model["encoder"]["hidden"] == (7,)
    assert plan_of(f"--flagfile={recipe}", "--encoder=none").model["encoder"] is None
    assert plan_of().model["encoder"] is None


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--flow=my_flo"], "Did you mean my_flow"),
        (["--flow=broken"], "Repair or uninstall my-package 1.2"),
        (["--flow=exits"], "SystemExit: 3"),
        (["--helpp"], "Did you mean --help"),
        (["--flow=my_parts:MyPrior"], "concrete subclass"),
        (["--flow=my_flow", "--flow.extra=3"], "Use one of: 1, 2"),
        (["--flow=my_flow", "--flow.scales=1,x"], "comma-separated numbers"),
        (["--flow=my_flow", "--flow.extr=1"], "Did you mean --flow.extra"),
        (["--flow=none"], "Received: 'none'"),
        (["--balance_rate=1"], "--balance_rate is an option of other models: began"),
        (["--sharpen=adversarial", "--model=gan"], "of other models: abp, bigan, "),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line(words, told):
    with pytest.raises(errors.InvalidValue, match=told) as caught:
        plan_of(*words)
    assert "\n" not in str(caught.value)


def test_an_option_with_the_name_of_a_tools_flag_is_refused(installed):
    source = "from glf_tf.models import glf\nclass Mine(glf.GLF):\n"
    source += "    def __init__(self, image_shape, *, workdir='', **kwargs):\n"
    source += "        super().__init__(image_shape, **kwargs)\n"
    (installed / "odd_model.py").write_text(source)
    with pytest.raises(errors.InvalidValue, match="--workdir of a model"):
        plan_of("--model=odd_model:Mine")


def test_help_lists_plugins_without_importing_them(installed):
    python = [sys.executable, "-X", "importtime", str(calls.ROOT / "tools/train.py")]
    env = {**os.environ, "PYTHONPATH": f"{installed}:{calls.ROOT}"}
    done = subprocess.run(
        [*python, "--help"], capture_output=True, text=True, env=env, check=True
    )
    lines = [line.strip() for line in done.stdout.splitlines()]
    assert "flow my_flow, of my-package 1.2 (my_parts:MyFlow)" in lines
    assert "flow exits, of my-package 1.2 (exiting_parts:MyFlow)" in lines
    assert "flow with_extras, of my-package 1.2 (my_parts:MyFlow)" in lines
    (shadowed,) = [line for line in lines if line.startswith("flow real_nvp")]
    assert "not used, as a built-in part has this name" in shadowed
    imported = set(re.findall(r"\| +(\w+)", done.stderr))
    assert "glf_tf" in imported
    assert not imported & {"tensorflow", "my_parts", "exiting_parts"}


def test_options_of_parts_in_parts_are_negated():
    words = ("--model=lfbm", "--noprior.flow.batch_norm")
    assert plan_of(*words).model["prior"]["flow"]["batch_norm"] is False
