# SPDX-License-Identifier: Apache-2.0
"""Jobs of a comparison: recipes, each trained once per seed in its own folder."""

__all__ = ["Recipe", "Job", "recipes", "published", "check"]

import dataclasses
import pathlib
import re
from collections.abc import Mapping, Sequence

from glf_tf import errors
from glf_tf.experiments import folder as folder_lib
from glf_tf.experiments import plan as plan_lib

_INDIFFERENT = {
    *(field.name for field in dataclasses.fields(plan_lib.Reports)),
    *("data_dir", "cache_dir", "download"),
}
"""Flags that do not affect the trained model, unless it has patience."""

_OF_PATIENCE = {"best_by", "patience", "save_every", "validate_every"}


@dataclasses.dataclass(frozen=True)
class Recipe:
    """A recipe of a comparison.

    Attributes:
        name: Its name in tables and folders, such as "vae_digits".
        path: The file.
        published: The published figure in its header, or "".
        title: What tables call it; "" for its name.
        why: Why the measured figure differs from the published one, or "".
    """

    name: str
    path: pathlib.Path
    published: str
    title: str = ""
    why: str = ""


@dataclasses.dataclass(frozen=True)
class Job:
    """One training of a recipe.

    Attributes:
        recipe: The recipe.
        seed: The seed of the training.
        folder: The run's folder.
        command: The command that trains or resumes it.
        plan: The plan of the command: the specification `dataset`, `epochs` by stage,
            `batch_size` and all `flags`, as `cli.planned` reads them.
        start: The training from whose weights it starts; None for none.
    """

    recipe: Recipe
    seed: int
    folder: folder_lib.Folder
    command: tuple[str, ...]
    plan: Mapping
    start: "Job | None" = None

    @property
    def name(self) -> str:
        """The recipe's name, and the seed unless it is 0."""
        return folder_name(self.recipe, seed=self.seed)

    @property
    def training(self) -> dict[str, object]:
        """The values of the flags that determine the trained model."""
        values = {**self.plan["flags"], "seed": self.seed}
        matter = _OF_PATIENCE if values.get("patience") else set()
        return {
            name: value
            for name, value in sorted(values.items())
            if name.split(".")[0] not in _INDIFFERENT - matter
        }


def folder_name(recipe: Recipe, *, seed: int) -> str:
    """Returns the name of the folder of a recipe's training."""
    return recipe.name + (f"_seed_{seed}" if seed else "")


def recipes(paths: Sequence[str | pathlib.Path]) -> list[Recipe]:
    """Returns recipes with distinct names.

    A name consists of the file's name and its folder, and of further folders where two
    would be equal.

    Raises:
        NotFound: A file cannot be read.
        InvalidValue: A file is given twice, or two differ in their suffixes alone.
    """
    files = [pathlib.Path(path) for path in paths]
    texts = [_read(file) for file in files]
    names = _names(files)
    if len(set(names)) < len(files):
        raise errors.InvalidValue(
            "The recipes of a comparison must have distinct names",
            received=",".join(map(str, files)),
            do="Give each file once; --seeds trains a recipe several times",
        )
    return [
        Recipe(name=name, path=file, published=published(text))
        for name, file, text in zip(names, files, texts, strict=True)
    ]


def published(text: str) -> str:
    """Returns the text after "Expected" and before "Measured" in a recipe's header."""
    header = [line for line in text.splitlines() if line.startswith("#")]
    words = "\n".join(line.removeprefix("#").strip() for line in header)
    found = re.search(r"\bExpected\b[:,]?(.*?)(?:\bMeasured\b|\n\n|\Z)", words, re.S)
    if found is None:
        return ""
    return " ".join(found.group(1).split()).removesuffix(".")


def check(jobs: Sequence[Job]) -> None:
    """Checks that jobs that are compared by one set of images have the same data set.

    Raises:
        InvalidValue: They differ.
    """
    first = jobs[0]
    for job in jobs:
        if job.plan["dataset"] != first.plan["dataset"]:
            raise errors.InvalidValue(
                "Recipes must have the same data set to be compared",
                received=f"{_described(first)} in {first.recipe.path} and "
                f"{_described(job)} in {job.recipe.path}",
                do="Compare recipes of one data set with the same options",
            )


def _described(job: Job) -> str:
    spec = job.plan["dataset"]
    options = [f"{key}={value}" for key, value in spec.items() if key != "name"]
    return ", ".join([spec["name"], *options])


def _names(files: Sequence[pathlib.Path]) -> list[str]:
    """Returns names with as many folders as distinguish the files, at least one."""
    resolved = [file.resolve().with_suffix("") for file in files]
    for depth in range(2, max(len(file.parts) for file in resolved) + 1):
        names = ["_".join(file.parts[-depth:]) for file in resolved]
        if len(set(names)) == len(names):
            break
    return [re.sub(r"[^\w.-]", "-", name) for name in names]


def _read(file: pathlib.Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise errors.NotFound(
            "A recipe must be a text file that can be read",
            received=f"{file} ({type(error).__name__})",
            do="Check the path; `glf-tf recipes` lists the library's recipes",
        ) from error
