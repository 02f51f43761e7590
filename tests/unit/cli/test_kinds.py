# SPDX-License-Identifier: Apache-2.0
"""What a recipe says of a value is the value again."""

import pytest

from glf_tf.cli import kinds


@pytest.mark.parametrize(
    ("parser", "serializer", "value"),
    [
        (kinds._Named(), kinds._NamedSerializer(), {}),
        (kinds._Named(), kinds._NamedSerializer(), {"": 1, "flow": 0.5}),
        (kinds._Sequence(int), kinds._Joined(), ()),
        (kinds._Sequence(int), kinds._Joined(), (3, 4)),
    ],
)
def test_what_is_written_is_read(parser, serializer, value):
    assert parser.parse(serializer.serialize(value)) == value
