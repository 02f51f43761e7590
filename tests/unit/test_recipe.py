# SPDX-License-Identifier: Apache-2.0
"""Flags and recipes: spellings, order, parts that are replaced, what is wrong."""

import pytest

from glf_tf import errors, recipe, resources

BOOLEAN = {"fast": True, "flow.batch_norm": True, "prior.fixed": True}
BOOLEAN |= {"seed": False, "x": False}


@pytest.fixture
def write(tmp_path):
    def write(name, text):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return f"--flagfile={path}"

    return write


def expand(*words):
    return recipe.expand(words, is_boolean=BOOLEAN.get)


def texts(*words):
    return [argument.text for argument in expand(*words)]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("--x=1", "--x=1"),
        ("-x=1", "--x=1"),
        ("--x 1", "--x=1"),
        ("-x 1", "--x=1"),
        ("--x -1", "--x=-1"),
        ("--x -1e-3", "--x=-1e-3"),
        ("--x -", "--x=-"),
        ("--x=", "--x="),
        ("--x=--y=2", "--x=--y=2"),
        ("--fast", "--fast=true"),
        ("-fast", "--fast=true"),
        ("--nofast", "--fast=false"),
        ("-nofast", "--fast=false"),
        ("--fast=false", "--fast=false"),
        ("--noflow.batch_norm", "--flow.batch_norm=false"),
        ("--fast --seed 3", "--fast=true --seed=3"),
        ("--prior.components 5 --seed 1", "--prior.components=5 --seed=1"),
        ("--unknown --seed 1", "--unknown= --seed=1"),
        ("--seed 1 --", "--seed=1"),
    ],
)
def test_every_spelling_means_the_same_on_the_command_line_and_in_a_recipe(
    words, expected, write
):
    assert texts(*words.split()) == expected.split()
    if words.count(" --") == 0:
        assert texts(write("a.cfg", words)) == expected.split()


def test_a_recipe_is_named_in_every_spelling(write):
    path = write("a.cfg", "--x=1\n").partition("=")[2]
    for words in (["--flagfile", path], ["-flagfile", path], [f"-flagfile={path}"]):
        assert texts(*words) == ["--x=1"]
    assert texts(write("b.cfg", "--flagfile a.cfg\n-flagfile=a.cfg")) == ["--x=1"] * 2


def test_lines_take_the_place_of_the_flagfile(write):
    flag = write("a.cfg", "\ufeff# for people\n\n--x=1\r\n// too\n  --y=a b \n")
    assert texts("--w=0", flag, "--x=3") == ["--w=0", "--x=1", "--y=a b", "--x=3"]


def test_an_included_path_is_relative_to_the_recipe(write, monkeypatch):
    write("base/mnist.cfg", "--dataset=mnist\n")
    flag = write("glf/mnist.cfg", "--flagfile=../base/mnist.cfg\n--x=1\n")
    monkeypatch.chdir("/")
    assert texts(flag) == ["--dataset=mnist", "--x=1"]


def owns(name, flag):
    """Options of a prior begin with its name."""
    return bool(name) and flag.startswith("prior.")


def chosen(*words, default="normal"):
    arguments = expand(*words)
    part = arguments.choose("prior", default=default, owns=owns)
    return part, [item.text for item in arguments if item.name != "prior"]


RECIPE = "--prior=mixture\n--prior.components=10\n--prior.flow.hidden=6\n--priority=1\n"


def test_a_part_chosen_anew_forgets_the_options_of_the_one_before(write):
    flag = write("a.cfg", RECIPE)
    again = chosen(flag, "-prior", "mixture", "--prior.components=5")
    assert again == ("mixture", [*RECIPE.split()[1:], "--prior.components=5"])
    other = chosen(flag, "-prior=normal", "--prior.x=1")
    assert other == ("normal", ["--priority=1", "--prior.x=1"])
    back = chosen(flag, "--prior=normal", "--prior=mixture")
    assert back == ("mixture", ["--priority=1"])
    outer = write("b.cfg", "--flagfile=a.cfg\n--prior=normal\n")
    assert chosen(outer) == ("normal", ["--priority=1"])


def test_a_recipe_may_rely_on_the_default_part(write):
    flag = write("a.cfg", "--prior.scale=3\n--noprior.fixed\n")
    assert chosen(flag, "--prior=mixture") == ("mixture", [])
    assert chosen(flag, "--prior=normal")[1][0] == "--prior.scale=3"
    assert chosen(flag, "--prior=flow", default="")[1][0] == "--prior.scale=3"


def test_what_precedes_the_choice_of_one_author_is_said_of_it(write):
    words = ("--prior.components=5", "--prior=mixture")
    assert chosen(*words) == ("mixture", ["--prior.components=5"])
    assert chosen(write("a.cfg", "\n".join(words))) == chosen(*words)
    # And of the command line, also where a recipe chooses.
    inner = write("b.cfg", "--prior=mixture\n")
    assert chosen("--prior.components=5", inner) == chosen(*words)
    assert chosen("--prior=flow", "--prior.hidden=3", inner) == ("mixture", [])


def test_what_is_forgotten_can_be_told(write):
    arguments = expand(write("a.cfg", RECIPE), "--prior=normal")
    arguments.choose("prior", default="normal", owns=owns)
    ((choice, gone),) = arguments.forgotten
    assert choice.text == "--prior=normal"
    assert [item.name for item in gone] == ["prior.components", "prior.flow.hidden"]


def test_origin_names_file_and_line(write):
    (argument,) = expand(write("a.cfg", "# first\n--x=1\n"))
    assert argument.origin.endswith("a.cfg, line 2")
    assert argument.described.startswith("--x=1 in ")


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("x=1\n", "line 1"),
        ("--\n", "line 1"),
        ("\n--=3\n", "line 2"),
        ("--flagfile=a.cfg\n", "itself"),
        ("--x\n", "--x needs a value.* line 1"),
        ("--fast true\n", "'true' after it in .*line 1. Write --fast"),
        ("--nofast=1\n", "by themselves"),
        ("--flagfile=b.cfg\n" * 9, "at most 10,000 flags"),
    ],
)
def test_bad_recipes_are_refused(write, text, word):
    write("b.cfg", "--flagfile=c.cfg\n" * 99)
    write("c.cfg", "--x=1\n" * 99)
    with pytest.raises(errors.InvalidValue, match=word):
        expand(write("a.cfg", text))


@pytest.mark.parametrize(
    ("words", "word"),
    [
        (["x=1"], "'x=1'"),
        (["--seed", "1", "2"], "'2'"),
        (["--", "5"], "5"),
        (["--fast", "true"], "'true'"),
        (["--flagfile"], "--flagfile needs a value"),
        (["--x=a\nb"], "one line"),
        (["--x=\udcff"], "udcff"),
        ([""], "''"),
        (["-"], "'-'"),
    ],
)
def test_bad_words_are_refused(words, word):
    with pytest.raises(errors.InvalidValue, match=word):
        expand(*words)


@pytest.mark.parametrize("name", ["nowhere.cfg", "/", "~nobody_at_all/x", "a/" * 3000])
def test_a_missing_recipe_is_named(name):
    with pytest.raises(errors.NotFound, match="flagfile=" + name[:10]):
        expand(f"--flagfile={name}")


def test_a_recipe_of_the_library_is_named_where_there_is_no_clone(tmp_path):
    with pytest.raises(errors.NotFound, match="own is --recipe=glf/digits"):
        expand(f"--flagfile={tmp_path}/flags/glf/digits.cfg")


def test_a_recipe_needs_a_name():
    with pytest.raises(errors.InvalidValue, match="--flagfile needs a value"):
        expand("--flagfile=")


@pytest.mark.parametrize("data", [b"\xff\xfe--x=1", b"--x=\0", b"#" * 2**21])
def test_a_recipe_that_is_no_text_is_refused(data, tmp_path):
    (tmp_path / "a.cfg").write_bytes(data)
    with pytest.raises(errors.Damaged, match=r"a\.cfg"):
        expand(f"--flagfile={tmp_path}/a.cfg")


def test_an_endless_recipe_is_refused():
    with pytest.raises(errors.Damaged, match="zero"):
        expand("--flagfile=/dev/zero")


def test_a_flag_that_was_renamed_is_read_from_recipes_alone(write):
    arguments = expand(write("old.cfg", "--x=1\n--y=2"))
    arguments.rename("x", "z")
    assert [item.text for item in arguments] == ["--z=1", "--y=2"]
    with pytest.raises(errors.InvalidValue, match="Use --z"):
        expand("--x=1").rename("x", "z")


def test_a_recipe_of_the_library_is_named_without_its_path(write, monkeypatch):
    monkeypatch.chdir("/")
    by_name = texts("--recipe=glf/digits")
    assert by_name == texts(f"--flagfile={resources.RECIPES / 'glf/digits.cfg'}")
    assert "--latent_dim=8" in by_name
    own = write("own.cfg", "--recipe=glf/digits\n--latent_dim=9\n")
    assert texts(own) == texts("--recipe", "glf/digits", "--latent_dim=9")
    (*_, argument) = expand("--recipe=glf/digits")
    assert argument.origin.endswith("glf/digits.cfg, line 17")


@pytest.mark.parametrize("name", ["glf/digitz", "", "../flags/glf/digits"])
def test_an_unknown_recipe_has_near_names(name):
    with pytest.raises(
        errors.InvalidValue, match="glf-tf recipes.* lists all"
    ) as message:
        expand(f"--recipe={name}")
    assert not name or "glf/digits" in message.value.do
    assert message.value.do.count(" or ") <= 2
