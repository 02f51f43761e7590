# SPDX-License-Identifier: Apache-2.0
"""Help: groups, widths, defaults and choices."""

import os
import re
import subprocess
import sys

import pytest

from glf_tf import resources
from glf_tf.cli import helping, program
from tests import calls

# One process that forks for each tool: flags are defined once in each.
PROGRAM = """
import os, sys
from glf_tf import resources
from glf_tf.cli import command

for name in resources.tools():
    if not os.fork():
        sys.argv = ["glf-tf", name, "--help"]
        try:
            command.main()
        finally:
            heavy = {"tensorflow", "keras", "numpy", "matplotlib"} & {*sys.modules}
            print("loaded:", name, *heavy, flush=True)
            os._exit(0)
    os.wait()
"""


def titles(text):
    return re.findall(r"^([\w ]+):$", text, re.MULTILINE)


def group_of(text, flag):
    """The title above a flag."""
    return titles(text[: text.index(f"\n  --{flag}")])[-1]


def test_the_help_of_training_is_grouped():
    text = calls.call("train", "--help").output
    wanted = ["run", "training", "model", "data", "devices", "recipes"]
    assert titles(text) == wanted
    groups = {
        "run": ("workdir=", "[no]resume", "draw_every=", "replay="),
        "training": ("epochs=", "learning_rate=", "[no]jit_compile", "start_from="),
        "model": ("model=", "latent_dim=", "flow=", "flow.blocks=", "network.hidden="),
        "data": ("dataset=", "data_dir=", "[no]download"),
        "devices": ("strategy=", "op_threads="),
        "recipes": ("flagfile=", "recipe="),
    }
    for title, flags in groups.items():
        for flag in flags:
            assert group_of(text, flag) == title, flag


def test_a_tools_own_flags_come_first():
    text = calls.call("inpaint", "--mask=picture", "--help").output
    assert titles(text)[:2] == ["options", "run"]
    assert group_of(text, "attempts=") == "options"
    assert group_of(text, "mask.file=") == "mask"
    chain = calls.call("inpaint", "--inference=langevin", "--help").output
    assert group_of(chain, "inference.steps=") == "inference"


def test_options_of_a_data_set_are_data():
    text = calls.call("train", "--dataset=folder", "--help").output
    assert group_of(text, "dataset.size=") == "data"


@pytest.mark.parametrize(("columns", "width"), [("40", 70), ("80", 80), ("300", 100)])
def test_lines_are_as_wide_as_the_terminal(monkeypatch, columns, width):
    monkeypatch.setenv("COLUMNS", columns)
    text = calls.call("train", "--help").output
    listed = text[text.index("\nrun:") :].splitlines()
    longest = max(map(len, listed))
    assert width - 12 < longest <= width


@pytest.mark.parametrize("tool", resources.tools())
def test_examples_are_shown_as_they_are_typed(tool):
    text = calls.call(tool, "--help").output
    examples = [line for line in text.splitlines() if line.startswith("    python")]
    assert examples
    assert max(map(len, examples)) <= 88
    assert not re.search(r"\S {2,}\S", "\n".join(examples))


def test_help_may_be_read_in_part(monkeypatch, capsys):
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        program.print_for_reading("help\n" * 9999)
    assert capsys.readouterr().err == ""


def test_epochs_of_decays_are_shown_with_their_factors():
    assert "--decay_at=EPOCH:FACTOR" in calls.call("train", "--help").output


def test_defaults_and_choices_are_shown():
    text = " ".join(calls.call("train", "--help").output.split())
    assert "--latent_dim=INT" in text
    assert "--checkpoint" not in text
    assert re.search(r"--beta_1=\S+ [^-]*Default: 0\.9\.", text)
    assert re.search(r"--flow=NAME The flow [^<]*real_nvp[^<]*\. Default: ", text)
    assert "Default: ." not in text
    assert "One of: ," not in text


def test_installed_commands_are_those_of_a_wheel(monkeypatch):
    monkeypatch.setattr(resources, "IS_INSTALLED", True)
    text = helping.text(
        "Trains.\n\n    python tools/compare.py --flagfile=flags/glf/digits.cfg \\\n"
        "        --recipes=flags/vae/digits.cfg,flags/glf/digits.cfg\n",
        [],
    )
    assert "glf-tf compare --recipe=glf/digits \\\n" in text
    assert "--recipes=vae/digits,glf/digits\n" in text


def test_no_help_loads_tensorflow_or_other_slow_packages():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        cwd=calls.ROOT,
        check=True,
    )
    loaded = re.findall(r"^loaded: (.*)$", done.stdout, re.MULTILINE)
    assert loaded == list(resources.tools())
