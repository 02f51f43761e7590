# SPDX-License-Identifier: Apache-2.0
"""The page about runs: it says what their folders hold, and needs nothing else."""

import html.parser
import re
import shutil

import numpy as np
import pytest

from glf_tf.data import paths as paths_lib
from glf_tf.metrics import protocol
from glf_tf.report import charts, nearest, page, runs
from tests import calls

PATHS = paths_lib.DataPaths()
SMALL = (
    *("--dataset=digits", "--network=mlp", "--network.hidden=16", "--latent_dim=4"),
    *("--flow.hidden=8", "--flow.blocks=1", "--noflow.batch_norm", "--procedure=joint"),
    *("--batch_size=300", "--draw_every=1", "--noexport"),
)


def train(folder, *flags):
    done = calls.call("train", f"--workdir={folder}", *SMALL, *flags)
    assert done.status == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Two runs of GLF that differ in their epochs."""
    folder = tmp_path_factory.mktemp("runs")
    return train(folder / "a", "--epochs=2"), train(folder / "b", "--epochs=3")


def measurement(value):
    how = protocol.Protocol(
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
    return protocol.Measurement(
        metric="fd", title="FD <b>", values=(value, value + 2.0), protocol=how
    )


class Links(html.parser.HTMLParser):
    """Everything that a page would load from elsewhere, and whether tags close."""

    def __init__(self):
        super().__init__()
        self.links, self.open = [], []

    def handle_starttag(self, tag, attributes):
        if tag not in ("meta", "link", "img", "use", "path"):
            self.open.append(tag)
        for name, value in attributes:
            is_own = value.startswith("#") or value == "data:,"  # no icon is asked for
            if name in ("src", "href", "xlink:href") and not is_own:
                self.links.append(value)

    def handle_endtag(self, tag):
        if tag in self.open:
            assert self.open.pop() == tag


def test_the_page_holds_all_it_shows(trained):
    found = [runs.read(path, label=path.name) for path in trained]
    text = page.render(found)
    parser = Links()
    parser.feed(text)
    assert not parser.open
    assert all(link.startswith("data:image/png;base64,") for link in parser.links)
    # Samples, reconstructions and interpolations of both, and samples by step.
    assert len(parser.links) == 2 * 3 + 2 + 3
    for said in ("glf", "digits: 1,433 train, 364 test", "Settings that differ"):
        assert said in text
    assert runs.different(found) == {"epochs": ["2", "3"]}


def test_truth_values_are_settings_as_others(trained):
    settings = runs.read(trained[0], label="a").settings
    assert settings["stop_gradient"] == "true"
    assert settings["deterministic"] == "false"
    assert not [name for name in settings if name.startswith("no") and name != "noise"]
    assert "download" not in settings


def test_curves_are_of_training_and_of_held_out_images(trained):
    (run,) = (runs.read(path, label="x") for path in trained[:1])
    drawn = charts.charts([run])
    assert set(drawn) >= {"nll", "reconstruction"}
    for svg in drawn.values():
        assert svg.startswith("<svg")
    assert drawn == charts.charts([run])
    curve = run.history.curve("test/nll")
    assert len(curve.values) == 2
    dashed = re.findall(r"stroke-dasharray: (?!none)", drawn["nll"])
    assert dashed


def test_measures_stand_beside_each_other_and_text_is_escaped(trained):
    records = [[measurement(1.0).to_dict()], [measurement(5.0).to_dict()]]
    found = [
        runs.read(path, label=f"<{path.name}>", measures=each)
        for path, each in zip(trained, records, strict=True)
    ]
    text = page.render(found)
    assert "<a>" not in text
    assert "FD <b>" not in text
    row = re.search(r"<tr><td>FD &lt;b&gt;.*?</tr>", text).group()
    cells = re.findall(r"<td[^>]*>(.*?)</td>", row)
    assert cells[2:4] == ["2.0 ± 1.4", "6.0 ± 1.4"]
    assert cells[4] == "classifier: 300 against 364 test images, 2 draws"


def test_what_is_nearest_is_the_nearest(trained):
    made = nearest.of_run(trained[0], count=8, paths=PATHS)
    assert made.png.startswith(b"\x89PNG")
    assert made.distances.shape == (8,)
    assert np.all(made.distances > 0)


def test_a_resumed_run_warns_of_what_changed(tmp_path):
    folder = train(tmp_path / "run", "--epochs=1")
    before = runs.read(folder, label="x")
    assert before.warnings == []
    train(folder, "--epochs=2", "--learning_rate=0.5", "--resume")
    (warning,) = runs.read(folder, label="x").warnings
    assert warning.startswith("From step 4 on with other ")
    assert "learning_rate from 0.001 to 0.5" in warning
    text = page.render([runs.read(folder, label="x")])
    assert "learning_rate from 0.001 to 0.5" in text


def test_a_run_without_a_checkpoint_has_its_curves(trained, tmp_path):
    run = shutil.copytree(trained[0], tmp_path / "run")
    shutil.rmtree(run / "checkpoints")
    done = calls.call("report", f"--runs={run}", f"--out={tmp_path}/a.html")
    assert done.status == 0, done.stderr
    assert "run has no checkpoint to draw from" in done.stderr
    text = (tmp_path / "a.html").read_text()
    assert "nll: -log p(z) of latents" in text
    assert "Nearest training images" not in text


def test_measures_of_another_run_are_refused(trained, tmp_path):
    run = {"model": "glf", "digest": "of another", "step": 1}
    measures = tmp_path / "a.json"
    measures.write_text(protocol.to_json([measurement(3.0)], run=run))
    asked = (
        f"--runs={trained[0]}",
        f"--measures={measures}",
        f"--out={tmp_path}/b.html",
    )
    done = calls.call("report", *asked)
    assert done.status == 2
    assert "a.json, of another run, of glf" in done.stderr


def test_the_tool_writes_a_page_and_replaces_none(trained, tmp_path):
    first, second = map(str, trained)
    measures = tmp_path / "a.json"
    measures.write_text(protocol.to_json([measurement(3.0)]))
    asked = (f"--runs={first}", f"--out={tmp_path}/a.html")
    done = calls.call("report", *asked, f"--measures={measures}", "--nearest=8")
    assert done.status == 0, done.stderr
    text = (tmp_path / "a.html").read_text()
    assert "4.0 ± 1.4" in text
    assert "its nearest training image" in text
    again = calls.call("report", *asked)
    assert (again.status, "Pass --overwrite" in again.stderr) == (1, True)
    both = calls.call(
        *("report", f"--runs={first},{second}", f"--measures={measures}"),
        f"--out={tmp_path}/b.html",
    )
    assert (both.status, "one file each" in both.stderr) == (2, True)
