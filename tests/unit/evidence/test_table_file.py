# SPDX-License-Identifier: Apache-2.0
"""The files of tables: what they may say, and that those of the library are right."""

import dataclasses
import pathlib
import re

import pytest

from glf_tf import errors, resources
from glf_tf.cli import trainings
from glf_tf.comparison import folder as folder_lib
from glf_tf.comparison import job as job_lib
from glf_tf.evidence import table_file, table_reader

WHOLE = """
title = "A table"
flags = ["--draw_every=0"]
columns = ["fd"]
notes = ["A note"]
[measure]
samples = 300
extractors = ["classifier"]
likelihoods = true
[budgets.quick]
flags = ["--epochs=1"]
seeds = [1]
samples = 50
[[rows]]
name = "plain"
recipes = ["glf/digits"]
seeds = [0, 1]
published = "8.2"
[[rows]]
name = "sharpened"
title = "Sharpened"
recipes = ["glf/digits", "sharpen/adversarial"]
flags = ["--epochs=5"]
start = "plain"
seeds = [1]
[[rows]]
name = "third"
recipes = ["glf/digits"]
"""


def write(folder, text=WHOLE, name="small.toml"):
    file = folder / name
    file.write_text(text)
    return file


def test_a_table_says_what_its_file_says(tmp_path):
    table = table_reader.read(write(tmp_path))
    assert (table.name, table.title, table.columns) == ("small", "A table", ("fd",))
    assert table.measure == table_file.Measure(
        samples=300, extractors=("classifier",), likelihoods=True
    )
    plain, sharpened, third = table.rows
    assert (plain.seeds, plain.published, third.seeds) == ((0, 1), "8.2", (0,))
    assert (sharpened.title, sharpened.start) == ("Sharpened", "plain")
    assert table.arguments(sharpened) == (
        *("glf/digits", "sharpen/adversarial"),
        *("--draw_every=0", "--epochs=5"),  # so that a row's own flag counts
    )
    assert table.row("third") is third


def test_a_table_says_how_chains_find_what_is_hidden(tmp_path):
    hidden = """
recovered = 1000
inference = {name = "langevin", steps = 30}
masks.half = {name = "half", side = "right"}
masks.middle.name = "square"
"""
    columns = '["fd", "hidden_error/half", "all_error/recovered"]'
    text = WHOLE.replace("samples = 300", f"samples = 300{hidden}")
    text = text.replace('["fd"]', columns)
    measure = table_reader.read(write(tmp_path, text)).measure
    assert measure.hidden == ("half", "middle", "recovered")
    assert measure.inferred == {
        "chain": {"name": "langevin", "steps": 30},
        "masks": {
            "half": {"name": "half", "side": "right"},
            "middle": {"name": "square"},
        },
        "completed": 200,
        "attempts": 4,
        "recovered": 1000,
    }
    cut = table_reader.read(write(tmp_path, text)).cut("quick").measure
    assert (cut.completed, cut.recovered, cut.samples) == (50, 50, 50)
    assert table_reader.read(write(tmp_path)).measure.inferred is None
    without = text.replace("masks.half = ", "masks.other = ")
    with pytest.raises(errors.InvalidValue, match="columns has hidden_error/half"):
        table_reader.read(write(tmp_path, without))


def test_a_budget_cuts_epochs_seeds_and_samples(tmp_path):
    table = table_reader.read(write(tmp_path))
    assert table.cut("full") is table
    described = table.budgets["quick"].described()
    assert described == "--epochs=1, seeds 1, 50 samples"
    assert table_file.Budget(max_epochs=2, trials=1).described() == (
        "2 epochs a stage at most, 1 draws"
    )
    assert table_file.Budget().described() == "nothing"
    cut = table.cut("quick")
    assert [row.seeds for row in cut.rows] == [(1,), (1,), (0,)]
    assert (cut.measure.samples, cut.measure.trials) == (50, 3)
    assert cut.arguments(cut.rows[1])[-1] == "--epochs=1"  # the last one counts
    with pytest.raises(errors.InvalidValue, match="Received: quik. Did you mean quick"):
        table.cut("quik")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('title = "A table"', "", "title in the file must be there"),
        ('title = "A table"', "title = 3", "title in the file must be a text"),
        ('title = "A table"', "title = ", "line 2"),
        ('title = "A table"', f"x = {'[' * 3000}{']' * 3000}", "nested too deep"),
        ("samples = 300", "sample = 300", "measure has no key sample"),
        ("samples = 300", "samples = -1", "a whole number, 0 or more"),
        ("likelihoods = true", "likelihoods = 1", "must be true or false"),
        ("likelihoods = true", "completed = 1", "completed in measure must be 2 or"),
        ("likelihoods = true", "recovered = 1", "recovered in measure must be 0, or 2"),
        ("likelihoods = true", "attempts = 0", "attempts in measure must be 1 or more"),
        ("likelihoods = true", 'masks = "half"', "must be a table of specifications"),
        ("likelihoods = true", 'masks.half = "half"', "half of masks in measure must"),
        ("likelihoods = true", "inference = {steps = 3}", "must be a part, as in"),
        ("likelihoods = true", 'masks."A b".name = "half"', "masks.A b must be of a-z"),
        ("likelihoods = true", 'masks.recovered.name = "half"', "not recovered"),
        ('["classifier"]', '["clasifier"]', "clasifier.: An extractor is a known"),
        ("[budgets.quick]", "[budgets.full]", "budgets.full must be left out"),
        ('name = "third"', 'name = "plain"', "row plain must be there once"),
        ('name = "third"', 'name = "A b"', "named by a-z, 0-9 and _"),
        ('name = "third"', "", r"name in rows\[2\] must be there"),
        ('start = "plain"', 'start = "third"', "start of row sharpened must be an ear"),
        ('columns = ["fd"]', 'columns = ["fdd"]', "columns has fdd: Did you mean fd"),
        ('columns = ["fd"]', 'columns = ["fd", "fd"]', "columns must be distinct"),
        ('columns = ["fd"]', 'columns = [""]', "columns must be names of columns"),
        ("seeds = [0, 1]", "seeds = [2147483648]", "must be below 2,147,483,648"),
        ("seeds = [1]\n[[", "seeds = [2]\n[[", "must be among those of plain"),
        ("seeds = [0, 1]", "seeds = [0, 0]", "seeds of row plain must be distinct"),
        ("seeds = [0, 1]", "seeds = [true]", "must be a list of numbers"),
        ('["glf/digits"]\nseeds', "[]\nseeds", "recipes of row plain must be one or"),
        ("[[rows]]", "[[lines]]", r"rows must be \[\[rows\]\]"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, old, new, said):
    text = WHOLE.replace(old, new)
    assert text != WHOLE
    with pytest.raises(errors.InvalidValue, match=said) as caught:
        table_reader.read(write(tmp_path, text))
    assert "\n" not in str(caught.value)


VARIED = """
title = "By latents"
[vary]
flag = "latent_dim"
values = ["2", "8"]
title = "latents"
[measure]
kind = "anomalies"
weight = 0.5
[[rows]]
name = "vae"
title = "VAE"
recipes = ["vae/digits"]
flags = ["--epochs=1"]
published = ".1 .2"
[[rows]]
name = "next"
recipes = ["vae/digits"]
start = "vae"
"""


def test_a_table_that_varies_a_flag_has_a_row_for_each_value(tmp_path):
    table = table_reader.read(write(tmp_path, VARIED))
    assert (table.measure.kind, table.measure.weight) == ("anomalies", 0.5)
    names = [row.name for row in table.rows]
    assert names == ["vae_2", "vae_8", "next_2", "next_8"]
    vae, following = table.rows[1], table.rows[3]
    assert vae.flags == ("--epochs=1", "--latent_dim=8")
    assert (vae.title, vae.published, vae.group) == ("VAE, latents 8", ".2", "VAE")
    assert (following.start, following.published) == ("vae_8", "")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (".1 .2", ".1", "published of row vae must be 2 figures"),
        ('"2", "8"', '"2", "2"', "vary.values must be distinct"),
        ('"2", "8"', "", "vary.values must be distinct"),
        ('"anomalies"', '"anomaly"', "measure.kind must be one of models, anomalies"),
        ("0.5", "-0.5", "a number, 0 or more"),
        ("0.5", "inf", "a number, 0 or more"),
        ('name = "vae"', 'name = "vae"\ngroup = "x"', "has no key group"),
    ],
)
def test_what_is_wrong_with_varied_flags_is_said(tmp_path, old, new, said):
    text = VARIED.replace(old, new)
    with pytest.raises(errors.InvalidValue, match=said):
        table_reader.read(write(tmp_path, text))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('reference_split = "tset"', "reference_split must be train or validation"),
        ("samples = 1", "samples in measure must be 2 or more"),
        ("trials = 0", "trials in measure must be 1 or more"),
    ],
)
def test_what_cannot_be_measured_is_said_before_training(tmp_path, line, said):
    text = f'title = "x"\n[measure]\n{line}\n[[rows]]\nname = "a"\nrecipes = ["b"]\n'
    with pytest.raises(errors.InvalidValue, match=said):
        table_reader.read(write(tmp_path, text))


def test_a_file_that_is_not_there_is_said(tmp_path):
    with pytest.raises(errors.NotFound, match="nowhere.toml"):
        table_reader.read(tmp_path / "nowhere.toml")
    with pytest.raises(errors.InvalidValue, match="its name must be of a-z"):
        table_reader.read(write(tmp_path, name="A b.toml"))


@pytest.fixture
def unplanned(monkeypatch):
    """Makes trainings without reading what their flags mean."""
    plan = {"dataset": {"name": "digits"}, "flags": {"prior.seed": 0}}
    monkeypatch.setattr(trainings.planned, "read", lambda arguments: plan)


def test_trainings_start_from_those_of_their_seed_or_from_the_only_one(
    tmp_path, unplanned
):
    text = WHOLE + 'start = "plain"\nseeds = [0, 1]\n'
    table = table_reader.read(write(tmp_path, text))
    folder = folder_lib.Folder(tmp_path / "out")
    how = {"folder": folder, "flags": ["--data_dir=x"]}
    found = trainings.of_table(table, rows=table.rows, seeds=[], **how)
    names = {job.name: job.start and job.start.name for job, _ in found}
    assert names == {
        "plain": None,
        "plain_seed_1": None,
        "sharpened_seed_1": "plain_seed_1",
        "third": "plain",
        "third_seed_1": "plain_seed_1",
    }
    (job,) = (job for job, _ in found if job.name == "sharpened_seed_1")
    assert f"--start_from={tmp_path}/out/plain_seed_1" in job.command
    flags = [re.sub(r"=.*/", "=", word) for word in job.command[2:]]
    assert flags == [
        *("--flagfile=digits.cfg", "--flagfile=adversarial.cfg", "--draw_every=0"),
        *("--epochs=5", "--data_dir=x", "--start_from=plain_seed_1"),
        *("--seed=1", "--workdir=sharpened_seed_1", "--resume"),
    ]

    shared = text.replace("seeds = [0, 1]\npub", "pub").replace("seeds = [1]\n[[", "[[")
    table = table_reader.read(write(tmp_path, shared))
    found = trainings.of_table(table, rows=table.rows[2:], seeds=[1], **how)
    ((job, row),) = found
    assert (job.start.name, row.name) == ("plain", "third")
    assert job.command[-1] == "--prior.seed=1"  # nothing else has the seed


def test_a_budget_bounds_the_epochs_of_each_stage(tmp_path, monkeypatch):
    def read(arguments):
        epochs = {"joint": 0, "flow": 30}
        for flag in arguments:
            if flag.startswith("--epochs=joint"):
                pairs = (pair.split(":") for pair in flag[9:].split(","))
                epochs = {stage: int(count) for stage, count in pairs}
        return {"dataset": {}, "flags": {}, "epochs": epochs}

    monkeypatch.setattr(trainings.planned, "read", read)
    text = WHOLE.replace("[budgets.quick]", "[budgets.quick]\nmax_epochs = 2")
    cut = table_reader.read(write(tmp_path, text)).cut("quick")
    folder = folder_lib.Folder(tmp_path / "out")
    found = trainings.of_table(cut, rows=cut.rows[:1], seeds=[], folder=folder)
    (job, _) = found[0]
    assert "--epochs=joint:0,flow:2" in job.command
    assert job.plan["epochs"] == {"joint": 0, "flow": 2}


@pytest.mark.parametrize("flag", ["--seed=3", "-workdir=x", "--start_from=x"])
def test_flags_that_a_table_sets_otherwise_are_refused(tmp_path, unplanned, flag):
    text = WHOLE.replace("--draw_every=0", flag)
    table = table_reader.read(write(tmp_path, text))
    folder = folder_lib.Folder(tmp_path / "out")
    with pytest.raises(errors.InvalidValue, match=f"Received: {flag}"):
        trainings.of_table(table, rows=table.rows, seeds=[], folder=folder)


@pytest.mark.slow
@pytest.mark.parametrize("name", resources.tables())
def test_trainings_of_the_librarys_tables_can_be_planned(name, tmp_path):
    table = table_reader.read(resources.tables()[name])
    assert "quick" in table.budgets
    for row in table.rows:
        for recipe in row.recipes:
            assert pathlib.Path(trainings.file_of(recipe)).exists(), recipe
    cut = table.cut("quick")
    if table.vary is not None:  # values differ in a number alone
        first = tuple(row for row in cut.rows if row.value == table.vary.values[0])
        cut = dataclasses.replace(cut, rows=first)
    folder = folder_lib.Folder(tmp_path)
    found = trainings.of_table(cut, rows=cut.rows, seeds=[], folder=folder)
    assert len(found) == len(cut.rows)
    if table.measure.kind == "models":
        job_lib.check([job for job, _ in found])
