# SPDX-License-Identifier: Apache-2.0
"""A constructor is read once, for the options of a part as for what it remembers."""

import dataclasses
import enum

import keras
import pytest

from glf_tf import errors, parts, signatures
from glf_tf.catalogue import inspecting


class Mode(enum.Enum):
    FAST = "fast"


class Base(parts.Part):
    part_kind = "mask"

    def __init__(self, *, inherited=2, width=3, mode=Mode.FAST):
        pass


class Derived(Base):
    def __init__(self, required, *, own=1, **kwargs):
        super().__init__(width=5, **kwargs)


class Layer(keras.layers.Dense):
    def __init__(self, *, units=2, **kwargs):
        super().__init__(units, **kwargs)


@dataclasses.dataclass
class Data(parts.Part):
    part_kind = "mask"

    sizes: tuple = dataclasses.field(default_factory=lambda: (1, 2))


class Handing(Derived):
    def __init__(self, *args, depth=2, **kwargs):
        super().__init__(*args, **kwargs)


class Inserting(Handing):
    def __init__(self, first, *rest, **kwargs):
        Handing.__init__(self, 1, *rest, **kwargs)


class Keeping(Base):
    def __init__(self, *sizes, **kwargs):
        super().__init__(**kwargs)


class Nameless(Base):
    def __init__(self, size, /, **kwargs):
        super().__init__(**kwargs)


def test_positions_that_are_handed_on_have_the_names_of_the_next_constructor():
    assert signatures.handed_on(Handing) == ["required"]
    assert signatures.handed_on(Inserting) == []
    given = parts.arguments_of(Handing(4, depth=3))
    assert (given["required"], given["depth"]) == (4, 3)
    assert parts.arguments_of(Handing(required=4)) == {**given, "depth": 2}


@pytest.mark.parametrize(
    ("cls", "given", "options"),
    [
        (Handing, (4, 5), {}),
        (Handing, (4,), {"required": 5}),
        (Keeping, (1, 2), {}),
        (Nameless, (1,), {}),
    ],
)
def test_arguments_without_a_name_are_refused(cls, given, options):
    with pytest.raises(errors.InvalidValue, match="must have a name, once"):
        cls(*given, **options)


def test_keywords_are_those_of_the_constructors_that_are_led_to():
    assert signatures.defaults(Derived) == {
        "own": 1,
        "inherited": 2,
        "width": 3,
        "mode": "fast",
    }
    assert [key.name for key in signatures.keywords(Derived) if key.is_decided] == [
        "width"
    ]
    assert signatures.defaults(Layer) == {"units": 2}


def test_what_a_part_remembers_are_its_options_defaults():
    for cls, given in ((Derived, (0,)), (Data, ())):
        remembered = parts.arguments_of(cls(*given))
        for name, option in inspecting.options_of(cls).items():
            assert remembered[name] == option.default


def test_keywords_that_are_handed_on_are_taken():
    assert signatures.takes(Derived, "anything")
    assert signatures.takes(Base, "width")
    assert not signatures.takes(Base, "height")
