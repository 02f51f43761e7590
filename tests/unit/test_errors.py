# SPDX-License-Identifier: Apache-2.0
"""Messages in three parts."""

import pytest

from glf_tf import errors


@pytest.mark.parametrize(
    ("kind", "base"),
    [
        (errors.InvalidValue, ValueError),
        (errors.InvalidType, TypeError),
        (errors.Unsupported, NotImplementedError),
        (errors.NotFound, FileNotFoundError),
        (errors.Diverged, ArithmeticError),
    ],
)
def test_message_has_rule_received_and_advice(kind, base):
    error = kind("It must be even", received="x=3", do="Use 4")
    assert str(error) == "It must be even. Received: x=3. Use 4."
    assert isinstance(error, base)


def test_suggestion_names_the_closest():
    assert errors.suggestion("glv", ["vae", "glf"]).startswith("Did you mean glf?")
    assert errors.suggestion("qqq", ["vae", "glf"]) == "Use one of: glf, vae"


def test_near_names_are_at_most_three_by_whole_or_last_word():
    known = [f"{folder}/digits" for folder in "abcdef"] + ["network.hidden", "beta"]
    assert errors.near("a/digit", known)[0] == "a/digits"
    assert len(errors.near("a/digit", known)) == len(errors.near("digit", known)) == 3
    assert errors.near("network.hiden", known) == ["network.hidden"]
    assert errors.near("flow.hidden", known) == ["network.hidden"]
    assert errors.near("qqq", known) == []


@pytest.mark.parametrize(
    ("said", "line"),
    [
        (
            "{{function_node x}} OOM when allocating [3] [Op:Mul]",
            "OOM when allocating [3]",
        ),
        ("2 root errors\n  OOM when allocating [3]\n hint", "OOM when allocating [3]"),
        ("no disk", "no disk"),
        ("", "ValueError"),
    ],
)
def test_what_tensorflow_says_becomes_a_line(said, line):
    assert errors.line_of(ValueError(said)) == line
