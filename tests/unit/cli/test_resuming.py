# SPDX-License-Identifier: Apache-2.0
"""`--resume` without a recipe takes the flags of the run in `--workdir`."""

import json
import shutil

import pytest

from glf_tf import errors
from glf_tf.cli import program, training
from tests import calls

RUN = calls.ROOT / "tests/data/runs/glf"


@pytest.fixture
def run(tmp_path):
    """The folder of a run."""
    return shutil.copytree(RUN, tmp_path / "run")


def plan_of(*words):
    """Returns the plan of a command line of tools/train.py."""
    with calls.flags_of_its_own():
        program.parse(["train", *words], define=training.define_training)
        return training.plan()


def test_a_run_knows_its_flags(run):
    own = plan_of(f"--flagfile={run}/flags.cfg", f"--workdir={run}", "--resume")
    assert plan_of(f"--workdir={run}", "--resume") == own


def test_those_of_the_command_line_go_before_them(run):
    own = plan_of(f"--workdir={run}", "--resume")
    more = plan_of(f"--workdir={run}", "--resume", "--learning_rate=0.5")
    assert more.model == own.model
    assert more.optimizers != own.optimizers


def test_the_newest_of_its_history_count(run):
    described = json.loads((run / "run.json").read_text())
    entry = described["history"][-1]
    described["history"].append({**entry, "number": 2, "step": entry["step"] + 1})
    (run / "run.json").write_text(json.dumps(described))
    newest = (run / "flags.cfg").read_text() + "\n--batch_size=7\n"
    (run / "flags.2.cfg").write_text(newest)
    assert plan_of(f"--workdir={run}", "--resume").training.batch_size == 7


@pytest.mark.parametrize("complete", ["--flagfile=flags/glf/digits.cfg", "--model=vae"])
def test_a_recipe_or_a_model_states_the_whole_run(run, complete, monkeypatch):
    monkeypatch.chdir(calls.ROOT)
    words = (complete, "--epochs=3", "--batch_size=9")
    resumed = plan_of(*words, f"--workdir={run}", "--resume")
    assert resumed == plan_of(*words, f"--workdir={run}")


def test_a_folder_without_a_run_is_named(tmp_path):
    with pytest.raises(errors.NotFound, match="which holds no run") as caught:
        plan_of(f"--workdir={tmp_path}/new", "--resume")
    assert "To begin a run, pass --epochs=... --batch_size=..." in str(caught.value)


def test_all_missing_flags_are_named_at_once():
    told = "--workdir, --epochs and --batch_size must be given"
    with pytest.raises(errors.InvalidValue, match=told):
        plan_of()
    with pytest.raises(errors.InvalidValue, match="^--epochs and --batch_size must"):
        plan_of("--workdir=x")


@pytest.mark.parametrize(
    ("tool", "told"),
    [
        ("compare", "--recipes and --out must"),
        ("export", "--workdir or --preset and --output must"),
    ],
)
def test_so_are_those_of_other_tools(tool, told):
    done = calls.call(tool)
    assert done.status == 2
    assert told in done.stderr
