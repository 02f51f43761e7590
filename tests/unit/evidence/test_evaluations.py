# SPDX-License-Identifier: Apache-2.0
"""What was measured of one run, as a document's table."""

import dataclasses

import pytest

from glf_tf import errors
from glf_tf.evidence import evaluations
from glf_tf.metrics import protocol

HOW = protocol.Protocol(
    source="samples",
    dataset="digits",
    reference_split="test",
    reference_digest="1",
    references=364,
    samples=300,
    extractor="classifier",
    extractor_checksum="abc",
    trials=2,
)


def measured(title, *values, notes=(), **how):
    how = dataclasses.replace(HOW, trials=len(values), **how)
    metric = title.partition("-")[0].lower()
    made = {"metric": metric, "title": title, "notes": notes}
    return protocol.Measurement(**made, values=values, protocol=how)


def write(folder, name, *found, **run):
    folder.mkdir(exist_ok=True)
    run = run and {"model": "glf", "digest": "d", **run}
    (folder / f"{name}.json").write_text(protocol.to_json(found, run=run or None))


@pytest.fixture
def folder(tmp_path):
    authors = {"source": "samples", "sampling": "authors"}
    pixels = {"source": "reconstructions", "extractor": "pixels"}
    pixels |= {"extractor_checksum": ""}
    samples = measured("FD-classifier", 3.0, 5.0), measured("KD-classifier", 0.1, 0.3)
    write(tmp_path, "1", *samples, measured("copying", 0.5), step=120)
    write(tmp_path, "3", measured("error", 0.5, notes=("it is odd",), **pixels))
    made = measured("FD-classifier", 2.0, 2.5, **authors)
    write(tmp_path, "2", made, measured("KD-classifier", 0.1, **authors), step=120)
    return tmp_path


def test_a_row_is_what_was_measured_and_a_column_a_measure(folder):
    lines = evaluations.to_markdown(folder).splitlines()
    assert lines[:4] == [
        "| measured | FD-classifier | KD |",
        "| :-- | --: | --: |",
        "| samples | 4.0 ± 1.4 | 0.20 ± 0.14 |",
        "| samples, as the authors' script draws | 2.25 ± 0.35 | 0.1 |",
    ]


def test_below_stands_how_it_was_measured_and_what_is_of_one_alone(folder):
    by = "by classifier, checksum abc."
    assert evaluations.to_markdown(folder).splitlines()[4:] == [
        "",
        "* a run of glf, step 120.",
        f"* 300 against 364 test images of digits, 2 draws, {by}",
        f"* 300 against 364 test images of digits, {by}",
        "* 300 against 364 test images of digits, whole.",
        "* it is odd.",
        "* samples: copying 0.5.",
        "* reconstructions: error 0.5.",
    ]


def test_what_is_measured_of_one_source_is_a_row(folder):
    for name in "23":
        (folder / f"{name}.json").unlink()
    lines = evaluations.to_markdown(folder).splitlines()
    assert lines[0] == "| measured | FD-classifier | KD | copying |"
    assert lines[2] == "| samples | 4.0 ± 1.4 | 0.20 ± 0.14 | 0.5 |"


@pytest.mark.parametrize("other", [{"digest": "e", "step": 120}, {"step": 240}])
def test_files_of_two_checkpoints_are_refused(other, folder):
    write(folder, "4", measured("PRD", 0.5), **other)
    with pytest.raises(errors.InvalidValue, match="of 2, with"):
        evaluations.to_markdown(folder)


def test_a_measure_of_two_protocols_is_refused(folder):
    write(folder, "4", measured("FD-classifier", 9.0, samples=30), step=120)
    with pytest.raises(errors.InvalidValue, match="for 6 cells"):
        evaluations.to_markdown(folder)


def test_what_is_not_there_or_damaged_is_said(folder):
    with pytest.raises(errors.NotFound, match="nowhere"):
        evaluations.to_markdown(folder / "nowhere")
    (folder / "2.json").write_text("[{}]")
    with pytest.raises(errors.Damaged, match=r"2\.json"):
        evaluations.to_markdown(folder)
