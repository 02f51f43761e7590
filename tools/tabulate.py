# SPDX-License-Identifier: Apache-2.0
r"""Makes the tables of documents anew, of the records of measured trainings.

    python tools/tabulate.py --documents=docs/results.md,docs/sharpening.md

A document says where a table stands, by two comments in lines of their own:

    <!-- table: sharpening_digits -->
    <!-- end of table -->

What lies between them is replaced. A table is one under reproduce/; its records are
what `tools/reproduce.py --records` wrote. With `--check` nothing is written, and a
document that is out of date is an error.
"""

import pathlib

from absl import flags

from glf_tf import errors, files, resources
from glf_tf.cli import kinds, program, values

_DOCUMENTS = kinds.define_paths("documents", None, "Markdown files, comma-separated.")
_RECORDS = kinds.define_path(
    "records", str(resources.TABLES / "records"), "The folder of the records."
)
_CHECK = flags.DEFINE_bool("check", False, "Write nothing; refuse what is out of date.")


def main() -> None:
    """Reads the flags, and makes the tables of all documents anew."""
    paths = [pathlib.Path(path) for path in values.needed("documents")]
    values.refuse_empty("records")

    from glf_tf.evidence import documents

    texts = [_read(path) for path in paths]
    made = [documents.updated(text, render=_render) for text in texts]
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


def _render(name: str) -> str:
    """Returns a table in Markdown."""
    from glf_tf.evidence import documents, table_reader

    known = resources.tables()
    if name not in known:
        raise errors.InvalidValue(
            f"A document's tables are files of {resources.TABLES}",
            received=name,
            do=errors.suggestion(name, known),
        )
    table = table_reader.read(known[name])
    return documents.to_markdown(table, folder=pathlib.Path(_RECORDS.value))


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
