# SPDX-License-Identifier: Apache-2.0
"""The text of a table: a row a line, numbers between commas, semicolons or tabs.

Numbers have a decimal point. A comma separates columns, as for pandas and polars,
unless semicolons or tabs do. The first line has the columns' names if none of its
fields is a number, or if they are 0, 1, 2, ..., as pandas names columns without names;
any other line of numbers is a row.
"""

__all__ = ["read"]

import csv
import io
import re
import warnings
from collections.abc import Iterator, Sequence

import numpy as np

_DELIMITERS = ("\t", ";", ",")
"""In order of precedence: what has semicolons or tabs may have decimal commas."""

_WHOLE = re.compile(r"[-+]?\d+")


def read(text: str, *, has_unnamed: bool = False) -> np.ndarray:
    """Returns the numbers of a text, float64 `[size, columns]`, finite in float32.

    Args:
        text: The text.
        has_unnamed: Whether lines may have more columns than there are names.

    Raises:
        ValueError: It is no such table. Lines are counted as an editor counts them,
            from 1, with that of the names.
    """
    first, _, rest = text.partition("\n")
    if text.strip() and not first.strip():
        raise ValueError("an empty first line")
    delimiter = next((mark for mark in _DELIMITERS if mark in first), ",")
    names = _names(next(csv.reader([first], delimiter=delimiter)))
    if not (rest if names else text).strip():
        raise ValueError("no rows of numbers")
    try:
        found = _numbers(text, delimiter=delimiter, skipped=int(bool(names)))
    except ValueError as error:
        raise _reason(text, delimiter=delimiter, names=names) or error from error
    with np.errstate(over="ignore"):
        is_broken = not np.isfinite(found.astype(np.float32)).all()
    is_unnamed = len(names or found[0]) != found.shape[1] and not has_unnamed
    if is_broken or is_unnamed:
        raise _reason(text, delimiter=delimiter, names=names)
    if not names and _may_have_decimal_commas(text, found, delimiter=delimiter):
        raise ValueError(
            "two whole numbers a line between commas, or one with a decimal comma; if "
            "they are two, name them in the first line, such as a,b; if they are one, "
            "write a decimal point"
        )
    return found


def _names(fields: Sequence[str]) -> list[str]:
    """Returns the names that the first line has, or none.

    Raises:
        ValueError: One is missing.
    """
    fields = [field.strip() for field in fields]
    is_index = fields[:1] == [""] and _are_names(fields[1:])
    # One field of a first row that is no number, such as a missing one, makes no names.
    if is_index or ("" in fields and not any(map(_is_number, fields))):
        raise ValueError(
            "a column without a name, such as an index, in line 1; pandas writes none "
            "with to_csv(..., index=False)"
        )
    return fields if _are_names(fields) else []


def _are_names(fields: Sequence[str]) -> bool:
    if list(fields) == [str(number) for number in range(len(fields))]:
        return True
    return not any(_is_number(field.replace(",", ".", 1)) for field in fields)


def _numbers(text: str, *, delimiter: str, skipped: int) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return np.loadtxt(
            io.StringIO(text),
            delimiter=delimiter,
            skiprows=skipped,
            ndmin=2,
            comments=None,
            quotechar='"',
        )


def _may_have_decimal_commas(text: str, found: np.ndarray, *, delimiter: str) -> bool:
    """Returns whether lines such as 1,5 may be one number with a decimal comma."""
    if found.shape[1] != 2 or delimiter != "," or np.any(found != np.trunc(found)):
        return False
    fields = text.replace(",", "\n").split()
    return found[:, 1].min() >= 0 and all(map(_WHOLE.fullmatch, fields))


def _reason(text: str, *, delimiter: str, names: Sequence[str]) -> ValueError | None:
    """Returns what is wrong, and in which line; None if nothing is found."""
    rows = _rows(text, delimiter=delimiter)
    first, fields = next(rows)
    count, first = len(fields), f"line {first}{' with the names' if names else ''}"
    for line, fields in rows if names else _rows(text, delimiter=delimiter):
        for column, field in enumerate(fields, 1):
            if fault := _fault(field):
                return ValueError(f"{fault} in column {column} of line {line}")
        if len(fields) != count:
            return ValueError(
                f"{len(fields)} columns in line {line}, and {count} in {first}; commas "
                "separate columns, and numbers have a decimal point"
            )
    return None


def _rows(text: str, *, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yields the lines that are not empty: their number from 1, and their fields."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    for fields in reader:
        if fields:
            yield reader.line_num, fields


def _fault(field: str) -> str:
    """Returns what is wrong with a field, or nothing."""
    field = field.strip()
    if not field:
        return "a missing number"
    if not _is_number(field):
        has_comma = _is_number(field.replace(",", ".", 1))
        return f"{field!r}" + (", a decimal comma instead of a point," * has_comma)
    with np.errstate(over="ignore"):
        is_finite = np.isfinite(np.float32(field))
    return "" if is_finite else f"{field!r}, which is not finite in float32,"


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return "_" not in field  # which Python takes
