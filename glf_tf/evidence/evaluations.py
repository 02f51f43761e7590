# SPDX-License-Identifier: Apache-2.0
"""Tables of what tools/evaluate.py measured of one run, in documents."""

__all__ = ["to_markdown"]

import pathlib
from collections.abc import Mapping, Sequence

from glf_tf import errors
from glf_tf.experiments import cards
from glf_tf.metrics import protocol, written


def to_markdown(folder: pathlib.Path) -> str:
    """Returns a table with a row for what was measured, such as samples.

    Measures of one of them alone stand below the table.

    Args:
        folder: A folder of files of `evaluate --out`, which are read in the order of
            their names.

    Raises:
        NotFound: There is none.
        Damaged: A file has no measurements.
        InvalidValue: A measurement is of another version; files are of several runs or
            checkpoints, or measure one thing twice.
    """
    paths = sorted(folder.glob("*.json"))
    if not paths:
        raise errors.NotFound(
            "A table of evaluations needs files of tools/evaluate.py",
            received=f"none in {folder}",
            do=f"Write one with evaluate --workdir=RUN --out={folder / 'samples.json'}",
        )
    records = cards.evaluations_of(paths)
    found = [protocol.Measurement.from_dict(_measured(record)) for record in records]
    _check_one(found, records, folder=folder)
    shared, alone = _by_sources(found)
    notes = [*_notes(found, records), *map(_line, alone.items())]
    return "\n".join([*_lines(shared), "", *(f"* {note}." for note in notes)]) + "\n"


def _check_one(
    found: Sequence[protocol.Measurement],
    records: Sequence[Mapping],
    *,
    folder: pathlib.Path,
) -> None:
    """Checks that all is of one checkpoint, and that no cell has two values."""
    runs = {(r["run"]["digest"], r["run"]["step"]) for r in records if "run" in r}
    cells = [(_source(each.protocol), each.title) for each in found]
    if len(runs) > 1 or len(set(cells)) < len(cells):
        raise errors.InvalidValue(
            "A table of evaluations is of one checkpoint, each measure of it once",
            received=f"{folder}, of {max(len(runs), 1)}, with {len(cells)} measures "
            f"for {len(set(cells))} cells",
            do="Keep the files of one run and protocol there",
        )


def _measured(record: Mapping) -> dict:
    """Returns a record without the run that it is of."""
    return {key: value for key, value in record.items() if key != "run"}


def _by_sources(
    found: Sequence[protocol.Measurement],
) -> tuple[list[protocol.Measurement], dict[str, list[protocol.Measurement]]]:
    """Returns measures of several sources, and the others by their only source.

    If there is one source, there are no others.
    """
    sources: dict[str, set[str]] = {}
    for each in found:
        sources.setdefault(each.title, set()).add(_source(each.protocol))
    is_one = len(set.union(*sources.values())) == 1
    shared, alone = [], {}
    for each in found:
        if is_one or len(sources[each.title]) > 1:
            shared.append(each)
        else:
            alone.setdefault(_source(each.protocol), []).append(each)
    return shared, alone


def _lines(found: Sequence[protocol.Measurement]) -> list[str]:
    """Returns the table: a row for each source, a column for each measure."""
    rows: dict[str, dict[str, str]] = {}
    for each in found:
        cells = rows.setdefault(_source(each.protocol), {})
        cells[_title(each)] = written.number(each.mean, each.std)
    titles = list(dict.fromkeys(map(_title, found)))
    head = ["measured", *titles]
    body = [[name, *(rows[name].get(title, "-") for title in titles)] for name in rows]
    aligned = [":--", *["--:"] * len(titles)]
    return [f"| {' | '.join(row)} |" for row in (head, aligned, *body)]


def _line(item: tuple[str, Sequence[protocol.Measurement]]) -> str:
    source, measured = item
    values = (
        f"{_title(each)} {written.number(each.mean, each.std)}" for each in measured
    )
    return f"{source}: {', '.join(values)}"


def _title(measured: protocol.Measurement) -> str:
    """Returns its title; that of a distance alone names the extractor."""
    is_distance = measured.metric == "fd"
    by = f"-{measured.protocol.extractor}"
    return measured.title if is_distance else measured.title.removesuffix(by)


def _source(how: protocol.Protocol) -> str:
    is_plain = how.sampling == "plain"
    return how.source if is_plain else f"{how.source}, as the authors' script draws"


def _notes(
    found: Sequence[protocol.Measurement], records: Sequence[Mapping]
) -> list[str]:
    """Returns how the measures came about, without repetition."""
    runs = [record["run"] for record in records if "run" in record]
    notes = [f"a run of {run['model']}, step {run['step']:,}" for run in runs]
    notes += [_described(each.protocol) for each in found]
    notes += [note for each in found for note in each.notes]
    return list(dict.fromkeys(notes))


def _described(how: protocol.Protocol) -> str:
    by = f", checksum {how.extractor_checksum}" if how.extractor_checksum else ""
    seen = "whole" if how.extractor == "pixels" else f"by {how.extractor}{by}"
    draws = "" if how.trials == 1 else f", {how.trials} draws"
    return (
        f"{how.samples:,} against {how.references:,} {how.reference_split} images of "
        f"{how.dataset}{draws}, {seen}"
    )
