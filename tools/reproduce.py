# SPDX-License-Identifier: Apache-2.0
r"""Trains and measures what a table of the documents lists, and writes the table.

    python tools/reproduce.py --table=sharpening_digits --budget=quick \
        --out=runs/reproduce/sharpening_digits

A table is a file under reproduce/, or one of your own, NAME.toml: it lists trainings by
recipe, flags, seeds and the row from which they start, and says how all are measured.
Finished work is not repeated: after a kill, SIGTERM or Ctrl-C (which save the state and
exit with status 75) the same command continues. `--rows` and `--seeds` choose a part of
it, with the rows from which these start; `--jobs` trains several at once. A training
that fails has a row with the error, and the exit status is 1.

A budget other than `full` trains less, as the table's file says, and the table says so.

Writes what tools/compare.py writes: table.md, table.json (every number, by seed and
trial), samples.png and hparams/, and curves.png if the table lists some. With
`--records`, each training of the full budget, measured or failed, is also written to a
small file there, of which tools/tabulate.py makes the tables of documents.
"""

import dataclasses
import os
import pathlib
import sys

from absl import flags

from glf_tf import errors, files, resources
from glf_tf.cli import kinds, paths, program, values

_TABLE = kinds.define_path("table", None, "A table's name, or its file, NAME.toml.")
_OUT = kinds.define_path("out", None, "The folder of all trainings, and of the table.")
_BUDGET = flags.DEFINE_string("budget", "full", "A budget of the table, or full.")
_ROWS = flags.DEFINE_list("rows", [], "Names of rows; by default all.")
_SEEDS = flags.DEFINE_list("seeds", [], "Seeds of these rows; by default all.")
_RECORDS = kinds.define_path("records", "", "A folder of records to write to.")
_JOBS = flags.DEFINE_integer(
    "jobs", 1, "Trainings at once, each on its share of the CPUs.", lower_bound=1
)
_GRAPH = kinds.define_path("inception_graph", "", "File of the 2015 Inception graph.")


def main() -> None:
    """Reads the flags, trains and measures, and writes the table."""
    values.check_given("table", "out")
    values.refuse_empty("records", "budget")
    whole, folder = _table(), _folder()
    table = whole.cut(_BUDGET.value)
    values.refuse_unused(["records"], needs="--budget=full", is_given=table is whole)
    values.refuse_unused(
        ["inception_graph"],
        needs="a table with the extractor inception",
        is_given="inception" in table.measure.extractors,
    )
    if _RECORDS.value:
        _check_records(table)
    jobs = _jobs(table, folder=folder)
    shown, drawn = _run(jobs, whole=whole, table=table, folder=folder)

    print(f"{shown.to_text()}\n\ntable        {folder.markdown}")
    print(f"numbers      {folder.numbers}")
    for path in drawn:
        print(f"{path.stem:12} {path}")
    trainings = [training for row in shown.rows for training in row.trainings]
    failed = [training.job.name for training in trainings if training.error]
    if failed:
        text = ", ".join(failed)
        print(f"error: {len(failed)} of {len(jobs)} failed: {text}", file=sys.stderr)
        sys.exit(1)


def _table():
    """Returns the table of the flag."""
    from glf_tf.evidence import table_reader

    known, given = resources.tables(), _TABLE.value
    if not given.endswith(".toml") and given not in known:
        raise errors.InvalidValue(
            "--table is the name of a table, or a file NAME.toml",
            received=given,
            do=errors.suggestion(given, known),
        )
    return table_reader.read(pathlib.Path(known.get(given, given)))


def _check_records(table):
    """Refuses a folder of records in which something else is."""
    from glf_tf.evidence import records

    where = pathlib.Path(_RECORDS.value)
    with files.explained(where):
        records.check(where, table)


def _folder():
    from glf_tf.comparison import folder as folder_lib

    folder = folder_lib.Folder(pathlib.Path(_OUT.value))
    folder.check_own()
    return folder


def _jobs(table, *, folder) -> list:
    """Returns the chosen trainings of a table, each with its row."""
    from glf_tf.cli import trainings

    chosen = [table.row(name) for name in _ROWS.value] or list(table.rows)
    seeds = [int(text) if text.isdecimal() else -1 for text in _SEEDS.value]
    given = trainings.paths_as_flags(paths.chosen())
    found = trainings.of_table(
        table, rows=chosen, seeds=seeds, folder=folder, flags=given
    )
    if not found:
        raise errors.InvalidValue(
            "--seeds are seeds of the chosen rows",
            received=f"--seeds={','.join(_SEEDS.value)}",
            do=f"Choose of {sorted({seed for row in chosen for seed in row.seeds})}",
        )
    return found


def _budget(whole) -> str:
    """Returns the budget, and what it changes, whatever titles of rows say."""
    if _BUDGET.value not in whole.budgets:
        return _BUDGET.value
    changed = whole.budgets[_BUDGET.value].described()
    return f"{_BUDGET.value}, that is {changed} in the place of what titles say"


def _run(jobs, *, whole, table, folder):
    """Trains and measures what is not done, and writes all.

    Returns:
        table: The table.
        drawn: The pictures that were drawn.
    """
    from glf_tf.comparison import comparison
    from glf_tf.comparison import training as training_lib
    from glf_tf.evidence import by_value, records, training_curves
    from glf_tf.training import loop

    comparison.leave_memory()
    # Before anything is written: a mask may not fit the images.
    measuring = _measuring(jobs, table=table)
    try:
        with (
            folder.lock() as descriptor,
            training_lib.Children(
                at_once=_JOBS.value, inherit=[descriptor]
            ) as children,
        ):
            how = {"folder": folder, "measuring": measuring}
            found = comparison.compare(
                [job for job, _ in jobs],
                children=children,
                about=(f"{table.title}; budget: {_budget(whole)}",),
                **how,
            )
            shown = dataclasses.replace(found, is_sorted=False, **table.shown)
            drawn = [folder.samples] if comparison.save(shown, **how) else []
            curves = {"scalars": table.curves, "folder": folder}
            if training_curves.draw(jobs, **curves):
                drawn.append(folder.curves)
            by = {"path": folder.values}
            if table.vary is not None and by_value.draw(table, shown, **by):
                drawn.append(folder.values)
            if _RECORDS.value:
                trainings = [each for row in shown.rows for each in row.trainings]
                failures = {each.job.folder.path: each.error for each in trainings}
                kept = {"table": table, "source": folder, "measuring": measuring}
                kept |= {"failures": failures}
                records.export(jobs, folder=pathlib.Path(_RECORDS.value), **kept)
    except loop.Stopped as stopped:
        print(f"{stopped}; the same command continues", file=sys.stderr)
        sys.exit(os.EX_TEMPFAIL)
    return shown, drawn


def _measuring(jobs, *, table):
    """Returns the protocol of the table."""
    from glf_tf.comparison import detecting, measuring
    from glf_tf.evaluation import settings

    asked = table.measure
    if asked.kind == "anomalies":
        how = {"weight": asked.weight, "chain": asked.inference}
        return detecting.Detecting(paths=paths.chosen(), **how)
    return measuring.of_dataset(
        jobs[0][0].plan["dataset"],
        paths=paths.chosen(),
        extractors=asked.extractors,
        inception_graph=_GRAPH.value,
        has_likelihoods=asked.likelihoods,
        inferred=asked.inferred,
        scalars=asked.scalars,
        settings=settings.Settings(
            samples=asked.samples,
            trials=asked.trials,
            reference_split=asked.reference_split,
        ),
    )


def _define():
    paths.define()
    return ()


if __name__ == "__main__":
    program.run(main, define=_define)
