# SPDX-License-Identifier: Apache-2.0
"""The ways that BUILD.md tells of: of a batch, and of a flag."""

import ast
import pathlib
import re
import sys

import pytest

from glf_tf.cli import program, training
from glf_tf.experiments import experiment
from tests import calls

ROOT = pathlib.Path(__file__).parents[2]
PARTS = ("models", "priors", "flows", "networks", "bijectors", "layers", "objectives")
"""Folders of parts, in which a flag's way ends."""


def stops(title):
    """The stops of a way, as pairs of file and function."""
    text = (ROOT / "BUILD.md").read_text().partition(f"**{title}**")[2]
    way = re.search(r"(?:^\d+\. .*\n(?:   .*\n)*)+", text, flags=re.MULTILINE)[0]
    found = re.findall(r"^(\d+)\. `([\w/.]+)` `([\w.]+)`", way, flags=re.MULTILINE)
    assert [int(number) for number, *_ in found] == list(range(1, len(found) + 1))
    return [stop[1:] for stop in found]


@pytest.mark.parametrize("title", ["The way of a batch", "The way of a flag"])
def test_a_way_has_few_stops_and_names_what_there_is(title):
    way = stops(title)
    assert 10 < len(way) <= 20
    assert [stop for stop in way if stop[1] not in defined(ROOT / stop[0])] == []


def defined(path):
    """The functions of a file, and the methods of its classes as `Class.method`."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            inner = [item for item in node.body if isinstance(item, ast.FunctionDef)]
            found |= {f"{node.name}.{item.name}" for item in inner}
    return found


def test_a_flag_of_every_model_goes_the_same_way():
    flow = ("flow=glow_vector", "flow.blocks=1")
    of_glf = ["--model=glf", *(f"--{word}" for word in flow)]
    of_rae = ["--model=rae", "--prior=flow", *(f"--prior.{word}" for word in flow)]
    # The first calls import, and read each class once.
    _, _, glf, rae = map(called, (of_glf, of_rae) * 2)
    shared = [stop for stop in stops("The way of a flag") if not is_of_part(stop)]
    for made in (glf, rae):
        rest = iter(made)
        assert [stop for stop in shared if stop not in rest] == []  # in this order
    files = [{stop[0] for stop in made if not is_of_part(stop)} for made in (glf, rae)]
    assert files[0] == files[1]


def is_of_part(stop):
    return pathlib.Path(stop[0]).parts[1] in PARTS


def called(flags):
    """The functions that make a model of flags, in the order of their calls."""
    found = []

    def note(frame, event, _):
        path = pathlib.Path(frame.f_code.co_filename)
        if event == "call" and path.is_relative_to(ROOT / "glf_tf"):
            name = str(path.relative_to(ROOT))
            found.append((name, frame.f_code.co_qualname))

    run = ("--workdir=run", "--epochs=1", "--batch_size=8")
    small = ("--network=mlp", "--network.hidden=8", "--latent_dim=4")
    command = ["train", *run, *small, *flags]
    with calls.flags_of_its_own():
        before = sys.getprofile()
        sys.setprofile(note)
        try:
            program.parse(command, define=training.define_training)
            experiment._model(training.plan(), {"image_shape": (8, 8, 1)})
        finally:
            sys.setprofile(before)
    return found
