# SPDX-License-Identifier: Apache-2.0
"""What the constructor of a class says, read as Python itself would call it."""

__all__ = [
    "Keyword",
    "bound",
    "constructors",
    "defaults",
    "given_to_next",
    "handed_on",
    "hints_of",
    "keywords",
    "takes",
]

import ast
import dataclasses
import enum
import functools
import inspect
import pathlib
import sys
import textwrap
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Any

_FOREIGN = (
    "keras",
    "tensorflow",
    "tensorflow_probability",
    "tf_keras",
    "builtins",
    "abc",
)
"""Packages whose base classes have keywords that are no options of ours."""


@dataclasses.dataclass(frozen=True)
class Keyword:
    """An argument with a default, which may be given by its name.

    Attributes:
        name: Its name.
        raw_default: The default in the signature.
        owner: The class whose constructor has it: the class itself or a base.
        is_decided: Whether a constructor nearer to the class gives it by itself.
    """

    name: str
    raw_default: Any
    owner: type
    is_decided: bool

    @property
    def default(self) -> Any:
        """The default as a plain value; a data class's factory is called for it."""
        if dataclasses.is_dataclass(self.owner):
            for field in dataclasses.fields(self.owner):
                has_factory = field.default_factory is not dataclasses.MISSING
                if field.name == self.name and has_factory:
                    return field.default_factory()
        default = self.raw_default
        if isinstance(default, enum.Enum):
            return default.value
        return str(default) if isinstance(default, pathlib.PurePath) else default


@functools.lru_cache(maxsize=512)
def keywords(cls: type) -> tuple[Keyword, ...]:
    """Returns the keywords of a class's constructor, and of those that it leads to.

    A constructor that takes `**kwargs` hands them to the next one. Of two keywords of
    one name the first counts. Base classes of Keras and TensorFlow are left out.
    """
    found: dict[str, Keyword] = {}
    decided: set[str] = set()
    for constructor, owner in constructors(cls):
        for parameter in inspect.signature(constructor).parameters.values():
            name = parameter.name
            if _is_keyword(parameter) and name not in found:
                is_decided = name in decided
                found[name] = Keyword(name, parameter.default, owner, is_decided)
        decided |= given_to_next(constructor)
    return tuple(found.values())


def defaults(cls: type) -> dict[str, Any]:
    """Returns `{name: default}` of the keywords of a class's constructor."""
    return {keyword.name: keyword.default for keyword in keywords(cls)}


def bound(cls: type, args: tuple, kwargs: Mapping) -> dict[str, Any]:
    """Returns `{argument: value}` of a call of a class.

    What a constructor hands on as `*args` has the names of the next one.
    """
    signature = inspect.signature(cls.__init__)
    try:
        call = signature.bind(None, *args, **kwargs)
    except TypeError:
        return {}  # the constructor itself says what is wrong
    arguments = dict(list(call.arguments.items())[1:])
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            arguments |= arguments.pop(parameter.name, {})
        elif parameter.kind is parameter.VAR_POSITIONAL:
            values = arguments.pop(parameter.name, ())
            arguments |= zip(handed_on(cls), values, strict=False)
    return arguments


def handed_on(cls: type) -> list[str]:
    """Returns the names of what a constructor hands on as `*args`, by its source."""
    return _handed_on([constructor for constructor, _ in constructors(cls)])


def _handed_on(chain: list[Callable]) -> list[str]:
    place = _place_of_rest(chain[0]) if len(chain) > 1 else None
    if place is None:
        return []
    parameters = list(inspect.signature(chain[1]).parameters.values())[1:]
    by_position = inspect.Parameter.POSITIONAL_OR_KEYWORD
    own = [value.name for value in parameters if value.kind is by_position]
    return [*own, *_handed_on(chain[1:])][place:]


def _place_of_rest(constructor: Callable) -> int | None:
    """Returns the position at which `*args` stand in the call of the next one."""
    for call in _calls_of_next(constructor):
        is_bound = isinstance(call.func, ast.Attribute) and isinstance(
            call.func.value, ast.Call
        )
        given = call.args if is_bound else call.args[1:]  # Base.__init__(self, ...)
        if given and isinstance(given[-1], ast.Starred):
            return len(given) - 1
    return None


def takes(cls: type, name: str) -> bool:
    """Returns whether a constructor takes a keyword, if only to hand it on."""
    names = inspect.signature(cls.__init__).parameters
    return name in names or _hands_on(cls.__init__)


def hints_of(constructor: Callable) -> Mapping[str, Any]:
    """Returns annotations, evaluated where they are text and can be."""
    try:
        return typing.get_type_hints(constructor, include_extras=True)
    except Exception:  # noqa: BLE001 - a name that only a type checker imports
        raw = getattr(constructor, "__annotations__", {})
        return {name: _evaluated(hint, constructor) for name, hint in raw.items()}


def constructors(cls: type) -> Iterator[tuple[Callable, type]]:
    """Yields a class's constructor, and those that `**kwargs` are handed on to."""
    for base in cls.__mro__:
        if base.__module__.partition(".")[0] in _FOREIGN:
            return
        constructor = vars(base).get("__init__")
        if constructor is None:
            continue
        yield constructor, base
        if not _hands_on(constructor):
            return


def _hands_on(constructor: Callable) -> bool:
    parameters = inspect.signature(constructor).parameters.values()
    return any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)


def _is_keyword(parameter: inspect.Parameter) -> bool:
    by_keyword = (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    has_default = parameter.default is not parameter.empty
    return parameter.kind in by_keyword and has_default


def given_to_next(constructor: Callable) -> set[str]:
    """Returns the keywords that a constructor gives to the next one, by its source."""
    return {
        keyword.arg
        for call in _calls_of_next(constructor)
        for keyword in call.keywords
        if keyword.arg is not None
    }


def _calls_of_next(constructor: Callable) -> list[ast.Call]:
    try:
        source = textwrap.dedent(inspect.getsource(constructor))
        tree = ast.parse(source)
    except (OSError, TypeError, SyntaxError):
        return []  # there is no source, as of data classes
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".__init__")
    ]


def _evaluated(hint: Any, constructor: Callable) -> Any:
    if not isinstance(hint, str):
        return hint
    namespace = vars(sys.modules.get(constructor.__module__, sys))
    try:
        holder = type("Holder", (), {"__annotations__": {"hint": hint}})
        return typing.get_type_hints(holder, namespace, include_extras=True)["hint"]
    except Exception:  # noqa: BLE001 - as above: the default tells
        return inspect.Parameter.empty
