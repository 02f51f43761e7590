# SPDX-License-Identifier: Apache-2.0
"""Recipes: inclusion, order, and what is wrong with a bad one."""

import pytest

from glf_tf import errors, recipe


@pytest.fixture
def write(tmp_path):
    def write(name, text):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return f"--flagfile={path}"

    return write


def texts(*arguments):
    return [argument.text for argument in recipe.expand(arguments)]


def test_lines_take_the_place_of_the_flagfile(write):
    flag = write("a.cfg", "# for people\n\n--x=1\n  --y=2\n")
    assert texts("--w=0", flag, "--x=3") == ["--w=0", "--x=1", "--y=2", "--x=3"]


def test_an_included_path_is_relative_to_the_recipe(write, monkeypatch):
    write("base/mnist.cfg", "--dataset=mnist\n")
    flag = write("glf/mnist.cfg", "--flagfile=../base/mnist.cfg\n--x=1\n")
    monkeypatch.chdir("/")
    assert texts(flag) == ["--dataset=mnist", "--x=1"]


def test_the_last_value_wins(write):
    flag = write("a.cfg", "--model=vae\n")
    arguments = recipe.expand([flag, "--model", "glf"])
    assert recipe.last_value(arguments, "model", default="x") == "glf"
    assert recipe.last_value(arguments, "other", default="x") == "x"
    assert recipe.last_value([], "other", default="x") == "x"


def test_a_part_chosen_anew_forgets_the_options_of_the_one_before(write):
    lines = (
        "--prior=mixture\n--prior.components=10\n--prior.flow.hidden=6\n--priority=1\n"
    )
    flag = write("a.cfg", lines)
    again = texts(flag, "--prior=mixture", "--prior.components=5")
    assert again[:4] == lines.split()
    other = texts(flag, "--prior=normal", "--prior.x=1")
    assert other == ["--prior=mixture", "--priority=1", "--prior=normal", "--prior.x=1"]


def test_origin_names_file_and_line(write):
    flag = write("a.cfg", "# first\n--x=1\n")
    assert recipe.expand([flag])[0].origin.endswith("a.cfg, line 2")


@pytest.mark.parametrize(
    ("text", "word"), [("x=1\n", "line 1"), ("--flagfile=a.cfg\n", "itself")]
)
def test_bad_recipes_are_refused(write, text, word):
    with pytest.raises(errors.InvalidValue, match=word):
        recipe.expand([write("a.cfg", text)])


def test_a_missing_recipe_is_named():
    with pytest.raises(errors.NotFound, match="nowhere.cfg"):
        recipe.expand(["--flagfile=nowhere.cfg"])
