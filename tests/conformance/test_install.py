# SPDX-License-Identifier: Apache-2.0
"""A wheel, as somebody gets it: what is in it, and that it works without the clone."""

import configparser
import email
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import zipfile

import pytest
from packaging import requirements, version

import glf_tf

ROOT = pathlib.Path(__file__).parents[2]
SOURCES = (
    *("glf_tf", "flags", "presets", "reproduce", "tools"),
    *("pyproject.toml", "setup.py", "README.md"),
)

# One process that forks before TensorFlow is loaded: flags are defined once in each.
PROGRAM = """
import contextlib, io, json, os, sys
from glf_tf.cli import command

def call(*arguments):
    sys.argv = ["glf-tf", *arguments]
    output, status = io.TextIOWrapper(io.BytesIO(), "utf-8"), 0
    with contextlib.redirect_stdout(output):
        try:
            command.main()
        except SystemExit as ended:
            status = ended.code or 0
    output.flush()
    text = output.buffer.getvalue().decode()
    print(json.dumps([status, text, "tensorflow" in sys.modules]), flush=True)

for arguments in json.loads(sys.argv[1]):
    child = os.fork()
    if not child:
        call(*arguments)
        os._exit(0)
    os.waitpid(child, 0)
"""

SMALL = (
    *("train", "--recipe=glf/digits", "--epochs=1", "--workdir=run", "--draw_every=0"),
    *("--network=mlp", "--network.hidden=8", "--flow.blocks=2", "--flow.hidden=8"),
    *("--latent_dim=2", "--batch_size=512"),
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel that the sources make, with nothing beside them and no network."""
    clone, out = tmp_path_factory.mktemp("clone"), tmp_path_factory.mktemp("wheel")
    for name in (*SOURCES, "LICENSE"):
        if (ROOT / name).is_dir():
            skipped = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, clone / name, ignore=skipped)
        else:
            shutil.copy(ROOT / name, clone)
    build = f"from setuptools import build_meta; build_meta.build_wheel({str(out)!r})"
    done = subprocess.run(
        [sys.executable, "-c", build],
        capture_output=True,
        text=True,
        cwd=clone,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (file,) = out.glob("*.whl")
    return zipfile.ZipFile(file)


def metadata(wheel):
    (name,) = (name for name in wheel.namelist() if name.endswith("/METADATA"))
    return email.message_from_bytes(wheel.read(name))


def test_it_carries_every_module_recipe_and_tool(wheel):
    inside = set(wheel.namelist())
    package = {
        path.relative_to(ROOT).as_posix()
        for pattern in ("*.py", "*.json", "py.typed", "explorer/*")
        for path in (ROOT / "glf_tf").rglob(pattern)
    }
    beside = {
        f"glf_tf/{path.relative_to(ROOT).as_posix()}"
        for pattern in (
            *("flags/*/*.cfg", "presets/**/*", "reproduce/*.toml", "tools/*.py"),
        )
        for path in ROOT.glob(pattern)
        if path.is_file()
    }
    info = {name for name in inside if ".dist-info/" in name}
    of_a_clone = {"glf_tf/tools/bench.py", "glf_tf/tools/tabulate.py"}
    assert inside - info == package | beside - of_a_clone
    assert "glf_tf/py.typed" in inside


def test_it_brings_the_command(wheel):
    (name,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    points = configparser.ConfigParser()
    points.read_string(wheel.read(name).decode())
    assert points["console_scripts"]["glf-tf"] == "glf_tf.cli.command:main"


def test_versions_are_one(wheel):
    citation = (ROOT / "CITATION.cff").read_text()
    assert metadata(wheel)["Version"] == glf_tf.__version__
    assert re.search(r"^version: (.*)$", citation, re.MULTILINE)[1] == (
        glf_tf.__version__
    )


def test_what_is_pinned_lies_within_the_ranges_of_the_metadata(wheel):
    """Each dependency has both ends, and what the requirements pin is allowed."""
    pins = dict(
        line.split("==")
        for name in ("requirements", "requirements-docs", "requirements-dev")
        for line in (ROOT / f"{name}.txt").read_text().splitlines()
        if "==" in line and not line.startswith("#")
    )
    asked = [
        requirements.Requirement(line)
        for line in metadata(wheel).get_all("Requires-Dist")
    ]
    core = [item for item in asked if item.marker is None]
    assert {"tensorflow", "keras", "numpy"} <= {item.name for item in core}
    for item in core:
        assert {clause.operator for clause in item.specifier} == {">=", "<"}, item
    for item in asked:
        if item.name in pins:
            assert version.Version(pins[item.name]) in item.specifier, item
    pinned_alone = set(pins) - {item.name for item in asked}
    # What TensorFlow asks for itself.
    assert pinned_alone == {"protobuf"}


@pytest.mark.slow
def test_it_trains_without_the_clone(wheel, tmp_path):
    site, empty = tmp_path / "site", tmp_path / "empty"
    wheel.extractall(site)
    empty.mkdir()
    calls = [["--help"], ["recipes"], ["train", "--help"], ["bench"], SMALL]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(calls)],
        capture_output=True,
        text=True,
        cwd=empty,
        env={**os.environ, "PYTHONPATH": str(site), "COLUMNS": "88"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answers = map(json.loads, done.stdout.splitlines())
    statuses, texts, loaded = zip(*answers, strict=True)
    assert statuses == (0, 0, 0, 2, 0), done.stderr
    assert loaded == (False, False, False, False, True)
    listing, recipes, about_training, _, trained = texts
    assert re.search(r"^  train +Trains a model\.$", listing, re.MULTILINE)
    assert re.search(r"^  glf/digits +GLF on the digits", recipes, re.MULTILINE)
    assert "glf-tf train --recipe=glf/digits --workdir" in about_training
    assert "tools/" not in about_training
    assert "run/saved_model" in trained
    assert "--latent_dim=2\n" in (empty / "run/flags.cfg").read_text()
