# SPDX-License-Identifier: Apache-2.0
"""Records of trainings, and the tables that documents make of them."""

import dataclasses
import json
import math
import shutil

import pytest
from matplotlib.figure import Figure

from glf_tf import errors
from glf_tf.comparison import cost, record
from glf_tf.evidence import by_value, documents, records, table_file
from glf_tf.metrics import protocol
from glf_tf.plotting import sweep_figure

HOW = protocol.Protocol(
    source="samples",
    dataset="digits",
    extractor="classifier",
    extractor_checksum="0",
    reference_split="test",
    reference_digest="1",
    references=364,
    samples=300,
    trials=2,
    rounded=True,
    crop="",
    sampling="plain",
    seed=0,
)
IDENTITY = {"samples": 300}
TABLE = table_file.TableFile(
    name="small",
    path=None,
    title="A table",
    columns=("fd", "seeds"),
    notes=("A note",),
    rows=(
        table_file.Row("plain", ("glf/digits",), seeds=(0, 1), published="FID 8.2"),
        table_file.Row("other", ("glf/digits",), title="Other", why="No | reason"),
        table_file.Row("absent", ("glf/digits",)),
    ),
)


def measured(*values, source="samples"):
    how = dataclasses.replace(HOW, source=source)
    return protocol.Measurement(metric="fd", title="FD", values=values, protocol=how)


class Measuring:
    """As much of a comparison's protocol as an export needs."""

    identity, text = IDENTITY, "300 samples"

    def real_images(self, folder):
        del folder
        return [measured(0.5, 0.7, source="real train images")]


class Job:
    """As much of a job as an export needs."""

    def __init__(self, folder, *, seed):
        folder.mkdir(parents=True)
        self.folder, self.seed = records.folder_lib.Folder(folder), seed
        self.training = {"start_from": str(folder), "beta": 1.0}


def write(tmp_path, by_row, monkeypatch, *, table=TABLE):
    """Writes records of trainings with the given distances."""
    monkeypatch.setattr(records, "_versions", lambda job: {"tensorflow": "2.21.0"})
    jobs = []
    for name, all_values in by_row.items():
        for seed, values in enumerate(all_values):
            job = Job(tmp_path / "runs" / f"{name}_{seed}", seed=seed)
            costs = cost.Cost(
                parameters=3,
                epochs={"": 1},
                seconds_per_epoch=1.0,
                training_seconds=1.0,
                samples_per_second=2.0,
                device="2 CPU cores",
            )
            result = record.Result(
                measurements=(measured(*values),), cost=costs, date="2026-11-29"
            )
            flags = {"start_from": str(tmp_path), "beta": 1.0}
            kept = record.Record(flags, "c", IDENTITY, result, start="s")
            record.write(job.folder, kept)
            jobs.append((job, table.row(name)))
    unmeasured = Job(tmp_path / "runs" / "unmeasured", seed=0)
    return export([*jobs, (unmeasured, table.rows[-1])], tmp_path, table=table)


def export(jobs, tmp_path, *, table=TABLE, **how):
    return records.export(
        jobs,
        table=table,
        source=None,
        measuring=Measuring(),
        folder=tmp_path / "records",
        **how,
    )


def fail(tmp_path, name, *, seed=0):
    """Records that a training failed, with a message that has a path."""
    job = Job(tmp_path / "failed" / f"{name}_{seed}", seed=seed)
    message = f"It broke. Received: {tmp_path}. Mend it."
    how = {"failures": {job.folder.path: message}}
    return export([(job, TABLE.row(name))], tmp_path, **how)


def test_a_record_has_the_result_and_no_path_of_the_machine(tmp_path, monkeypatch):
    written = write(tmp_path, {"plain": [(1.0, 3.0), (5.0, 5.0)]}, monkeypatch)
    assert [file.name for file in written] == ["plain.json", "plain_seed_1.json"]
    found = records.read(tmp_path / "records", TABLE, TABLE.rows[0])
    assert [each.result.measurements[0].mean for each in found] == [2.0, 5.0]
    assert found[1].flags == {"beta": 1.0}
    assert (found[1].seed, found[1].start, found[1].checkpoint) == (1, "s", "c")
    assert str(tmp_path) not in "".join(file.read_text() for file in written)
    assert records.read(tmp_path / "records", TABLE, TABLE.rows[2]) == []


def test_a_record_keeps_its_commit_until_it_is_measured_anew(tmp_path, monkeypatch):
    commits = iter("abcd")
    monkeypatch.setattr(records, "_commit", lambda: next(commits))
    found = []
    for values in ((1.0, 3.0), (1.0, 3.0), (1.0, 4.0)):
        (file,) = write(tmp_path, {"other": [values]}, monkeypatch)
        found.append(json.loads(file.read_text())["commit"])
        shutil.rmtree(tmp_path / "runs")
    assert found == ["a", "a", "c"]


def test_a_record_of_a_row_that_has_changed_is_refused(tmp_path, monkeypatch):
    (file,) = write(tmp_path, {"other": [(1.0, 3.0)]}, monkeypatch)
    changed = dataclasses.replace(TABLE.rows[1], flags=("--beta=2",))
    with pytest.raises(errors.Damaged, match="must be of the recipes and flags"):
        records.read(tmp_path / "records", TABLE, changed)
    values = json.loads(file.read_text())
    for wrong in ("{", "[]", json.dumps({**values, "version": 0})):
        file.write_text(wrong)
        with pytest.raises(errors.Damaged, match="a file that tools/reproduce.py"):
            records.read(tmp_path / "records", TABLE, TABLE.rows[1])


@pytest.mark.parametrize("name", ["plain_seed_1.json", "real_images.json"])
def test_files_that_are_no_records_stay(tmp_path, monkeypatch, name):
    file = tmp_path / "records" / "small" / name
    file.parent.mkdir(parents=True)
    for text in ("of somebody", "{}", '{"version": 1, "mine": 2}'):
        file.write_text(text)
        with pytest.raises(errors.Occupied, match="which is no record"):
            records.check(tmp_path / "records", TABLE)
        assert file.read_text() == text


def test_a_document_shows_means_over_seeds_and_says_what_was_not_run(
    tmp_path, monkeypatch
):
    by_row = {"plain": [(1.0, 3.0), (5.0, 5.0)], "other": [(7.0, 9.0)]}
    write(tmp_path, by_row, monkeypatch)
    text = documents.to_markdown(TABLE, folder=tmp_path / "records")
    cells = [line.strip("|").split(" | ") for line in text.splitlines() if "|" in line]
    rows = [[cell.strip() for cell in line] for line in cells]
    assert rows[0] == [
        *("recipe", "FD", "seeds"),
        *("published, not comparable", "why it differs"),
    ]
    assert rows[2] == ["real images", "0.60 ± 0.14", "-", "", ""]
    assert rows[3] == ["plain", "3.5 ± 2.1", "2", "FID 8.2", ""]
    assert rows[4] == ["Other", "8.0 ± 1.4", "1", "", r"No \| reason"]
    for said in (
        "* 300 samples.",
        "* A note.",
        "* Not run here: absent.",
        "2 CPU core",
    ):
        assert said in text
    assert "--table=small --out=FOLDER" in text


def test_a_training_that_failed_is_no_training_that_was_not_run(tmp_path, monkeypatch):
    write(tmp_path, {"plain": [(1.0, 3.0)]}, monkeypatch)
    (first,) = fail(tmp_path, "other")
    (second,) = fail(tmp_path, "plain", seed=1)
    assert str(tmp_path) not in first.read_text() + second.read_text()
    text = documents.to_markdown(TABLE, folder=tmp_path / "records")
    assert "| Other | failed |" in text
    assert "| plain | 2.0 ± 1.4 | 1 |" in text
    for said in (
        "* other: It broke.",
        "* plain_seed_1: It broke.",
        "run here: absent",
    ):
        assert said in text


def test_a_failure_takes_no_record_away(tmp_path, monkeypatch):
    (file,) = write(tmp_path, {"other": [(1.0, 3.0)]}, monkeypatch)
    before = file.read_text()
    assert fail(tmp_path, "other") == [file]
    assert file.read_text() == before


def test_trainings_that_are_missing_are_counted(tmp_path, monkeypatch):
    write(tmp_path, {"plain": [(1.0, 3.0)], "other": [(7.0, 9.0)]}, monkeypatch)
    text = documents.to_markdown(TABLE, folder=tmp_path / "records")
    assert "* 1 of the 2 seeds that the table lists: plain." in text
    many = dataclasses.replace(
        TABLE,
        rows=[
            dataclasses.replace(TABLE.rows[0], name=f"n{number}", title=f"N {number}")
            for number in range(5)
        ],
    )
    write(
        tmp_path / "many",
        {row.name: [(1.0, 3.0)] for row in many.rows},
        monkeypatch,
        table=many,
    )
    text = documents.to_markdown(many, folder=tmp_path / "many" / "records")
    assert "* 1 of the 2 seeds that the table lists: 5 rows." in text


@pytest.mark.parametrize("seeds", [(0,), (0, 1)])
def test_a_training_started_from_that_of_its_table(seeds, tmp_path, monkeypatch):
    plain, other, absent = TABLE.rows
    plain = dataclasses.replace(plain, seeds=seeds)
    other = dataclasses.replace(other, seeds=(0, 1), start="plain")
    table = dataclasses.replace(TABLE, rows=(plain, other, absent))
    by_row = {"plain": [(1.0, 3.0)] * len(seeds), "other": [(1.0, 3.0)] * 2}
    files = write(tmp_path, by_row, monkeypatch, table=table)
    ends = {file.name: file for file in files}
    for name, file in ends.items():  # each start is another training
        values = json.loads(file.read_text())
        of = name.replace("other", "plain")
        values["checkpoint"] = name
        values["start"] = of if of in ends else "plain.json"
        file.write_text(json.dumps(values))
    documents.to_markdown(table, folder=tmp_path / "records")
    last = ends["other_seed_1.json"]
    last.write_text(json.dumps({**json.loads(last.read_text()), "start": "another"}))
    with pytest.raises(errors.Damaged, match="other, seed 1, from another one"):
        documents.to_markdown(table, folder=tmp_path / "records")


def test_a_record_of_more_epochs_is_refused(tmp_path, monkeypatch):
    write(tmp_path, {"other": [(1.0, 3.0)]}, monkeypatch)
    cut = dataclasses.replace(TABLE, max_epochs=3)
    with pytest.raises(errors.Damaged, match="must be of the recipes and flags"):
        records.read(tmp_path / "records", cut, cut.rows[1])


def test_a_varied_flag_has_a_column_for_each_value(tmp_path, monkeypatch):
    rows = [
        dataclasses.replace(
            TABLE.rows[0], name=f"plain_{v}", group="Plain", value=v, published=v
        )
        for v in ("2", "8")
    ]
    vary = table_file.Vary("latent_dim", ("2", "8"), title="latents")
    varied = dataclasses.replace(TABLE, rows=tuple(rows), vary=vary, columns=("fd",))
    by_row = {"plain_8": [(1.0, 3.0), (5.0, 5.0)]}
    write(tmp_path, by_row, monkeypatch, table=varied)
    text = documents.to_markdown(varied, folder=tmp_path / "records")
    assert text.splitlines()[:3] == [
        "| FD | latents 2 | latents 8 |",
        "| :-- | --: | --: |",
        "| Plain | - (2) | 3.5 ± 2.1 (8) |",
    ]
    assert "Not run here" not in text  # a cell says so


def test_what_is_the_same_for_all_systems_has_one_row(varied, tmp_path):
    text = documents.to_markdown(varied, folder=tmp_path / "records")
    assert "| **a** | 2.0 ± 1.4 (FID 8.2) | 4 ± 0 (FID 8.2) |" in text
    assert "| b | - (FID 8.2) | 8.0 ± 1.4 (FID 8.2) |" in text
    assert (
        "| epochs | latents: 2 | latents: 8 |\n| :-- | --: | --: |\n| all | 1 | 1 |"
        in text
    )


def test_a_system_without_any_record_is_named(varied, tmp_path):
    (tmp_path / "records" / "small" / "b_8.json").unlink()
    text = documents.to_markdown(varied, folder=tmp_path / "records")
    assert "* Not run here: b." in text


def test_a_table_without_records_or_of_two_protocols_is_refused(tmp_path, monkeypatch):
    with pytest.raises(errors.NotFound, match="needs records"):
        documents.to_markdown(TABLE, folder=tmp_path / "records")
    first, second = write(tmp_path, {"plain": [(1.0, 3.0), (5.0, 5.0)]}, monkeypatch)
    values = json.loads(second.read_text())
    second.write_text(json.dumps({**values, "protocol": {"samples": 9}}))
    with pytest.raises(errors.Damaged, match="measured in one way"):
        documents.to_markdown(TABLE, folder=tmp_path / "records")
    second.unlink()
    wrong = dataclasses.replace(TABLE, columns=("fid",))
    with pytest.raises(errors.InvalidValue, match="Received: fid. Did you mean fd"):
        documents.to_markdown(wrong, folder=tmp_path / "records")
    assert first.exists()


def test_tables_of_a_document_are_replaced_and_nothing_else():
    text = "a\n<!-- table: x -->\nold\n<!-- end of table -->\nb\n"
    text += "<!-- evaluation: y -->\n<!-- end of evaluation -->\nc\n"
    render = {
        "table": lambda name: f"table {name}\n",
        "evaluation": lambda name: f"measures {name}\n",
    }
    made = documents.updated(text, render=render)
    assert made == text.replace("old", "table x").replace(
        "<!-- evaluation: y -->\n", "<!-- evaluation: y -->\nmeasures y\n"
    )
    assert documents.updated(made, render=render) == made
    assert documents.names(text) == ["x"]


@pytest.mark.parametrize(
    "text",
    [
        "<!-- table: x -->\na\n",
        "<!-- end of table -->\n",
        "<!-- evaluation: x -->\na\n",
        "<!-- table: x -->\n<!-- end of evaluation -->\n",
    ],
)
def test_a_comment_without_the_other_is_refused(text):
    with pytest.raises(errors.InvalidValue, match="without the other"):
        documents.updated(text, render={})


@pytest.fixture
def varied(tmp_path, monkeypatch):
    """A table of two systems by two values, of which one has no record."""
    rows = [
        dataclasses.replace(TABLE.rows[0], name=f"{name}_{v}", group=name, value=v)
        for name in ("**a**", "b")
        for v in ("2", "8")
    ]
    rows = [dataclasses.replace(row, name=row.name.replace("*", "")) for row in rows]
    vary = table_file.Vary("latent_dim", ("2", "8"), title="latents:")
    table = dataclasses.replace(
        TABLE, rows=tuple(rows), vary=vary, columns=("fd", "epochs", "seeds")
    )
    by_row = {"a_2": [(1.0, 3.0)], "a_8": [(4.0, 4.0)], "b_8": [(7.0, 9.0)]}
    write(tmp_path, by_row, monkeypatch, table=table)
    return table


def test_a_picture_has_a_panel_a_measure_and_a_line_a_system(
    varied, tmp_path, monkeypatch
):
    shown, _ = documents.measured(varied, folder=tmp_path / "records")
    drawn = []
    monkeypatch.setattr(
        sweep_figure, "draw", lambda *of, **how: drawn.append((of, how)) or Figure()
    )
    path = tmp_path / "values.png"
    assert by_value.draw(varied, shown, path=path)
    ((panels,), how) = drawn[0]
    assert how == {"option": "latents"}
    assert list(panels) == ["FD"]  # words, and what is the same for all, have none
    assert panels["FD"]["a"] == [("2", 2.0, 2**0.5), ("8", 4.0, 0.0)]
    first, second = panels["FD"]["b"]
    assert (first.value, math.isnan(first.mean), first.deviation) == ("2", True, None)
    assert second == ("8", 8.0, 2**0.5)
    assert path.exists()


def test_a_picture_shows_its_numbers():
    points = [sweep_figure.Point("2", 1.5, 0.5), sweep_figure.Point("8", 3.0)]
    nothing = [sweep_figure.Point(value, math.nan) for value in ("2", "8")]
    lines = {"absent": nothing, "VAE": points}
    figure = sweep_figure.draw({"AP": lines}, option="latents")
    panel = figure.axes[0]
    line, *_ = panel.containers[0].lines
    assert list(line.get_ydata()) == [1.5, 3.0]
    labels = [text.get_text() for text in panel.get_xticklabels()]
    assert (labels, panel.get_xlabel(), panel.get_title()) == (
        ["2", "8"],
        "latents",
        "AP",
    )
    assert _legend(figure) == ["VAE"]


def test_a_legend_names_what_any_panel_shows():
    points = [sweep_figure.Point("2", 1.5), sweep_figure.Point("8", 3.0)]
    nothing = [sweep_figure.Point(value, math.nan) for value in ("2", "8")]
    first, second = {"VAE": points, "GAN": nothing}, {"VAE": points, "GAN": points}
    figure = sweep_figure.draw({"MSE": first, "FD": second}, option="latents")
    assert _legend(figure) == ["VAE", "GAN"]


def _legend(figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_nothing_is_drawn_of_nothing(varied, tmp_path):
    shown, _ = documents.measured(varied, folder=tmp_path / "records")
    shown = dataclasses.replace(shown, rows=())
    assert not by_value.draw(varied, shown, path=tmp_path / "none.png")
    assert not (tmp_path / "none.png").exists()


def test_what_is_the_same_for_all_systems_is_not_drawn(varied, tmp_path, monkeypatch):
    by_row = {name: [(2.0, 2.0)] for name in ("a_2", "a_8", "b_2", "b_8")}
    write(tmp_path / "same", by_row, monkeypatch, table=varied)
    shown, _ = documents.measured(varied, folder=tmp_path / "same" / "records")
    assert len(shown.rows) == len(by_row)
    assert not by_value.draw(varied, shown, path=tmp_path / "none.png")
