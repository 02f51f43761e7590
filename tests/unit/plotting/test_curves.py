# SPDX-License-Identifier: Apache-2.0
"""Curves: scalars against epochs, from folders as runs leave them."""

import csv
import io
import json
import pathlib

import matplotlib.image
import numpy as np
import pytest

from glf_tf import errors
from glf_tf.data import paths as paths_lib
from glf_tf.experiments import experiment, folder, plan
from glf_tf.plotting import curves, curves_figure, panels
from glf_tf.training import options
from tests import descriptors


def write(path, lines, *, flags="--beta=10.0\n--nostop_gradient\n--jit_compile\n"):
    """Leaves a folder as a run does."""
    where = folder.Folder(path)
    where.describe(descriptors.DESCRIPTION)
    where.write("flags.cfg", flags)
    where.write("metrics.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
    return path


def epoch(step, **scalars):
    return {"step": step, "epoch/examples_per_second": 9.0, **scalars}


def line_of(path, label="a"):
    return curves_figure.Line(label=label, history=curves.read(path))


def test_epochs_are_those_that_were_trained(tmp_path):
    experiment.train(
        plan.Plan(
            dataset="digits",
            model=descriptors.MODELS["glf"],
            paths=paths_lib.DataPaths(),
            training=options.Training(epochs={"": 3}, batch_size=200),
            reports=plan.Reports(log_every=5, draw_every=0, export=False),
        ),
        folder.Folder(tmp_path),
    )
    history = curves.read(tmp_path)
    seven = 1433 // 200
    np.testing.assert_allclose(history.curve("epoch/nll").epochs, [1, 2, 3])
    np.testing.assert_allclose(history.curve("test/nll").epochs, [1, 2, 3])
    inner = history.curve("train/nll")
    np.testing.assert_allclose(inner.epochs, inner.steps / seven)
    assert inner.steps[0] == 5
    assert history.diverged_at is None


def test_epochs_of_stages_of_several_lengths_add_up(tmp_path):
    # Five steps an epoch in the first stage, ten in the second.
    steps = (5, 10, 20, 30)
    path = write(tmp_path, [epoch(step, **{"epoch/a": step}) for step in steps])
    lines = path / "metrics.jsonl"
    with lines.open("a") as stream:
        stream.write('{"step": 35, "train/a": 1.0}\n{"step": 40, "tra')  # a kill
    history = curves.read(path)
    np.testing.assert_allclose(history.curve("epoch/a").epochs, [1, 2, 3, 4])
    np.testing.assert_allclose(history.curve("train/a").epochs, [4.5])


def test_the_last_of_several_values_at_a_step_counts(tmp_path):
    lines = [epoch(5), {"step": 5, "evaluation/fd": 3}, {"step": 5, "evaluation/fd": 2}]
    np.testing.assert_array_equal(
        curves.read(write(tmp_path, lines)).curve("evaluation/fd").values, [2.0]
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [("beta", "10.0"), ("stop_gradient", "false"), ("jit_compile", "true")],
)
def test_labels_are_the_values_of_flags(tmp_path, name, value):
    assert curves.flag_of(write(tmp_path, [epoch(5)]), name) == value


def test_a_label_that_is_no_flag_is_refused(tmp_path):
    with pytest.raises(errors.InvalidValue, match="Did you mean beta"):
        curves.flag_of(write(tmp_path, [epoch(5)]), "betta")


def test_a_run_that_diverged_ends_in_a_cross(tmp_path):
    calm = [epoch(5 * k, **{"epoch/nll": 10.0 - k}) for k in range(1, 9)]
    wild = [epoch(5 * k, **{"epoch/nll": -(10.0**k)}) for k in range(1, 4)]
    wild.append(epoch(20, **{"epoch/nll": "nan"}))
    for name, lines in (("calm", calm), ("wild", wild)):
        write(tmp_path / name, lines)
    np.savez(tmp_path / "wild/nonfinite_step_23.npz", image=0)
    lines = [line_of(tmp_path / name, name) for name in ("calm", "wild")]
    figure = curves_figure.draw(lines, scalars=["epoch/nll"])
    (panel,) = figure.axes
    well, ill, cross = panel.get_lines()
    assert len(well.get_xdata()) == 8
    np.testing.assert_allclose(ill.get_xdata(), [1, 2, 3])
    assert cross.get_marker() == "X"
    np.testing.assert_allclose(cross.get_xdata(), [3])
    low, high = panel.get_ylim()
    assert low > -20  # the other run is not flattened
    assert low <= cross.get_ydata()[0] <= high
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["calm", "wild (diverged in epoch 5)"]


def test_a_run_that_got_past_where_it_diverged_has_no_cross(tmp_path):
    path = write(tmp_path, [epoch(5), epoch(10)])
    np.savez(path / "nonfinite_step_7.npz", image=0)
    assert curves.read(path).diverged_at is None
    np.savez(path / "nonfinite_step_12.npz", image=0)
    assert curves.read(path).diverged_at == 12


def test_the_numbers_are_those_of_the_figure(tmp_path):
    path = write(tmp_path, [epoch(5, a=1.5), epoch(10, a=0.1), epoch(15)])
    rows = list(
        csv.DictReader(
            io.StringIO(curves_figure.to_csv([line_of(path)], scalars=["a"]))
        )
    )
    assert [float(row["value"]) for row in rows] == [1.5, 0.1]
    assert [float(row["epoch"]) for row in rows] == [1, 2]
    assert {row["diverged"] for row in rows} == {"no"}
    assert {pathlib.Path(row["run"]) for row in rows} == {path}


@pytest.mark.parametrize("log_y", [False, True])
def test_many_lines_and_panels_make_a_picture(tmp_path, log_y):
    names = [f"a rather long name of a run, {index}" for index in range(9)]
    for index, name in enumerate(names):
        write(
            tmp_path / name,
            [epoch(5 * k, a=index + k, b=-1.0, c=1.0, d=0.0) for k in (1, 2, 3)],
        )
    lines = [line_of(tmp_path / name, name) for name in names]
    figure = curves_figure.draw(lines, scalars=["a", "b", "c", "d"], log_y=log_y)
    looks = {(x.get_color(), x.get_linestyle()) for x in figure.axes[0].get_lines()}
    assert len(looks) == 9
    figure.savefig(tmp_path / "x.png")
    picture = matplotlib.image.imread(tmp_path / "x.png")
    assert picture[..., :3].std() > 0.05
    inside = figure.bbox
    legend = figure.legends[0].get_window_extent()
    assert legend.x0 >= inside.x0
    assert legend.x1 <= inside.x1


def test_axes_have_plain_numbers(tmp_path):
    path = write(tmp_path / "run", [epoch(5 * k, a=9.0 - k) for k in range(1, 6)])
    figure = curves_figure.draw([line_of(path)], scalars=["a"], log_y=True)
    figure.savefig(tmp_path / "x.png")
    ticks = [*figure.axes[0].yaxis.get_ticklabels(which="both")]
    numbers = [float(tick.get_text()) for tick in ticks if tick.get_text()]
    assert {4.0, 5.0, 6.0} <= set(numbers)


@pytest.mark.parametrize(("count", "columns"), [(1, 1), (3, 3), (4, 2), (5, 3)])
def test_panels_lie_in_rows(count, columns):
    _, places = panels.figure_of(count)
    assert len(places) == count
    assert {place.get_gridspec().ncols for place in places} == {columns}


def test_what_cannot_be_drawn_is_refused(tmp_path):
    with pytest.raises(errors.NotFound, match="run.json"):
        curves.read(tmp_path / "nowhere")
    folder.Folder(tmp_path / "new").describe(descriptors.DESCRIPTION)
    with pytest.raises(errors.NotFound, match="first epoch"):
        curves.read(tmp_path / "new")
    line = line_of(write(tmp_path / "run", [epoch(5, **{"epoch/nll": 1})]))
    with pytest.raises(errors.InvalidValue, match="Did you mean epoch/nll"):
        curves_figure.draw([line], scalars=["epoch/nl"])
    young = line_of(write(tmp_path / "young", [{"step": 3, "train/nll": 1}]))
    with pytest.raises(errors.NotFound, match="first epoch"):
        curves_figure.draw([young], scalars=["train/nll"])
