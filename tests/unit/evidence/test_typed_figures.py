# SPDX-License-Identifier: Apache-2.0
"""What documents say beside a table is a figure of the table, or of its records."""

import json
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parents[3]
RECORDS = ROOT / "reproduce" / "records"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

TYPED = {
    "A table again",
    "GLF on the embedded digits",
    "The slides' models on MNIST",
    "What is left of beta",
    "The weight of the reconstruction",
    "A flow prior, an energy prior and none",
    "Completing masked images",
    "Recovering what training hid",
    "Not run here",
}
"""Sections of docs/results.md whose figures are not of records yet."""

_TABLE = re.compile(
    r"^<!-- (?P<kind>table|evaluation): (?P<name>.*?) -->\n(?P<text>.*?)"
    r"^<!-- end of (?P=kind) -->$",
    re.M | re.S,
)
_CODE = re.compile(r"^    .*$|`[^`]*`|\]\([^)]*\)|\d{4}-\d{2}-\d{2}", re.M)
_NUMBER = re.compile(r"(?<![\w.,/-])(?:\d[\d,]*)?\.?\d+(?!\w)")


def sections(text):
    """The sections of a page, by heading."""
    found = re.split(r"^##+ (.*)\n", text, flags=re.M)
    return dict(zip(found[1::2], found[2::2], strict=True))


def numbers(text):
    return _NUMBER.findall(_CODE.sub("", text))


def leaves(values):
    """The numbers in JSON values, at any depth."""
    if isinstance(values, dict):
        values = list(values.values())
    if isinstance(values, list):
        return [number for value in values for number in leaves(value)]
    return [] if isinstance(values, str | bool | None) else [float(values)]


def known(section):
    """The numbers of the tables of a section, and of what was measured for them."""
    found = []
    for table in _TABLE.finditer(section):
        found += [float(n.replace(",", "")) for n in numbers(table["text"])]
        of_evaluations = "evaluations" if table["kind"] == "evaluation" else ""
        for path in (RECORDS / of_evaluations / table["name"]).glob("*.json"):
            record = json.loads(path.read_text())
            is_result = isinstance(record, dict)
            found += leaves(record.get("result", record) if is_result else record)
    return found


def is_known(figure, pool):
    """Whether a number, or one in percent, is one of the pool as far as it is given."""
    value, digits = float(figure.replace(",", "")), len(figure.partition(".")[2])
    half = 0.5 * 10**-digits * (1.0 + 1e-9)
    return any(abs(times * one - value) <= half for one in pool for times in (1, 100))


def unknown(section):
    pool = known(section)
    return [f for f in numbers(_TABLE.sub("", section)) if not is_known(f, pool)]


WITH_TABLES = [
    pytest.param(section, id=f"{page.stem}: {heading}")
    for page in PAGES
    for heading, section in sections(page.read_text()).items()
    if _TABLE.search(section)
]


@pytest.mark.parametrize("section", WITH_TABLES)
def test_beside_a_table_stand_its_own_figures(section):
    assert unknown(section) == []


def test_sections_of_results_without_a_table_are_those_that_wait_for_one():
    found = sections((ROOT / "docs" / "results.md").read_text())
    without = {heading for heading, text in found.items() if not _TABLE.search(text)}
    assert without == TYPED


def test_a_figure_that_nobody_measured_is_found():
    table = "<!-- table: none -->\n| 11.91 ± 0.55 | 1,234 |\n<!-- end of table -->\n"
    said = "It is 11.9 of 1,234, .55, 55 %; `7.7` is code, 2026-11-30 a date.\n"
    assert unknown(table + said) == []
    assert unknown(table + "It is 12.0, 13.5 and 1,235.\n") == ["12.0", "13.5", "1,235"]
