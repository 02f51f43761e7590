# SPDX-License-Identifier: Apache-2.0
"""Options are read as Python means them, however a constructor states them."""

import dataclasses
import enum
import pathlib
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal, NewType, Optional

import pytest

from glf_tf import catalogue, errors, types
from glf_tf.catalogue import inspecting, specifications
from glf_tf.flows import flow as flow_lib

Side = Literal["left", "right"]
Width = NewType("Width", int)
SIZE = 3


class Mode(enum.Enum):
    FAST = "fast"
    SLOW = "slow"


class Base:
    """A base.

    Args:
        inherited: From the base.
        both: The base's.
    """

    def __init__(self, *, inherited: int = 2, both: int = 1):
        pass


class Derived(Base):
    """Derived.

    Args:
        both: The class's.
        size (int): Of an expression.
    """

    def __init__(self, required, *, both: float = 0.5, size=2 * SIZE, name="x", **rest):
        super().__init__(**rest)


class Closed(Derived):
    def __init__(self, *, only: int = 1):
        super().__init__(0)


@dataclasses.dataclass
class Data:
    """Data.

    Attributes:
        width: Of the data.
        sizes: Of the layers.
    """

    width: int = 3
    sizes: tuple[int, ...] = dataclasses.field(default_factory=lambda: (1, 2))


def test_constructors_that_keywords_are_handed_on_to_are_read():
    found = inspecting.options_of(Derived)
    assert {item.name: item.default for item in found.values()} == {
        "both": 0.5,
        "size": 6,
        "inherited": 2,
    }
    assert {item.name: item.help for item in found.values()} == {
        "both": "The class's.",
        "size": "Of an expression.",
        "inherited": "From the base.",
    }
    assert list(inspecting.options_of(Closed)) == ["only"]


def test_data_classes_are_read():
    found = inspecting.options_of(Data)
    assert found["sizes"].default == (1, 2)
    assert found["sizes"].is_sequence
    assert found["width"].help == "Of the data."


FORMS = [
    (int, 1, {"kind": "int"}),
    (Width, 1, {"kind": "int"}),
    ("int", 1, {"kind": "int"}),
    ("NotImportedAtAll", 1, {"kind": "int"}),
    (None, 1.5, {"kind": "float"}),
    (None, (1, 2), {"kind": "int", "is_sequence": True}),
    (int | None, 1, {"kind": "int", "is_optional": True}),
    (Optional[float], None, {"kind": "float", "is_optional": True}),  # noqa: UP045
    (int | float, 1, {"kind": "float"}),
    (Annotated[int, "even"], 2, {"kind": "int"}),
    (Side, "left", {"kind": "choice", "choices": ("left", "right")}),
    (Literal[1, 2], 1, {"kind": "choice", "choices": (1, 2)}),
    (
        Literal["a", None],
        None,
        {"kind": "choice", "choices": ("a",), "is_optional": True},
    ),
    (tuple[int, ...], (), {"kind": "int", "is_sequence": True}),
    (tuple[int, int], (1, 2), {"kind": "int", "is_sequence": True, "length": 2}),
    (tuple[float, ...], (), {"kind": "float", "is_sequence": True}),
    (Sequence[Side], (), {"kind": "choice", "is_sequence": True}),
    (list[str], (), {"kind": "str", "is_sequence": True}),
    (types.Path, "", {"kind": "path"}),
    (pathlib.Path, None, {"kind": "path", "made_by": "pathlib:Path"}),
    (types.Flow, "real_nvp", {"kind": "part", "part": "flow"}),
    (types.Sampler, "langevin", {"kind": "part", "part": "inference"}),
    (types.Prior | None, None, {"part": "prior", "is_optional": True}),
    (flow_lib.AbstractFlow, None, {"kind": "part", "part": "flow"}),
    (str | flow_lib.AbstractFlow, "real_nvp", {"kind": "part", "part": "flow"}),
    (types.Flow, object(), {"kind": "object"}),
    (Callable, None, {"kind": "object"}),
    (int | str, 1, {"kind": "object"}),
    (Any, True, {"kind": "bool"}),
]


@pytest.mark.parametrize(("annotation", "default", "expected"), FORMS)
def test_annotations_say_what_values_an_option_takes(annotation, default, expected):
    class Part:
        def __init__(self, *, value=default):
            pass

    if annotation is not None:
        Part.__init__.__annotations__["value"] = annotation
    (option,) = inspecting.options_of(Part).values()
    usual = {"is_optional": default is None, "is_sequence": False, "length": None}
    for name, value in {**usual, **expected}.items():
        assert getattr(option, name) == value, name


def test_an_enumeration_is_given_by_its_values_and_made_into_members():
    class Part:
        def __init__(self, *, mode: Mode = Mode.FAST):
            pass

    (option,) = inspecting.options_of(Part).values()
    assert option.choices == ("fast", "slow")
    assert option.default == "fast"
    assert specifications._made(option, "slow") is Mode.SLOW
    assert specifications._made(option, Mode.SLOW) is Mode.SLOW
    with pytest.raises(errors.InvalidValue, match="fast, slow"):
        specifications._made(option, "slowly")


def test_no_built_in_option_is_kept_from_command_lines():
    for kind in catalogue.KINDS:
        for name in catalogue.names(kind):
            assert all(item.is_flag for item in catalogue.options(kind, name).values())
