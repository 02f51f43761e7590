# SPDX-License-Identifier: Apache-2.0
"""What a recipe says of a value is the value again."""

import pytest

from glf_tf.cli import parsers


@pytest.mark.parametrize(
    ("parser", "serializer", "value"),
    [
        (parsers.NamedParser(), parsers.NamedSerializer(), {}),
        (parsers.NamedParser(), parsers.NamedSerializer(), {"": 1, "flow": 0.5}),
        (
            parsers.NamesParser(("a", "b")),
            parsers.NamedSerializer(),
            {"": "a", "c": "b"},
        ),
        (parsers.SequenceParser(int), parsers.JoinedSerializer(), ()),
        (parsers.SequenceParser(int), parsers.JoinedSerializer(), (3, 4)),
    ],
)
def test_what_is_written_is_read(parser, serializer, value):
    assert parser.parse(serializer.serialize(value)) == value


@pytest.mark.parametrize("text", ["c", "a,critic:c", "a,b"])
def test_names_that_are_no_choice_or_twice_are_refused(text):
    with pytest.raises(ValueError, match="none of|given twice"):
        parsers.NamesParser(("a", "b")).parse(text)
