# SPDX-License-Identifier: Apache-2.0
"""Every tool, as a user runs it: help at once, its docstring's command, one-line
errors."""

import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from glf_tf.experiments import restore
from tests import calls, shown

ROOT = pathlib.Path(__file__).parents[2]
TOOLS = sorted((ROOT / "tools").glob("*.py"))
SMALL = (
    "--dataset=digits",
    "--network=mlp",
    "--network.hidden=16",
    "--latent_dim=4",
    "--flow.hidden=8",
    "--flow.blocks=1",
    "--noflow.batch_norm",
    "--epochs=1",
    "--batch_size=256",
)
QUICK = (*SMALL, "--procedure=joint", "--draw_every=0", "--noexport")


def run(tool, *arguments, cwd=ROOT):
    """Runs a tool in this process; returns its status and what it printed."""
    with contextlib.chdir(cwd):
        return calls.call(tool, *arguments)


def process(tool, *arguments):
    """Runs a tool in a process of its own, and returns that, finished."""
    return subprocess.run(
        [sys.executable, str(ROOT / "tools" / f"{tool}.py"), *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of a finished run, and the process that trained it."""
    folder = tmp_path_factory.mktemp("runs") / "digits"
    done = process("train", f"--workdir={folder}", *SMALL)
    assert done.returncode == 0, done.stderr
    return folder, done


@pytest.mark.parametrize("tool", TOOLS, ids=lambda path: path.stem)
def test_help_takes_less_than_a_second(tool):
    """Of computing: how busy the machine is does not count."""
    seconds = []
    for _ in range(3):
        start = os.times()
        done = process(tool.stem, "--help")
        end = os.times()
        seconds.append(sum(end[2:4]) - sum(start[2:4]))
    assert done.returncode == 0
    assert re.search(r"^  --(workdir|out|records)=PATH[ \n]", done.stdout, re.MULTILINE)
    assert done.stdout.strip().startswith(done.stdout.strip().splitlines()[0])
    assert min(seconds) < 1.0


@pytest.mark.parametrize("tool", TOOLS, ids=lambda path: path.stem)
def test_docstring_has_a_command(tool):
    text = tool.read_text()
    assert re.search(rf"python tools/{tool.stem}\.py --", text)


@pytest.mark.slow
@pytest.mark.parametrize(("tool", "words"), shown.runnable())
def test_a_command_that_is_shown_works(tool, words, trained, tmp_path):
    folder, _ = trained
    if re.search(r"--format=\S*(onnx|web)", " ".join(words)):
        pytest.importorskip("tf2onnx", reason="needs glf_tf[onnx]")
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number in range(5):
        Image.new("L", (8, 8), 50 * number).save(pictures / f"{number}.png")
    words = [re.sub("=FOLDER(_OF_PICTURES)?$", f"={pictures}", word) for word in words]
    arguments = [word.replace("=runs/glf/digits", f"={folder}") for word in words]
    done = run(tool, *arguments, cwd=tmp_path)
    assert done.status == 0, done.stderr
    written = done.output.splitlines()[0].split(": ")[0]
    assert (tmp_path / written).exists()


def test_training_ends_with_where_everything_is(trained):
    folder, done = trained
    assert done.stderr.count("\n") < 6, done.stderr
    paths = [line.split()[-1] for line in done.stdout.splitlines()]
    assert all(pathlib.Path(path).exists() for path in paths[:-1])
    assert f"tensorboard --logdir={folder}" in done.stdout


@pytest.mark.slow
def test_a_run_that_went_on_with_other_flags_is_trained_again(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    assert run("train", f"--workdir={one}", *QUICK, "--stop_at=3").status == 75
    more = ("--learning_rate=0.01", "--epochs=2", "--resume")
    assert run("train", f"--workdir={one}", *QUICK, *more).status == 0
    done = run("train", f"--replay={one}", f"--workdir={two}")
    assert done.status == 0, done.stderr
    history = [
        json.loads((at / "run.json").read_text())["history"] for at in (one, two)
    ]
    assert [entry["step"] for entry in history[1]] == [0, 3]
    assert [e["changed"] for e in history[0]] == [e["changed"] for e in history[1]]
    saved = [
        (at / "checkpoints/best/variables.data-00000-of-00001").read_bytes()
        for at in (one, two)
    ]
    assert saved[0] == saved[1]


@pytest.mark.slow
def test_the_runs_own_flags_replay_it(trained, tmp_path):
    folder, _ = trained
    done = run("train", f"--flagfile={folder / 'flags.cfg'}", f"--workdir={tmp_path}/2")
    assert done.status == 0, done.stderr
    assert (tmp_path / "2/flags.cfg").read_text() == (folder / "flags.cfg").read_text()
    for name in ("samples.png", "reconstructions.png"):
        one, two = (
            np.asarray(Image.open(where / "samples" / name))
            for where in (folder, tmp_path / "2")
        )
        np.testing.assert_array_equal(one, two)


@pytest.mark.slow
def test_a_terminated_run_saves_and_goes_on(tmp_path):
    command = [sys.executable, str(ROOT / "tools/train.py"), f"--workdir={tmp_path}/x"]
    settings = [*QUICK, "--epochs=10000"]
    running = subprocess.Popen([*command, *settings], stderr=subprocess.PIPE, text=True)
    for line in running.stderr:
        if "epoch 5/" in line:
            running.send_signal(signal.SIGTERM)
            break
    _, message = running.communicate(timeout=60)
    assert running.returncode == os.EX_TEMPFAIL, message
    assert "--resume" in message
    done = run("train", f"--workdir={tmp_path}/x", *QUICK, "--epochs=3", "--resume")
    assert done.status == 0, done.stderr
    assert "resuming from step" in done.stderr


@pytest.mark.slow
def test_sample_writes_what_the_seed_says(trained, tmp_path):
    folder, _ = trained
    for seed in ("1", "1", "2"):
        done = run(
            "sample",
            f"--workdir={folder}",
            "--num_samples=5",
            "--strategy=mirrored",
            f"--seed={seed}",
            f"--output={tmp_path}/{seed}.npy",
            "--overwrite",
        )
        assert done.status == 0, done.stderr
    one, two = (np.load(tmp_path / f"{seed}.npy") for seed in ("1", "2"))
    assert one.shape == (5, 8, 8, 1)
    assert np.abs(one - two).max() > 1e-3


def write_recipe(folder, *lines):
    """Writes a recipe for the tools."""
    folder.mkdir(parents=True)
    flags = [*QUICK, "--validate_every=0", *lines]
    text = "# Ours. Expected: FID 8.2. Measured: not yet.\n" + "\n".join(flags)
    (folder / "digits.cfg").write_text(text + "\n")
    return folder / "digits.cfg"


@pytest.mark.slow
def test_a_terminated_comparison_goes_on_and_survives_a_recipe_that_diverges(tmp_path):
    well = write_recipe(tmp_path / "glf")
    wild = write_recipe(tmp_path / "wild", "--beta=1e38")
    command = [
        *(sys.executable, str(ROOT / "tools/compare.py"), f"--recipes={well},{wild}"),
        *(f"--out={tmp_path}/out", "--num_samples=50", "--trials=2"),
    ]
    running = subprocess.Popen(
        [*command, "--epochs=1000000"], stderr=subprocess.PIPE, text=True
    )
    for line in running.stderr:
        if "epoch 5/" in line:
            running.send_signal(signal.SIGTERM)
            break
    _, message = running.communicate(timeout=60)
    assert running.returncode == os.EX_TEMPFAIL, message
    assert "the same command continues" in message
    assert not (tmp_path / "out/table.md").exists()

    done = subprocess.run(
        [*command, "--epochs=3"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stderr
    assert "resuming from step" in done.stderr
    assert done.stderr.splitlines()[-1] == "error: 1 of 2 failed: wild_digits"
    table = (tmp_path / "out/table.md").read_text()
    assert "wild_digits: Every loss term must stay finite. Received: " in table
    assert "not 3: its folder holds a run of another budget" in table
    assert [line.split()[1] for line in table.splitlines() if "8.2" in line] == [
        "glf_digits",
        "wild_digits",
    ]
    paths = [line.split()[-1] for line in done.stdout.splitlines()[-4:-1]]
    assert all(pathlib.Path(path).exists() for path in paths)


TABLE = """
title = "Two rows"
columns = ["fd", "reconstruction_per_image/reconstructions", "epochs", "seeds"]
curves = ["epoch/nll", "epoch/judged", "epoch/of_no_training"]
[measure]
samples = 50
trials = 2
extractors = ["random_convolutional"]
[budgets.quick]
flags = ["--epochs=1"]
[[rows]]
name = "plain"
recipes = ["RECIPE"]
seeds = [0, 1]
flags = ["--epochs=2"]
[[rows]]
name = "sharpened"
recipes = ["RECIPE", "sharpen/adversarial"]
flags = ["--epochs=1", "--sharpen.widths=8"]
start = "plain"
seeds = [1]
"""


@pytest.mark.slow
def test_a_table_is_reproduced_recorded_and_shown(tmp_path):
    recipe = write_recipe(tmp_path / "glf")
    file = tmp_path / "two.toml"
    file.write_text(TABLE.replace("RECIPE", str(recipe)))
    how = (f"--table={file}", f"--cache_dir={tmp_path}/cache")
    asked = (*how, f"--out={tmp_path}/out", f"--records={tmp_path}/records")
    done = process("reproduce", *asked, "--rows=sharpened")
    assert done.returncode == 0, done.stderr
    assert "[shared] training plain_seed_1" in done.stderr
    assert "plain_seed_1: joint" not in done.stderr
    assert "plain.json" not in os.listdir(tmp_path / "records/two")
    text = (tmp_path / "out/table.md").read_text()
    assert "Two rows; budget: full" in text
    titles = "FD-random_convolutional | error an image | epochs | seeds"
    assert f"| recipe | {titles} |" in text
    assert Image.open(tmp_path / "out/curves.png").width > 500
    drawn = (tmp_path / "out/curves.csv").read_text().splitlines()[1:]
    assert {line.split(",")[0] for line in drawn} == {"epoch/judged"}

    done = process("reproduce", *asked, "--jobs=2")
    assert done.returncode == 0, done.stderr
    assert "plain: joint epoch 2/2" in done.stderr
    text = (tmp_path / "out/table.md").read_text()
    assert "2 trainings at once, each on its share of the CPUs" in text
    assert "plain_seed_1 is trained" not in done.stderr  # it had not been measured
    assert "sharpened_seed_1 is trained" in done.stderr
    assert done.stderr.count("measuring") == 2
    assert {"plain.json", "plain_seed_1.json", "sharpened_seed_1.json"} < set(
        os.listdir(tmp_path / "records/two")
    )
    run_of = json.loads((tmp_path / "records/two/sharpened_seed_1.json").read_text())
    start = json.loads((tmp_path / "records/two/plain_seed_1.json").read_text())
    assert run_of["start"] == start["checkpoint"] != ""

    done = process("reproduce", *how, f"--out={tmp_path}/cut", "--budget=quick")
    assert done.returncode == 0, done.stderr
    assert "Two rows; budget: quick" in (tmp_path / "cut/table.md").read_text()


@pytest.mark.slow
def test_measures_that_a_model_has_not_are_refused_before_any_is_taken(tmp_path):
    small = ("--network.filters=2", "--network.hidden=4", "--latent_dim=2")
    done = run(
        *("train", f"--workdir={tmp_path}/gan", "--model=gan", *small, "--noexport"),
        *("--dataset=digits", "--epochs=1", "--batch_size=700", "--draw_every=0"),
    )
    assert done.status == 0, done.stderr
    asked = (f"--workdir={tmp_path}/gan", "--metrics=fd,nll,calibration")
    done = run("evaluate", *asked, f"--out={tmp_path}/x.json")
    assert (done.status, done.output) == (2, "")
    assert "Received: nll, calibration of GAN" in done.stderr
    assert "measure samples" not in done.stderr


@pytest.mark.slow
def test_plot_draws_a_run(trained, tmp_path):
    folder, _ = trained
    how = (f"--runs={folder}", "--label=beta", "--out=new/x.png")
    done = run("plot", *how, "--scalars=epoch/nll,test/nll", cwd=tmp_path)
    assert done.status == 0, done.stderr
    assert done.output.split() == ["new/x.png", "new/x.csv"]
    assert Image.open(tmp_path / "new/x.png").width > 500
    rows = (tmp_path / "new/x.csv").read_text().splitlines()[1:]
    # Each stage has points of its own.
    assert {tuple(row.split(",")[:2]) for row in rows} == {
        ("epoch/nll", "beta = 1.0"),
        ("test/nll", "beta = 1.0"),
    }
    done = run("plot", *how, "--scalars=epoch/nl", cwd=tmp_path)
    assert done.status == 2
    assert "Did you mean epoch/nll" in done.stderr


@pytest.mark.slow
def test_what_was_hidden_in_training_is_recovered(tmp_path):
    settings = [
        *("--dataset=occluded", "--dataset.mask=square", "--dataset.mask.size=4"),
        *("--model=abp", "--latent_dim=4", "--network.widths=4", "--epochs=1"),
        *("--batch_size=256", "--inference.steps=2", "--draw_every=0", "--noexport"),
    ]
    done = run("train", f"--workdir={tmp_path}/x", *settings)
    assert done.status == 0, done.stderr
    how = (f"--workdir={tmp_path}/x", "--num_images=30", "--shown=8")
    done = run("recover", *how, cwd=tmp_path)
    assert done.status == 0, done.stderr
    assert Image.open(tmp_path / "recovered.png").width == 12 * 58 - 2
    numbers = json.loads((tmp_path / "recovered.json").read_text())
    assert numbers["hidden_share"] == 0.25
    assert 0.0 < numbers["hidden_unit"] < 1.0


@pytest.mark.slow
def test_anomalies_are_reported_from_a_runs_test_images(trained, tmp_path):
    folder, _ = trained
    images = np.random.default_rng(0).integers(0, 2, (20, 8, 8, 1)).astype(float)
    np.save(tmp_path / "noise.npy", images)
    how = (f"--runs={folder}", "--against=noise.npy", "--weights=1,0")
    done = run("anomaly", *how, "--out=new", cwd=tmp_path)
    assert done.status == 0, done.stderr
    assert done.output.splitlines()[0] == "new/detection.json"
    written = {path.name for path in (tmp_path / "new").iterdir()}
    assert written == {
        *("detection.json", "curves_1.png", "curves_0.png", "glf_tf.json"),
        *(f"extremes_{weight}_{folder.name}.png" for weight in (1, 0)),
        f"scores_{folder.name}.csv",
    }
    (first, _) = json.loads((tmp_path / "new/detection.json").read_text())["groups"]
    assert first["auroc"]["mean"] > 0.9  # noise is no digit
    done = run("anomaly", f"--runs={folder}", cwd=tmp_path)
    assert done.status == 2
    assert "--dataset=without" in done.stderr


@pytest.mark.slow
def test_pictures_are_judged_by_what_a_run_has_not_trained_on(trained, tmp_path):
    folder, _ = trained
    noise = 255 * np.random.default_rng(0).integers(0, 2, (30, 8, 8), np.uint8)
    (tmp_path / "mine").mkdir()
    for index, image in enumerate(noise):
        Image.fromarray(image).save(tmp_path / "mine" / f"{index}.png")
    how = (f"--workdir={folder}", "--images=mine", "--false_alarms=0.05")
    done = run("judge", *how, "--out=new", cwd=tmp_path)
    assert done.status == 0, done.stderr
    assert done.output.splitlines()[0] == "new/judged.csv"
    written = {path.name for path in (tmp_path / "new").iterdir()}
    assert written == {"judged.csv", "judged.json", "extremes.png", "glf_tf.json"}
    described = json.loads((tmp_path / "new/judged.json").read_text())
    normal = len(restore.load_data(folder, "test"))
    assert described["normal_images"] == normal
    assert described["reported"] > 0.5 * described["images"]  # noise is no digit
    assert Image.open(tmp_path / "new/extremes.png").width == 1440
    # Its own test images are normal: no more are reported than were asked for.
    done = run("judge", *how[::2], "--images=digits", "--out=own", cwd=tmp_path)
    assert done.status == 0, done.stderr
    before = (tmp_path / "own/judged.json").read_text()
    own = json.loads(before)
    assert own["reported"] / own["images"] <= 0.05
    # A second call replaces the first one's results alone.
    (tmp_path / "own/mine.txt").write_text("mine")
    done = run("judge", *how, "--out=own", cwd=tmp_path)
    assert done.status == 1
    assert (tmp_path / "own/judged.json").read_text() == before
