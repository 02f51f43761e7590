# SPDX-License-Identifier: Apache-2.0
"""Densities of a user's arrays, in three calls."""

import pathlib
import re
import subprocess
import sys

import numpy as np
import pytest

from glf_tf import errors
from glf_tf.densities import FlowDensity
from glf_tf.flows import real_nvp
from glf_tf.priors import standard_normal
from tests import descriptors

SMALL = {"name": "real_nvp", "hidden": 16, "blocks": 2, "batch_norm": False}


def rows(count=400, *, seed=0):
    """Correlated normal rows, of a scale and place of their own."""
    generator = np.random.default_rng(seed)
    mixing = np.array([[2.0, 0.0], [1.5, 0.5]])
    return generator.normal(size=(count, 2)) @ mixing.T + [100.0, -7.0]


def true_log_prob(x):
    mixing = np.array([[2.0, 0.0], [1.5, 0.5]])
    z = (x - [100.0, -7.0]) @ np.linalg.inv(mixing).T
    return -0.5 * np.sum(z**2, axis=1) - np.log(2 * np.pi) - np.log(1.0)


@pytest.fixture(scope="module")
def fitted():
    density = FlowDensity(SMALL)
    return density.fit(rows(2000), epochs=60, learning_rate=3e-3, patience=20)


def test_the_density_is_that_of_the_rows(fitted):
    """The relative entropy to a known density is small, in nats of the rows."""
    x = rows(2000, seed=1)
    difference = true_log_prob(x) - fitted.log_prob(x)
    assert abs(difference.mean()) < 0.05
    drawn = fitted.sample(2000, seed=3)
    np.testing.assert_allclose(drawn.mean(axis=0), [100.0, -7.0], atol=0.2)
    np.testing.assert_allclose(np.cov(drawn.T), np.cov(rows(9999).T), atol=0.4)


def test_a_file_keeps_the_density(fitted, tmp_path):
    fitted.save(tmp_path / "density.keras")
    loaded = FlowDensity.load(tmp_path / "density.keras")
    x, close = rows(7), {"rtol": 1e-6, "atol": 1e-6}  # graphs of other shapes round
    np.testing.assert_allclose(loaded.log_prob(x), fitted.log_prob(x), **close)
    np.testing.assert_allclose(
        loaded.sample(5, seed=2), fitted.sample(5, seed=2), **close
    )


def test_rows_in_pieces_are_the_same_rows(fitted):
    x = rows(5000)
    both = np.concatenate([fitted.log_prob(x[:3000]), fitted.log_prob(x[3000:])])
    np.testing.assert_allclose(fitted.log_prob(x), both, rtol=1e-5, atol=1e-5)
    assert fitted.log_prob(x[:0]).shape == (0,)


def test_same_seed_gives_the_same_density():
    first, again, other = (
        FlowDensity(SMALL).fit(rows(), epochs=2, seed=seed) for seed in (1, 1, 2)
    )
    x = rows(5)
    np.testing.assert_array_equal(first.log_prob(x), again.log_prob(x))
    assert np.all(first.log_prob(x) != other.log_prob(x))


def test_no_random_numbers_of_others_are_moved():
    import random

    random.seed(5)
    expected = random.random()
    random.seed(5)
    FlowDensity(SMALL).fit(rows(60), epochs=1)
    assert random.random() == expected


FORMS = {
    "name": "glow_vector",
    "specification": SMALL,
    "object": lambda: real_nvp.RealNVP(2, hidden=8, blocks=1, batch_norm=False),
    "prior": {"name": "mixture", "components": 2},
    "prior_by_name": "normal",
    "prior_object": lambda: standard_normal.StandardNormalPrior(2),
    "class": "tests.unit.models.test_own_parts:MyFlow",
}


@pytest.mark.parametrize("form", FORMS)
def test_a_flow_may_be_given_in_any_form(form, tmp_path):
    value = FORMS[form]() if callable(FORMS[form]) else FORMS[form]
    density = FlowDensity(value).fit(rows(60), epochs=1)
    assert np.isfinite(density.log_prob(rows(4))).all()
    density.save(tmp_path / "x.keras")
    loaded = FlowDensity.load(tmp_path / "x.keras")
    np.testing.assert_array_equal(loaded.log_prob(rows(4)), density.log_prob(rows(4)))


def test_labels_give_a_density_each():
    x, y = np.concatenate([rows(300), rows(300) + 20.0]), np.repeat([0, 1], 300)
    spec = {"name": "flow", "flow": SMALL, "label_dropout": 0.0}
    density = FlowDensity(spec).fit(x, y, epochs=30, learning_rate=3e-3)
    assert np.mean(density.label_log_probs(x).argmax(axis=1) == y) > 0.95
    drawn = density.sample(200, label=1)
    assert np.abs(drawn.mean(axis=0) - [120.0, 13.0]).max() < 4.0
    given = density.log_prob(x[:5], label=[0, 1, 0, 1, 0])
    assert given[0] > given[1]


def test_patience_ends_with_the_best_epoch():
    x = rows(80)
    density = FlowDensity({**SMALL, "hidden": 64}).fit(
        x, validation=0.5, patience=3, epochs=200, learning_rate=2e-2
    )
    losses = density.history["val_loss"]
    assert len(losses) < 200
    held_out = x[np.sort(np.random.default_rng(0).permutation(80)[:40])]
    found = -density.log_prob(held_out).mean()
    assert found == pytest.approx(min(losses), rel=1e-4)
    assert found < losses[-1]


def test_rows_to_validate_on_may_be_given():
    density = FlowDensity(SMALL).fit(rows(), validation=rows(50, seed=4), epochs=2)
    assert len(density.history["val_nll"]) == 2
    assert (
        "val_nll" not in FlowDensity(SMALL).fit(rows(), validation=0, epochs=1).history
    )


@pytest.mark.parametrize("name", ["mixture", "normal", "labelled_mixture"])
def test_a_prior_that_is_fitted_is_measured_on_held_out_rows(name):
    """The likelihood there, which is not that of the rows of the fit."""
    x, held_out = rows(), rows(50, seed=4)
    y, of_held_out, given = None, None, held_out
    if name == "labelled_mixture":
        y, of_held_out = np.arange(400) % 2, np.arange(50) % 2
        given = (held_out, of_held_out)
    density = FlowDensity(name).fit(x, y, validation=given)
    expected = -density.log_prob(held_out, label=of_held_out).mean()
    assert density.history["val_nll"] == [pytest.approx(expected, rel=1e-5)]
    assert density.history["val_loss"] == pytest.approx(density.history["val_nll"])
    assert FlowDensity(name).fit(x, y, validation=0).history == {}


WRONG = {
    "unknown": (lambda: FlowDensity("real_nvpp"), "Did you mean real_nvp"),
    "of_images": (
        lambda: FlowDensity("glow"),
        "Did you mean flow. Use one of: flow, flow_matching, glow_vector,",
    ),
    "nearly_of_images": (lambda: FlowDensity("gated_real_nv"), "Did you mean real_nvp"),
    "specification": (lambda: FlowDensity({"name": "glow"}), "'glow'"),
    "components": (
        lambda: FlowDensity({"name": "mixture", "components": 0}).fit(rows(20)),
        "Use components=1",
    ),
    "few_for_mixture": (
        lambda: FlowDensity({"name": "mixture", "components": 9}).fit(rows(8)),
        "at least 9 rows",
    ),
    "no_labels": (
        lambda: FlowDensity("mixture").fit(rows(9), np.arange(9) % 2),
        "or no labels",
    ),
    "batch_of_0": (lambda: FlowDensity(SMALL).fit(rows(), batch_size=0), "batch_size"),
    "guidance": (lambda: small().sample(3, guidance=2.0), "or leave it out"),
    "metrics": (lambda: small().model.evaluate(rows(9), metrics=["fd"]), "likelihood"),
    "target": (lambda: small().model.fit(rows(), np.ones(3)), "their own target"),
    "unfitted": (lambda: FlowDensity().log_prob(rows()), "Call fit"),
    "fraction": (lambda: FlowDensity().fit(rows(), validation=1.5), "fraction"),
    "one_row": (lambda: FlowDensity().fit(rows(1), validation=0), "at least 3 rows"),
    "constant": (lambda: FlowDensity().fit(np.ones([9, 2])), "constant in column 1, 2"),
    "seed": (lambda: FlowDensity(SMALL).fit(rows(), seed=-1), "seed"),
    "batch": (lambda: FlowDensity(SMALL).fit(rows(), batch_size=None), "batch_size"),
    "nan": (lambda: FlowDensity(SMALL).fit(rows(), validation=np.nan), "fraction"),
    "pair": (
        lambda: FlowDensity(SMALL).fit(rows(9), np.arange(9) % 2, validation=rows(2)),
        "pair",
    ),
    "far_label": (
        lambda: FlowDensity(SMALL).fit(rows(9), [0, 1, 2, 3, 4, 5, 6, 7, 2**40]),
        "numbered from 0",
    ),
    "gap": (
        lambda: FlowDensity(SMALL).fit(rows(8), [1, 3] * 4),
        "each has rows. Received: 2 labels from 1 to 3",
    ),
    "n": (lambda: small().sample(1.5), "whole number"),
    "size": (lambda: small().log_prob(np.ones([2, 3])), r"\[batch, 2\]"),
    "label": (lambda: small().sample(3, label=1), "conditional"),
    "setting": (lambda: FlowDensity(SMALL).fit(rows(), speed=3), "speed"),
}


def small():
    return FlowDensity("normal").fit(rows(20))


@pytest.mark.parametrize("kind", WRONG)
def test_mistakes_are_told_in_one_line(kind):
    call, told = WRONG[kind]
    with pytest.raises(errors.UserError, match=told) as error:
        call()
    assert "\n" not in str(error.value)
    # Nothing was an image, and nobody typed a flag.
    assert not re.search(r"--|(?<!features of )image|pixel", str(error.value))


def test_other_files_are_refused(tmp_path):
    with pytest.raises(errors.NotFound):
        FlowDensity.load(tmp_path / "none.keras")
    descriptors.model("rae").save(tmp_path / "rae.keras")
    with pytest.raises(errors.InvalidType, match="RAE"):
        FlowDensity.load(tmp_path / "rae.keras")
    FlowDensity("normal").fit(rows()).save(tmp_path / "whole.keras")
    half = (tmp_path / "whole.keras").read_bytes()[:-100]
    for name, content in (("half.keras", half), ("rows.csv", b"1,2\n3,4\n")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(errors.Damaged, match=name):
            FlowDensity.load(tmp_path / name)


@pytest.mark.parametrize("form", ["name", "object", "file"])
def test_each_fit_is_anew(form, tmp_path):
    made = FlowDensity(SMALL)
    if form == "object":
        made = FlowDensity(real_nvp.RealNVP(2, blocks=1, hidden=4))
        made.fit(rows(), epochs=1)  # begins with the object's own weights
    if form == "file":
        made.fit(rows(), epochs=1).save(tmp_path / "made.keras")
        made = FlowDensity.load(tmp_path / "made.keras")
    first, again = (made.fit(rows(), epochs=1).log_prob(rows(5)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    if form == "name":
        of_numpy = made.fit(rows(), epochs=1, validation=np.float32(0.1))
        np.testing.assert_array_equal(of_numpy.log_prob(rows(5)), first)
    if form == "file":
        wide = np.concatenate([rows(), rows(seed=1)], axis=1)
        assert made.fit(wide, epochs=1).sample(2).shape == (2, 4)


def test_tools_train_measure_and_draw(tmp_path):
    """From a CSV file, by the commands of the documentation."""
    names = "a,b"
    np.savetxt(tmp_path / "x.csv", rows(), delimiter=",", header=names, comments="")

    def tool(name, *flags):
        command = [sys.executable, f"tools/{name}.py", f"--workdir={tmp_path / 'run'}"]
        root = pathlib.Path(__file__).parents[2]
        done = subprocess.run(
            [*command, *flags], cwd=root, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    tool(
        "train",
        *("--model=density", "--dataset=vectors", f"--data_dir={tmp_path / 'x.csv'}"),
        *("--prior=flow", "--prior.flow.hidden=8", "--prior.flow.blocks=1"),
        *(
            "--batch_size=64",
            "--epochs=2",
            "--best_by=validation/nll",
            "--patience=1",
            "--noexport",
        ),
    )
    found = tool("evaluate", "--num_samples=50")
    assert '"nll"' in found
    assert '"calibration_error"' in found
    tool("sample", "--num_samples=5", f"--output={tmp_path / 'drawn.npy'}")
    assert np.load(tmp_path / "drawn.npy").shape == (5, 2)


class Frame:
    """What a frame of pandas is here: an array whose columns have names."""

    def __init__(self, x, columns):
        self.x, self.columns = x, columns

    def __array__(self, dtype=None, copy=None):
        del copy
        return np.asarray(self.x, dtype)


def test_a_frame_has_the_columns_of_the_one_that_was_fitted():
    x = np.random.default_rng(0).normal(size=(200, 3))
    fitted = FlowDensity("normal").fit(Frame(x, ["a", "b", 3]))
    again = fitted.log_prob(Frame(x, ["a", "b", "3"]))
    np.testing.assert_array_equal(again, fitted.log_prob(x))
    for columns, received, do in (
        (["a", "3", "b"], "3 as column 2, where b was", "frame[fitted.columns]"),
        (["a", "b"], "nothing as column 3, where 3 was", "Fit a frame"),
        (["a", "b", "3", "c"], "c as column 4, where nothing was", "fitted.columns"),
    ):
        frame = Frame(np.zeros((5, len(columns))), columns)
        for call in (
            fitted.log_prob,
            lambda frame: FlowDensity("normal").fit(
                Frame(x, ["a", "b", 3]), validation=frame
            ),
        ):
            with pytest.raises(errors.InvalidValue, match="same order") as caught:
                call(frame)
            assert received in str(caught.value)
            assert do in str(caught.value)
