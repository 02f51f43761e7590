# SPDX-License-Identifier: Apache-2.0
"""The command glf-tf: what it lists, what it runs, what it refuses."""

import runpy
import sys

import pytest

import glf_tf
from glf_tf import errors, resources
from glf_tf.cli import command
from glf_tf.comparison import comparison
from tests import calls


@pytest.fixture
def call(monkeypatch, capsys):
    """Calls the command; returns its status, and what it printed on both streams."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        monkeypatch.setattr(stream, "reconfigure", lambda **_: None, raising=False)

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["glf-tf", *arguments])
        try:
            command.main()
            status = 0
        except SystemExit as ended:
            status = ended.code
        return status, *capsys.readouterr()

    return call


def test_without_arguments_it_lists_every_subcommand(call):
    status, listing, _ = call()
    assert status == 0
    for name in (*resources.tools(), "recipes", "presets"):
        assert f"\n  {name} " in listing
    assert call("--help") == call("-h") == call("help") == (0, listing, "")


def test_recipes_are_listed_with_their_first_sentence(call):
    status, listing, _ = call("recipes")
    assert status == 0
    starts = [line.split()[0] for line in listing.splitlines() if line[2] != " "]
    whole = [name for name in resources.recipes() if not name.startswith("base/")]
    assert starts == whole
    # A sentence of two lines is whole, and the last one of the list.
    words = " ".join(listing.split())
    assert (
        "ABP on MNIST without the digit 4, of which it then finds the images. ab"
        in words
    )
    assert listing.rstrip().endswith(".")
    assert "  glf/digits " in listing
    assert "#" not in listing


def test_presets_are_listed_with_their_figures_and_their_folders(call):
    status, listing, _ = call("presets")
    assert status == 0
    for name, folder in resources.presets().items():
        assert f"{name}: " in listing
        assert str(folder) in listing
    assert " to 364 test: " in listing


def test_one_of_a_list_is_shown(call):
    status, shown, _ = call("presets", "glf/digits")
    assert (status, shown.startswith("glf/digits: ")) == (0, True)
    assert "glf/mnist" not in shown
    status, shown, _ = call("recipes", "glf/digits")
    assert (status, shown) == (0, resources.recipe("glf/digits").read_text())
    status, listed, _ = call("recipes", "folder")
    starts = [line.split()[0] for line in listed.splitlines() if line[2] != " "]
    assert (status, starts) == (0, ["gan_r3gan/folder", "glf/folder", "vae/folder"])
    assert call("presets", "--help") == call("presets")


def test_the_version_is_the_packages(call):
    assert call("--version") == (0, f"glf_tf {glf_tf.__version__}\n", "")


def test_a_tool_is_run_as_its_script_would_be(call, monkeypatch):
    seen = []
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(
        runpy, "run_path", lambda path, run_name: seen.append((path, run_name))
    )
    call("sample", "--workdir=x", "--help")
    script = str(resources.TOOLS / "sample.py")
    assert seen == [(script, "__main__")]
    assert sys.argv == [script, "--workdir=x", "--help"]


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        (["trian"], "Did you mean train? "),
        (["recipe"], "Did you mean recipes"),
        (["preset"], "Did you mean presets"),
        (["--workdir=x"], "`glf-tf --help` lists them"),
        (["recipes", "glf/digt"], "Did you mean glf/digits or "),
        (["recipes", "gan_r3gan/foldr"], "Did you mean gan_r3gan/folder"),
        (
            ["recipes", "rae/folder"],
            "Did you mean vae/folder or glf/folder or gan_r3gan/folder",
        ),
        (["recipes", "nothing"], "lists all"),
        (["presets", "x"], "Use one of: glf/digits"),
        (["presets", "x", "y"], "takes one name, or none for all"),
        (["recipes", "--all"], "takes one name, or none for all"),
        (["--version", "x"], "Received: --version x"),
    ],
)
def test_what_is_no_subcommand_is_refused_in_one_line(call, words, advice):
    status, printed, message = call(*words)
    assert (status, printed, message.count("\n")) == (2, "", 1)
    assert advice in message


def test_densities_are_trained_on_what_is_shared_and_say_what_differs(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    seen = {}

    def noted(jobs, *, measuring, **others):
        (shared,) = {id(job.start): job.start for job in jobs}.values()
        seen.update(jobs=jobs, shared=shared, validation=measuring.validation)
        raise errors.InvalidValue("Enough is", received="seen", do="Stop")

    monkeypatch.setattr(comparison, "compare", noted)
    flags = ["--shared=latent_density/digits", "--extractor=random_convolutional"]
    recipes = "--recipes=prior/mixture_10,prior/normal"
    done = calls.call("compare", *flags, recipes, "--seeds=0,7", "--out=x")
    assert "Enough is" in done.stderr
    assert [job.name for job in seen["jobs"]] == [
        *("prior_mixture_10", "prior_mixture_10_seed_7"),
        *("prior_normal", "prior_normal_seed_7"),
    ]
    assert seen["shared"].name == "latent_density_digits"
    assert len(seen["validation"]) == 200
    for job in seen["jobs"]:
        used = job.plan["flags"]
        assert used["start_from"] == str(seen["shared"].folder.path)
        assert (used["start_layers"], used["latent_dim"]) == ("encoder,decoder", 8)
        assert job.plan["epochs"] == {"": 0}
    seeds = [job.command[-1] for job in seen["jobs"] if "mixture" in job.name]
    assert seeds == ["--prior.seed=0", "--prior.seed=7"]


def test_recipes_are_compared_by_name_or_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mnist = resources.RECIPES / "vae" / "mnist.cfg"
    done = calls.call("compare", f"--recipes=glf/digits,{mnist}", "--out=x")
    assert (
        "Recipes must have the same data set to be compared. Received: digits in "
        in done.stderr
    )
    assert f"glf/digits.cfg and mnist in {mnist}" in done.stderr
