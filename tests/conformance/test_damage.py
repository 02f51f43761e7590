# SPDX-License-Identifier: Apache-2.0
"""Every file of a run, damaged in every way, one at a time: what is lost is told.

Whatever is broken, loading, reading and going on either work, with a warning where
something was lost, or end in one line of ours; and nothing that was whole is removed.
"""

import contextlib
import dataclasses
import functools
import json
import logging
import os
import pathlib
import shutil

import numpy as np
import pytest

from glf_tf import catalogue, errors
from glf_tf.callbacks import drawing, reports
from glf_tf.experiments import experiment, folder, plan, restore
from glf_tf.models import glf
from glf_tf.plotting import curves
from glf_tf.training import loop, manifest, options, step, summaries
from tests import calls

RECIPE = "--model=glf\n--batch_size=700\n"
PLAN = plan.Plan(
    dataset="digits",
    model={
        "name": "glf",
        "latent_dim": 4,
        "procedure": "joint",
        "components": 0,
        "network": {"name": "mlp", "hidden": (6,)},
        # Each variable is written by every checkpoint and export of every damage.
        "flow": {
            "name": "real_nvp",
            "hidden": 6,
            "blocks": 1,
            "batch_norm": False,
            "sides": "one_sided",
        },
    },
    training=options.Training(epochs={"": 3}, batch_size=700),
    reports=plan.Reports(log_every=1, draw_every=3, keep_checkpoints=2),
    recipe=RECIPE,
    flags={"model": "glf"},
)
LONGER = dataclasses.replace(
    PLAN, training=options.Training(epochs={"": 4}, batch_size=700)
)


def _flipped(data: bytes) -> bytes:
    changed = bytearray(data)
    for place in (len(data) // 5, len(data) // 2, len(data) - len(data) // 5):
        changed[place % max(1, len(data)) : place + 1] = b"\xff"
    return bytes(changed)


def _as_folder(file: pathlib.Path) -> None:
    file.unlink()
    file.mkdir()


def _rewritten(change):
    return lambda file: file.write_bytes(change(file.read_bytes()))


DAMAGES = {
    "deleted": pathlib.Path.unlink,
    "cut": _rewritten(lambda data: data[: len(data) // 2]),
    "flipped": _rewritten(_flipped),
    "folder": _as_folder,
    "other": _rewritten(
        lambda data: b'[{"step": []}, 1e999]' if data[:1] == b"{" else b"It is gone.\n"
    ),
    "empty": _rewritten(lambda data: b""),
}


def files_below(path: pathlib.Path) -> dict[str, bytes]:
    """The content of every file below a folder, by its path."""
    return {
        item.relative_to(path).as_posix(): item.read_bytes()
        for item in sorted(path.rglob("*"))
        if item.is_file()
    }


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of a run that has ended."""
    path = tmp_path_factory.mktemp("damage") / "run"
    with pytest.MonkeyPatch.context() as patch:
        draw_little(patch)
        experiment.train(PLAN, folder.Folder(path))
    return path


def draw_little(patch):
    """One small picture a time: what is in it does not count."""
    picture = np.zeros((2, 2, 3), np.uint8)
    patch.setattr(drawing.Pictures, "_draw", lambda _: {"samples": picture})
    patch.setattr(drawing.Histograms, "run", lambda *_: None)


@pytest.fixture(scope="module")
def cheap():
    """Trains without graphs: all that reads and writes a run's folder is real."""
    build = functools.cache(
        lambda kind, spec, rest: catalogue_build(kind, json.loads(spec), **dict(rest))
    )
    catalogue_build = catalogue.build

    def built(kind, spec, **rest):
        if kind != "model":
            return catalogue_build(kind, spec, **rest)
        plain = {name: tuple(value) for name, value in rest.items()}
        return build(kind, json.dumps(spec), tuple(plain.items()))

    make_optimizers, optimizers = experiment.optimizers.make, {}

    def made(stages, **rest):
        if not optimizers:
            optimizers.update(make_optimizers(stages, **rest))
        return optimizers

    class Trainer:
        def __init__(self, *_, **__):
            pass

        def run(self, iterator, *, first_step, steps):
            terms = {"reconstruction": 0.5, "nll": 0.25}
            return step.Result(steps, {k: steps * v for k, v in terms.items()}, terms)

    def validate(self, moment):
        self.latest = {"test/reconstruction": -float(moment.global_step)}
        self.measured_at = moment.global_step

    with pytest.MonkeyPatch.context() as patch:
        draw_little(patch)
        patch.setattr(catalogue, "build", built)
        patch.setattr(experiment.optimizers, "make", made)
        patch.setattr(loop.Loop, "_iterator", lambda *_: None)
        patch.setattr(loop.step_lib, "StageTrainer", Trainer)
        patch.setattr(reports.Validation, "run", validate)
        patch.setattr(os, "fsync", lambda _: None)  # no power fails here
        patch.setattr(glf.GLF, "signatures", lambda _: {})
        yield


def paths_of(whole: pathlib.Path) -> list[str]:
    return list(files_below(whole))


def whole_checkpoints(path: pathlib.Path) -> set[str]:
    return {
        item.name
        for item in (path / "checkpoints").glob("step_*")
        if manifest.damage(item) is None
    }


def test_the_run_has_every_kind_of_file(whole):
    """So that the walk below misses none."""
    found = " ".join(paths_of(whole))
    for name in (
        *("lock", "flags.cfg", "run.json", "run.copy.json", "metrics.jsonl"),
        *("checkpoints/best/state.json", "checkpoints/step_00000006/variables.index"),
        *("saved_model/saved_model.pb", "saved_model/glf_tf.json", "tensorboard/event"),
        *("samples/samples.png", "samples/steps/samples_00000006.png"),
    ):
        assert name in found, name


@pytest.mark.parametrize("name", ["saved_model.pb", "variables/variables.index"])
def test_a_cut_export_ends_an_evaluation_in_one_line(name, whole, tmp_path):
    path = tmp_path / "export"
    shutil.copytree(whole / "saved_model", path)
    DAMAGES["cut"](path / name)
    ended = calls.call(
        "evaluate", f"--saved_model={path}", "--dataset=digits", "--metrics=copies"
    )
    assert (ended.status, ended.output) == (errors.BAD_WORLD, ""), ended.stderr
    (message,) = [line for line in ended.stderr.splitlines() if "error:" in line]
    assert str(path) in message


@pytest.mark.one_in(3)
@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_reported_and_costs_nothing_else(
    damage, whole, cheap, tmp_path, caplog
):
    path, found = tmp_path / "run", []
    for name in paths_of(whole):
        shutil.copytree(whole, path)
        DAMAGES[damage](path / name)
        try:
            check(path, name, caplog, damage=damage)
        except Exception as error:
            found.append((name, error))
        shutil.rmtree(path)
    if found:
        print(*[f"{n}: {str(e)[:600]}  [{e!r:.60}]" for n, e in found], sep="\n")
    assert not found


def check(path, name, caplog, *, damage, go_on=experiment.train):
    """Does all that can be done with a run."""
    before = files_below(path)
    for read in (
        folder.Folder.read,
        lambda where: summaries.read(where.path / "metrics.jsonl"),
        lambda where: curves.read(where.path),
        lambda where: curves.flag_of(where.path, "batch_size"),
        lambda where: restore.load_model(where.path),
        lambda where: restore.load_model(where.path, which="best"),
    ):
        with allowed():
            read(folder.Folder(path))
        assert files_below(path) == before
    sound = whole_checkpoints(path)
    caplog.clear()
    with caplog.at_level(logging.WARNING, logger="absl"):
        refused = allowed()
        with refused:
            go_on(LONGER, folder.Folder(path), resume=True)
    after = files_below(path)
    if refused.error is None:
        assert bool(caplog.messages) == costs(name), caplog.messages
        assert len(whole_checkpoints(path)) == 2
        assert manifest.damage(path / "checkpoints" / "best") is None
        assert folder.Folder(path).read()["history"]
        assert curves.read(path).lines[-1]["step"] == 8
        assert after.keys() >= before.keys() - {
            item for item in before if item.startswith("checkpoints/step_")
        }
    else:
        assert damage == "folder" or name in MARKS, refused.error
        # What was not refused until an epoch was done has saved it.
        assert whole_checkpoints(path) >= sound or len(whole_checkpoints(path)) == 2
        for item, content in before.items():
            if item.startswith(("saved_model/", "samples/steps/")):
                assert after[item] == content, item


# What tells that a folder is ours: without it, nobody knows whose the folder is.
MARKS = ("saved_model/glf_tf.json",)


def costs(name: str) -> bool:
    """Whether a run that lacks the file goes on with less than it had."""
    newest, best = "checkpoints/step_00000006/", "checkpoints/best/"
    return name in ("run.json", "metrics.jsonl") or name.startswith((newest, best))


class allowed(contextlib.AbstractContextManager):  # noqa: N801 - reads as a verb
    """Lets an error of ours pass if it is one line, and keeps it."""

    error = None

    def __exit__(self, kind, error, trace):
        if not isinstance(error, errors.UserError):
            return False
        assert len(str(error).splitlines()) == 1, error
        self.error = error
        return True
