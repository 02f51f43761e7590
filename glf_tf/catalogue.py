# SPDX-License-Identifier: Apache-2.0
"""Finds what a name stands for: file name = flag value, constructor keyword = option.

The file `glf_tf/models/foo_bar.py` that defines the class `FooBar` (or `FooBarModel`)
makes the model `foo_bar`; the keywords of its constructor are the model's options,
their defaults are the defaults, and the `Args` of its docstring are the help. Nothing
is registered.

Names and options are read from the source text, not by importing it, so that
`tools/train.py --help` answers before TensorFlow is loaded.
"""

__all__ = [
    "KINDS",
    "Option",
    "names",
    "options",
    "former",
    "load",
    "build",
    "described",
    "name_of",
    "completed",
]

import ast
import dataclasses
import functools
import importlib
import inspect
import pathlib
import re
from collections.abc import Mapping
from typing import Any

from glf_tf import errors

KINDS = {
    "dataset": "datasets",
    "model": "models",
    "network": "networks",
    "flow": "flows",
    "prior": "priors",
    "inference": "inference",
    "reconstruction": "objectives",
    "mask": "masks",
}
"""The folder that holds each kind of part."""

_FORMER = {("model", "vae"): {"beta": "kl_weight"}}
"""Options that had other names, by part: `{(kind, part): {former: present}}`.

Recipes, run folders and `.keras` files of before are read by their former names.
"""

_ROOT = pathlib.Path(__file__).parent


_PARTS = {f"types.{kind.capitalize()}": kind for kind in KINDS if kind != "inference"}
_PARTS["types.Sampler"] = "inference"


@dataclasses.dataclass(frozen=True)
class Option:
    """A keyword of a constructor, as its source text states it.

    Attributes:
        name: The keyword.
        annotation: Its type, as written.
        default: Its default, a Python literal.
        help: Its line of the docstring's `Args`.
    """

    name: str
    annotation: str
    default: Any
    help: str

    @property
    def part(self) -> str | None:
        """The kind of part that its value names; None where it names no part."""
        return _PARTS.get(self.annotation)

    @property
    def is_part(self) -> bool:
        """Whether its value names a part."""
        return self.part is not None


@functools.cache
def names(kind: str) -> tuple[str, ...]:
    """Returns the sorted names of all parts of a kind, such as "model"."""
    files = sorted((_ROOT / KINDS[kind]).glob("*.py"))
    return tuple(file.stem for file in files if _class_node(file) is not None)


@functools.cache
def options(kind: str, name: str) -> Mapping[str, Option]:
    """Returns the options of a part: its constructor's keywords that have defaults.

    `name`, which Keras layers and models have, is none.

    Raises:
        InvalidValue: There is no such part.
    """
    node = _class_node(_file(kind, name))
    signature = _constructor(node)
    if signature is None:
        return {}
    help_of = _argument_docs(node)
    positional = signature.args[len(signature.args) - len(signature.defaults) :]
    pairs = [*zip(positional, signature.defaults, strict=True)]
    pairs += zip(signature.kwonlyargs, signature.kw_defaults, strict=True)
    return {
        argument.arg: Option(
            name=argument.arg,
            annotation=ast.unparse(argument.annotation),
            default=ast.literal_eval(default),
            help=help_of.get(argument.arg, ""),
        )
        for argument, default in pairs
        if default is not None and argument.arg != "name"
    }


def former(kind: str, name: str) -> Mapping[str, str]:
    """Returns `{former name: present name}` of the options of a part."""
    return _FORMER.get((kind, name), {})


def _renamed(kind: str, spec: str | Mapping[str, Any]) -> dict[str, Any]:
    """Returns a specification as a mapping, its options by their present names."""
    given = {"name": spec} if isinstance(spec, str) else dict(spec)
    for old, new in former(kind, given.get("name", "")).items():
        if old in given:
            given[new] = given.pop(old)
    return given


def load(kind: str, name: str) -> type:
    """Imports and returns the class that a name stands for."""
    node = _class_node(_file(kind, name))
    module = importlib.import_module(f"glf_tf.{KINDS[kind]}.{name}")
    return getattr(module, node.name)


def build(kind: str, spec: str | Mapping[str, Any], **fixed: Any) -> Any:
    """Builds the part that `spec` describes.

    Args:
        kind: One of `KINDS`, such as "flow".
        spec: A name, or a mapping with `name` and options.
        **fixed: Arguments that the caller decides, such as the latent size.

    Raises:
        InvalidValue: The name or an option is unknown.
    """
    chosen = _renamed(kind, spec)
    name = chosen.pop("name", "")
    known = options(kind, name)
    for option in chosen:
        if option not in known:
            raise errors.InvalidValue(
                f"An option of the {kind} {name} must be one that it has",
                received=f"{option}={chosen[option]!r}",
                do=errors.suggestion(option, known),
            )
    return load(kind, name)(**fixed, **chosen)


def described(docstring: str, *, section: str) -> dict[str, str]:
    """Returns `{name: text}` of a section, such as "Args", of a docstring."""
    body = re.search(
        rf"^{section}:\n((?:[ ]{{4}}.*\n?|\n)+)",
        inspect.cleandoc(docstring),
        flags=re.MULTILINE,
    )
    if body is None:
        return {}
    items = re.findall(
        r"^ {4}(\w+): (.*(?:\n {8}.*)*)", body.group(1), flags=re.MULTILINE
    )
    return {name: " ".join(text.split()) for name, text in items}


def name_of(spec: str | Mapping[str, Any]) -> str:
    """Returns the name in a specification."""
    return spec if isinstance(spec, str) else spec["name"]


def completed(kind: str, spec: str | Mapping[str, Any]) -> dict[str, Any]:
    """Returns a specification with every option, at its default where none is given.

    So specifications of one part compare, though one of them was written before the
    part had all its options. What the library does not have is kept as it is.

    Args:
        kind: One of `KINDS`, such as "model".
        spec: A name, or a mapping with `name` and options.
    """
    given = _renamed(kind, spec)
    if given["name"] not in names(kind):
        return given
    for option in options(kind, given["name"]).values():
        value = given.get(option.name, option.default)
        given[option.name] = completed(option.part, value) if option.is_part else value
    return given


def _file(kind: str, name: str) -> pathlib.Path:
    if name not in names(kind):
        raise errors.InvalidValue(
            f"The {kind} must be one that the library has",
            received=f"{kind}={name!r}",
            do=errors.suggestion(name, names(kind)),
        )
    return _ROOT / KINDS[kind] / f"{name}.py"


@functools.cache
def _class_node(file: pathlib.Path) -> ast.ClassDef | None:
    """Returns the class named after its file: `FooBar(Base)` in `foo_bar.py`.

    The kind may follow, as in `FlowPrior` in `priors/flow.py`.
    """
    stem = file.stem.replace("_", "")
    wanted = {stem, *(stem + kind for kind in KINDS)}
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        is_class = isinstance(node, ast.ClassDef) and node.bases
        if is_class and node.name.lower() in wanted:
            return node
    return None


def _constructor(node: ast.ClassDef) -> ast.arguments | None:
    """Returns the arguments of a class's own constructor, if it has one."""
    for item in node.body:
        if isinstance(item, ast.FunctionDef) and item.name == "__init__":
            return item.args
    return None


def _argument_docs(node: ast.ClassDef) -> dict[str, str]:
    """Returns `{argument: text}` of the `Args` section of a class's docstring."""
    return described(ast.get_docstring(node) or "", section="Args")
