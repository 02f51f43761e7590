# SPDX-License-Identifier: Apache-2.0
"""Makes the trainings of tools that train recipes, each by a process of its own."""

__all__ = [
    "DECIDED",
    "STARTS",
    "check_flags",
    "file_of",
    "make",
    "of_table",
    "paths_as_flags",
]

import pathlib
import re
import sys
from collections.abc import Sequence

from glf_tf import errors, resources
from glf_tf.cli import planned
from glf_tf.comparison import folder as folder_lib
from glf_tf.comparison import job as job_lib
from glf_tf.data import paths as paths_lib
from glf_tf.evidence import table_file

DECIDED = ("workdir", "resume", "seed", "epochs", "flagfile", "recipe")
"""Flags of tools/train.py that a tool which trains recipes sets itself."""

_DECIDED_BY_TABLES = ("workdir", "resume", "seed", "recipe", "start_from")

STARTS = ("start_from", "start_layers")
"""Further ones where recipes start from another training."""

_FIT_SEED = "prior.seed"
"""Of a fit to codes, which no seed of training reaches."""


def make(
    recipe: job_lib.Recipe,
    seeds: Sequence[int],
    *,
    folder: folder_lib.Folder,
    arguments: Sequence[str],
    starts: Sequence[job_lib.Job] = (),
    fits_by_seed: bool = False,
    max_epochs: int = 0,
) -> list[job_lib.Job]:
    """Returns the trainings of a recipe, one for each seed.

    If the arguments are wrong, the tool exits with the error of tools/train.py.

    Args:
        recipe: The recipe.
        seeds: The seeds.
        folder: The folder of the comparison.
        arguments: Of tools/train.py, such as `["--flagfile=flags/glf/digits.cfg"]`.
        starts: The training that each of these starts from; empty for none.
        fits_by_seed: Whether what is fitted to codes has the seed too: where one
            encoder is shared, nothing else differs.
        max_epochs: The most epochs of any stage; 0 for those of the arguments.
    """
    plans, jobs = {}, []
    for seed, start in zip(seeds, starts or [None] * len(seeds), strict=True):
        of_start = () if start is None else (f"--start_from={start.folder.path}",)
        given = (*arguments, *of_start)
        if given not in plans:
            plans[given] = _planned(given, max_epochs=max_epochs)
        given, plan = plans[given]
        run = folder.run(job_lib.folder_name(recipe, seed=seed))
        own = [f"--seed={seed}", f"--workdir={run.path}", "--resume"]
        if fits_by_seed and _FIT_SEED in plan["flags"]:
            own.append(f"--{_FIT_SEED}={seed}")
        command = (sys.executable, str(resources.TOOLS / "train.py"), *given, *own)
        jobs.append(job_lib.Job(recipe, seed, run, command, plan, start))
    return jobs


def of_table(
    table: table_file.TableFile,
    *,
    rows: Sequence[table_file.Row],
    seeds: Sequence[int],
    folder: folder_lib.Folder,
    flags: Sequence[str] = (),
) -> list[tuple[job_lib.Job, table_file.Row]]:
    """Returns trainings of a table, each with its row.

    Args:
        table: The table.
        rows: The rows to train.
        seeds: The seeds to train of them; empty for all.
        folder: The folder of all trainings.
        flags: Flags that depend on the machine, such as the folder of the data.

    Raises:
        InvalidValue: The table's flags have one that its other keys set.
    """
    for row in table.rows:
        check_flags(
            table.arguments(row),
            decided=_DECIDED_BY_TABLES,
            rule="The flags of a table must not be flags that it sets by other keys",
        )
    made: dict[str, list[job_lib.Job]] = {}
    found = []
    for row in table.rows:  # whatever others start from comes before them
        starts = made.get(row.start, [])
        how = {"folder": folder, "fits_by_seed": len(starts) == 1 < len(row.seeds)}
        made[row.name] = make(
            _recipe(row),
            row.seeds,
            arguments=[*_arguments(table, row), *flags],
            starts=_by_seed(starts, seeds=row.seeds),
            max_epochs=table.max_epochs,
            **how,
        )
        if row in rows:
            found += [(job, row) for job in made[row.name]]
    return [(job, row) for job, row in found if not seeds or job.seed in seeds]


def _planned(
    given: tuple[str, ...], *, max_epochs: int
) -> tuple[tuple[str, ...], dict]:
    """Returns flags with which no stage has more epochs, and what they train."""
    plan = planned.read(given)
    if not max_epochs:
        return given, plan
    cut = {stage: min(count, max_epochs) for stage, count in plan["epochs"].items()}
    if cut == plan["epochs"]:
        return given, plan
    epochs = [f"{stage}:{n}" if stage else str(n) for stage, n in cut.items()]
    given = (*given, f"--epochs={','.join(epochs)}")
    return given, planned.read(given)


def _recipe(row: table_file.Row) -> job_lib.Recipe:
    return job_lib.Recipe(
        name=row.name,
        path=pathlib.Path(file_of(row.recipes[0])),
        published=row.published,
        title=row.title,
        why=row.why,
    )


def _arguments(table: table_file.TableFile, row: table_file.Row) -> list[str]:
    for recipe in row.recipes:
        if not pathlib.Path(file_of(recipe)).is_file():
            raise errors.InvalidValue(
                "A recipe of a table is one of the library, or a file NAME.cfg",
                received=f"{recipe} in row {row.name}",
                do=resources.advice(recipe),
            )
    files = [f"--flagfile={file_of(recipe)}" for recipe in row.recipes]
    return [*files, *table.flags_of(row)]


def _by_seed(
    starts: Sequence[job_lib.Job], *, seeds: Sequence[int]
) -> list[job_lib.Job]:
    """Returns what each seed starts from: that of its own, or the only one."""
    by_seed = {start.seed: start for start in starts}
    return [by_seed.get(seed, starts[0]) for seed in seeds] if starts else []


def file_of(recipe: str) -> str:
    """Returns the file of a recipe, given by its path or name."""
    known = {} if recipe.endswith(".cfg") else resources.recipes()
    return str(known.get(recipe, recipe))


def paths_as_flags(where: paths_lib.DataPaths) -> list[str]:
    """Returns the flags of tools/train.py that give it the same folders."""
    found = [f"--cache_dir={where.cache_dir}"]
    if where.data_dir is not None:
        found.append(f"--data_dir={where.data_dir}")
    if where.download:
        found.append("--download")
    return found


def check_flags(given: Sequence[str], *, decided: Sequence[str], rule: str) -> None:
    """Refuses flags of tools/train.py that the tool sets.

    Raises:
        InvalidValue: One of them is among the flags given.
    """
    for flag in given:
        name = re.sub(r"^--?(no)?", "", flag).partition("=")[0]
        if name in decided:
            raise errors.InvalidValue(
                rule,
                received=flag,
                do=f"Remove it: {', '.join(decided)} are set otherwise",
            )
