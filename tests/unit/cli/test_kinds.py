# SPDX-License-Identifier: Apache-2.0
"""What a recipe says of a value is the value again."""

import pytest

from glf_tf.cli import kinds


@pytest.mark.parametrize(
    ("parser", "serializer", "value"),
    [
        (kinds._Named(), kinds._NamedSerializer(), {}),
        (kinds._Named(), kinds._NamedSerializer(), {"": 1, "flow": 0.5}),
        (kinds._Names(("a", "b")), kinds._NamedSerializer(), {"": "a", "c": "b"}),
        (kinds._Sequence(int), kinds._Joined(), ()),
        (kinds._Sequence(int), kinds._Joined(), (3, 4)),
    ],
)
def test_what_is_written_is_read(parser, serializer, value):
    assert parser.parse(serializer.serialize(value)) == value


@pytest.mark.parametrize("text", ["c", "a,critic:c", "a,b"])
def test_names_that_are_no_choice_or_twice_are_refused(text):
    with pytest.raises(ValueError, match="none of|has two"):
        kinds._Names(("a", "b")).parse(text)
