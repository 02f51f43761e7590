# SPDX-License-Identifier: Apache-2.0
"""The one reader of flags: of a command line, and of recipes, which are files of flags.

    # What follows a hash sign, or //, at the start of a line is for people.
    --flagfile=../base/mnist.cfg
    --latent_dim=20

`--flagfile=PATH` stands for the flags of a file, `--recipe=glf/digits` for those of a
recipe of the library, on the command line and in recipes alike.
A line of a recipe is one flag. On the command line as in a recipe, `--name=value`,
`-name=value`, `--name value` and `-name value` are the same, and so are `--name` and
`--name=true`, `--noname` and `--name=false` of a flag that is true or false; such a
flag takes no value of its own word. `--` ends the flags. Where a flag is given
repeatedly the last value counts. A path to a recipe is relative to the recipe that
names it; on the command line, to the working folder.

A part that is chosen anew starts from its own defaults: `--prior=normal` forgets what
was said of the prior before. What is forgotten:

* what follows an earlier `--prior=...` of the same recipe or command line;
* what stands in a recipe that has ended, whether it names its prior or relies on the
  default.

What precedes the choice in the same recipe, or on the command line, is said of the new
part, and is an error if that has no such option. A choice of what is chosen already
forgets nothing. Models and data sets are parts like others: `--model=vae` after a
recipe of another model forgets all options of that model, those of its parts included,
also where the new one has options of the same names: `--beta` of one need not be that
of another. Settings of training stay; a stage or group that the new model lacks is an
error. What a choice on the command line makes forgotten is told.
"""

__all__ = ["Argument", "Arguments", "expand"]

import dataclasses
import os
import pathlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from glf_tf import errors, resources

Kind = Callable[[str], bool | None]
"""Whether a flag of that name is true or false; None where there is no such flag."""

LARGEST_RECIPE = 2**20
"""Bytes that a recipe may have."""

OF_FILES = ("flagfile", "recipe")
"""Flags that stand for those of a file."""

MOST_ARGUMENTS = 10_000
"""Flags that a command line may have with all recipes that it names."""

# A negative number, or what stands for standard input, is a value and no flag.
_IS_VALUE = re.compile(r"[^-].*|-|-\.?\d.*|-inf|-nan|", re.DOTALL)


@dataclasses.dataclass(frozen=True)
class Argument:
    """A flag that was given.

    Attributes:
        name: Its name, without dashes.
        value: Its value as text; "true" or "false" for a flag without one.
        files: The recipe that it stands in, after those that include it; none for the
            command line.
        line: Its line in the recipe.
    """

    name: str
    value: str
    files: tuple[pathlib.Path, ...] = ()
    line: int = 0

    @property
    def text(self) -> str:
        """The flag as one word."""
        return f"--{self.name}={self.value}"

    @property
    def origin(self) -> str:
        """Where it stands: "" for the command line, or a file and line."""
        return f"{self.files[-1]}, line {self.line}" if self.files else ""

    @property
    def described(self) -> str:
        """The flag and, if it comes from a recipe, where it stands."""
        return f"{self.text} in {self.origin}" if self.files else self.text


class Arguments:
    """The flags that were given, in their order, less those that were forgotten."""

    def __init__(self, given: Iterable[Argument]):
        """Initializes the flags from those that `expand` found."""
        self._given = list(given)
        self.forgotten: list[tuple[Argument, list[Argument]]] = []
        """Choices of parts, each with the options that it replaced."""

    def __iter__(self) -> Iterator[Argument]:
        """Goes through the flags that count."""
        return iter(self._given)

    def choose(
        self, flag: str, *, default: str, owns: Callable[[str, str], bool]
    ) -> str:
        """Returns the part that a flag names, and forgets options of replaced parts.

        Args:
            flag: The flag that names the part, such as "prior.flow".
            default: What is chosen where it is not given.
            owns: Tells from a part's name and a flag's whether the flag is an option of
                the part, or of a part of it.
        """
        chosen, kept, choosers = default, [], set()
        for argument in self._given:
            if argument.name == flag:
                if argument.value != chosen:
                    kept = self._forget(argument, kept, old=chosen, owns=owns)
                chosen = argument.value
                choosers.add(argument.files)
            kept.append((argument, argument.files in choosers))
        self._given = [argument for argument, _ in kept]
        return chosen

    def rename(self, former: str, present: str) -> None:
        """Gives a flag its present name where a recipe has the former one.

        Raises:
            InvalidValue: The command line has the former one.
        """
        for index, argument in enumerate(self._given):
            if argument.name != former:
                continue
            if not argument.files:
                raise errors.InvalidValue(
                    f"--{former} has another name by now",
                    received=argument.described,
                    do=f"Use --{present}",
                )
            self._given[index] = dataclasses.replace(argument, name=present)

    def _forget(self, choice, before, *, old, owns):
        """Returns the flags before a choice without the options of the old part."""

        def is_forgotten(argument, follows_a_choice):
            ended = choice.files[: len(argument.files)] != argument.files
            return owns(old, argument.name) and (follows_a_choice or ended)

        gone = [
            argument for argument, follows in before if is_forgotten(argument, follows)
        ]
        if gone:
            self.forgotten.append((choice, gone))
        return [argument for argument in before if argument[0] not in gone]


def expand(words: Sequence[str], *, is_boolean: Kind) -> Arguments:
    """Returns the flags of a command line, with those of recipes in their places.

    Args:
        words: The command line, without the program.
        is_boolean: What is known of a flag by its name.

    Raises:
        NotFound: A recipe cannot be read.
        Damaged: A recipe is no text, or endless.
        InvalidValue: A word or a line is no flag, a value is missing, or a recipe
            includes itself.
    """
    return Arguments(_Reader(is_boolean).command_line(list(words)))


class _Reader:
    """Reads words and lines; counts what it finds."""

    def __init__(self, is_boolean: Kind):
        self._is_boolean = is_boolean
        self._count = 0

    def command_line(self, words: list[str]) -> Iterator[Argument]:
        while words:
            word = words.pop(0)
            if word == "--":
                break
            _check_flag(word, received=repr(word), rule="Arguments are flags")
            following = words[0] if words else None
            argument, takes_next = self._read(word, following)
            del words[: int(takes_next)]
            yield from self._opened(argument)
        if words:
            _check_flag("", received=" ".join(words), rule="Arguments are flags")

    def _recipe(
        self, file: pathlib.Path, *, including: tuple[pathlib.Path, ...]
    ) -> Iterator[Argument]:
        known = [file.resolve() for file in including]
        if file.resolve() in known or len(known) > 50:
            raise errors.InvalidValue(
                "A recipe must not include itself",
                received=f"{file} within {including[-1]}",
                do="Remove one of the two lines that name it",
            )
        for number, line in enumerate(_text_of(file).split("\n"), start=1):
            line = line.strip()
            if line and not line.startswith(("#", "//")):
                where = f"{line!r} in {file}, line {number}"
                _check_flag(line, received=where, rule="A line of a recipe is a flag")
                place = {"files": (*including, file), "line": number}
                # One split alone, as a value may have blanks: `--title=a b`.
                word, blank, value = re.match(r"([^\s=]*)(\s*)(.*)", line).groups()
                pair = (word, value) if blank and value else (line, None)
                argument, is_used = self._read(*pair, **place)
                if blank and value and not is_used:
                    raise _without_value(argument, value)
                yield from self._opened(argument)

    def _read(self, word, following, **place) -> tuple[Argument, bool]:
        """Returns a flag, and whether the following word is its value."""
        name, equals, value = word.lstrip("-").partition("=")
        is_boolean = self._is_boolean(name)
        negated = is_boolean is None and name.startswith("no")
        if negated and self._is_boolean(name[2:]):
            argument = Argument(name[2:], "false", **place)
            if equals:
                raise _without_value(argument, value)
            return argument, False
        if equals:
            return Argument(name, value, **place), False
        if is_boolean:
            argument = Argument(name, "true", **place)
            if following is not None and _IS_VALUE.fullmatch(following):
                raise _without_value(argument, following)
            return argument, False
        if following is not None and _IS_VALUE.fullmatch(following):
            return Argument(name, following, **place), True
        if is_boolean is None and name not in OF_FILES:
            return Argument(name, "", **place), False
        raise errors.InvalidValue(
            f"--{name} needs a value",
            received=Argument(name, "", **place).described.replace("=", "", 1),
            do=f"Write --{name}=VALUE",
        )

    def _opened(self, argument: Argument) -> Iterator[Argument]:
        """Yields a flag, or the flags of the recipe that it names."""
        self._count += 1
        if self._count > MOST_ARGUMENTS:
            raise errors.InvalidValue(
                f"A command line has at most {MOST_ARGUMENTS:,} flags with its recipes",
                received=f"more, at {argument.described}",
                do="Look for recipes that include each other many times over",
            )
        _check_text(argument)
        if argument.name not in OF_FILES:
            yield argument
            return
        file = _file_of(argument)
        yield from self._recipe(file, including=argument.files)


def _file_of(argument: Argument) -> pathlib.Path:
    """Returns the file that a flag stands for."""
    if argument.name == "recipe":
        return resources.recipe(argument.value)
    if not argument.value:
        raise errors.InvalidValue(
            "--flagfile needs a value",
            received="--flagfile= (the value is empty)",
            do="Write --flagfile=FILE, or leave it out",
        )
    # Of pathlib's and os' ways this one leaves an unknown user's home as it is.
    path = pathlib.Path(os.path.expanduser(argument.value))
    return argument.files[-1].parent / path if argument.files else path


def _hint(file: pathlib.Path) -> str:
    """Returns which recipe of the library may have been meant, or where they are."""
    name = f"{file.parent.name}/{file.stem}"
    if name in resources.recipes():
        return f"the library's own is --recipe={name}"
    return "`glf-tf recipes` lists the library's recipes"


def _text_of(file: pathlib.Path) -> str:
    """Returns the text of a recipe."""
    try:
        with file.open("rb") as stream:
            data = stream.read(LARGEST_RECIPE + 1)
    except (OSError, ValueError) as error:
        raise errors.NotFound(
            "A recipe must be a text file that can be read",
            received=f"--flagfile={file} ({getattr(error, 'strerror', error)})",
            do=f"Check the path; {_hint(file)}",
        ) from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if len(data) > LARGEST_RECIPE or "\0" in text:
        raise errors.Damaged(
            f"A recipe must be text, of at most {LARGEST_RECIPE:,} bytes",
            received=f"--flagfile={file}, which is not",
            do="Check the path; `glf-tf recipes` lists the library's recipes",
        )
    return text


def _check_flag(word: str, *, received: str, rule: str) -> None:
    """Refuses what does not begin with a dash and a name."""
    if not re.match(r"--?[^-=\s]", word):
        raise errors.InvalidValue(
            f"{rule}, --name=value",
            received=received,
            do="Put two dashes before each name; --help lists the flags",
        )


def _check_text(argument: Argument) -> None:
    """Refuses a value that no recipe could hold, and a run could not be repeated by."""
    text = argument.value
    is_text = text.isprintable() or not re.search(r"[\0\n\r\ud800-\udfff]", text)
    if not is_text:
        raise errors.InvalidValue(
            "A flag's value is one line of text",
            received=ascii(argument.described),
            do="Use a name without line breaks, of characters that UTF-8 has",
        )


def _without_value(argument: Argument, value: str) -> errors.InvalidValue:
    name = argument.name
    return errors.InvalidValue(
        f"--{name} and --no{name} are true or false by themselves",
        received=f"{value!r} after it" + argument.described.removeprefix(argument.text),
        do=f"Write --{name}, --no{name}, --{name}=true or --{name}=false",
    )
