# SPDX-License-Identifier: Apache-2.0
r"""Makes the tables of documents anew, of the records of measured trainings.

    python tools/tabulate.py --documents=docs/results.md,docs/sharpening.md

A document says where a table stands, by two comments in lines of their own:

    <!-- table: sharpening_digits -->
    <!-- end of table -->

What lies between them is replaced. A table is one under reproduce/; its records are
what `tools/reproduce.py --records` wrote. Between <!-- evaluation: NAME --> and
<!-- end of evaluation --> stands what `tools/evaluate.py --out` wrote of one run, into
files of the folder evaluations/NAME of the records. With `--check` nothing is written,
and a document that is out of date is an error.

With `--pictures=docs/images`, NAME.png there shows the measures of each table that
varies a flag by its values.
"""

import itertools
import pathlib

from absl import flags

from glf_tf import errors, files, resources
from glf_tf.cli import kinds, program, values

_DOCUMENTS = kinds.define_paths("documents", None, "Markdown files, comma-separated.")
_RECORDS = kinds.define_path(
    "records", str(resources.TABLES / "records"), "The folder of the records."
)
_PICTURES = kinds.define_path(
    "pictures", "", 'The folder for pictures of tables that vary a flag; "": none.'
)
_CHECK = flags.DEFINE_bool("check", False, "Write nothing; refuse what is out of date.")


def main() -> None:
    """Reads the flags, and makes the tables of all documents anew."""
    paths = [pathlib.Path(path) for path in values.needed("documents")]
    values.refuse_empty("records")

    from glf_tf.evidence import documents

    renders = {"table": _render, "evaluation": _render_evaluation}
    texts = [_read(path) for path in paths]
    made = [documents.updated(text, render=renders) for text in texts]
    changed = [
        (path, text)
        for path, text, before in zip(paths, made, texts, strict=True)
        if text != before
    ]
    if changed and _CHECK.value:
        raise errors.Damaged(
            "The tables of a document are those of the records",
            received=", ".join(str(path) for path, _ in changed),
            do="Run this without --check",
        )
    for path, text in changed:
        files.write(path, text)
        print(path)
    if _PICTURES.value and not _CHECK.value:
        for name in dict.fromkeys(itertools.chain(*map(documents.names, texts))):
            _draw(name)


def _draw(name: str) -> None:
    """Draws a table by the values of its flag, if it varies one."""
    from glf_tf.evidence import by_value, documents

    table = _table(name)
    if table.vary is not None:
        shown, _ = documents.measured(table, folder=pathlib.Path(_RECORDS.value))
        path = pathlib.Path(_PICTURES.value) / f"{name}.png"
        if by_value.draw(table, shown, path=path):
            print(path)


def _render(name: str) -> str:
    """Returns a table in Markdown."""
    from glf_tf.evidence import documents

    return documents.to_markdown(_table(name), folder=pathlib.Path(_RECORDS.value))


def _render_evaluation(name: str) -> str:
    """Returns a table of what was measured of one run, in Markdown."""
    from glf_tf.evidence import evaluations

    return evaluations.to_markdown(pathlib.Path(_RECORDS.value) / "evaluations" / name)


def _table(name: str):
    """Returns a table of the repository."""
    from glf_tf.evidence import table_reader

    known = resources.tables()
    if name not in known:
        raise errors.InvalidValue(
            f"A document's tables are files of {resources.TABLES}",
            received=name,
            do=errors.suggestion(name, known),
        )
    return table_reader.read(known[name])


def _read(path: pathlib.Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise errors.NotFound(
            "A document is a text file that can be read",
            received=f"{path} ({getattr(error, 'strerror', 'no UTF-8')})",
            do="Check the path",
        ) from error


if __name__ == "__main__":
    program.run(main)
