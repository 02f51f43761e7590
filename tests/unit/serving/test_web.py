# SPDX-License-Identifier: Apache-2.0
"""The page of an exported model: its files, and what it computes in a browser."""

import base64
import hashlib
import json
import pathlib
import re
import shutil
import subprocess

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from glf_tf import errors, export
from glf_tf.data import pictures
from glf_tf.models import density, rae
from glf_tf.serving import onnx, onnxruntime_web, web
from tests import browser, descriptors

TOLERANCE = {"atol": 2e-5, "rtol": 1e-4}
"""That of all formats: the runtimes sum in another order."""

NODE = shutil.which("node")
INSTALLED = onnxruntime_web.find(pathlib.Path(__file__).parent)

needs_node = pytest.mark.skipif(NODE is None, reason="there is no node")


@pytest.fixture(autouse=True)
def no_package_here(tmp_path, monkeypatch):
    """No test finds onnxruntime-web by chance."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The page of a model, whose ONNX files are words: tf2onnx is not needed."""
    folder = tmp_path_factory.mktemp("page") / "x"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(onnx, "check_installed", lambda: None)
        patched.setattr(onnx, "_file", lambda function: (b"an ONNX file", ""))
        patched.chdir(folder.parent)
        model = descriptors.model("vae")
        export.export(model, folder, formats="saved_model,web")
    return folder / web.FOLDER


def told(page):
    return json.loads((page / "metadata.json").read_text())


def test_the_page_refers_to_its_own_files_alone(page):
    text = (page / "index.html").read_text()
    named = re.findall(r'(?:src|href)="([^"]+)"', text)
    modules = sorted(page.glob("*.mjs"))
    for module in modules:
        named += re.findall(r'from "([^"]+)"', module.read_text())
    own = {name for name in named if not name.startswith(("data:", "http://localhost"))}
    assert own >= {"explorer.css", "explorer.mjs", "./model.mjs"}
    for name in own:
        assert (page / name).is_file(), name
    all_text = text + "".join(module.read_text() for module in modules)
    hosts = set(re.findall(r"https?://([\w.]+)", all_text))
    assert hosts == {"localhost", "cdn.jsdelivr.net"}


def test_its_modules_find_their_elements_which_have_names(page):
    text = (page / "index.html").read_text()
    ids = set(re.findall(r'id="([^"]+)"', text))
    code = "".join(module.read_text() for module in page.glob("*.mjs"))
    assert set(re.findall(r'\$\("([^"]+)"\)', code)) <= ids
    assert set(re.findall(r'(?:labelledby|for)="([^"]+)"', text)) <= ids
    labelled = "".join(re.findall(r"<label.*?</label>", text, re.DOTALL))
    for tag in ("<input", "<select"):
        assert text.count(tag) == labelled.count(tag) > 0


def test_its_metadata_say_what_it_can_do(page):
    found = told(page)
    assert set(found["web"]["files"]) == {"decode_noise", *web.USED[2:]}
    for name, file in found["web"]["files"].items():
        assert (page / file).read_bytes() == b"an ONNX file"
        assert found["signatures"][name]["inputs"]
    assert found["model"]["noise_law"] == "N(0, 1)"
    assert found["web"]["missing"] == {}


def test_the_card_of_the_export_lists_the_page(page):
    whole = json.loads((page.parent / "metadata.json").read_text())
    files = whole["formats"]["web"]["files"]
    assert files["encode"] == "web/onnx/encode.onnx"
    assert {"web/index.html", "web/metadata.json", *files.values()} <= set(
        whole["files"]
    )
    assert "web/onnx/encode.onnx" in (page.parent / "README.md").read_text()


def test_without_a_copy_the_pinned_files_are_loaded(page):
    found = told(page)["web"]["runtime"]
    assert found["version"] == onnxruntime_web.VERSION
    for key in ("module", "binary"):
        assert found[key]["url"].startswith(f"{onnxruntime_web.CDN}/")
        digest = found[key]["integrity"].removeprefix("sha256-")
        assert len(base64.b64decode(digest)) == 32
    assert not (page / "ort").exists()


@pytest.fixture
def package(tmp_path):
    """onnxruntime-web as npm installs it, of other content."""
    folder = tmp_path / "node_modules" / "onnxruntime-web"
    (folder / "dist").mkdir(parents=True)
    (folder / "package.json").write_text('{"version": "9.8.7"}')
    for name in onnxruntime_web._FILES.values():
        (folder / "dist" / name).write_text(name)
    return folder


def test_a_package_of_npm_is_copied(package, tmp_path, monkeypatch):
    inner = tmp_path / "inner"
    inner.mkdir()
    monkeypatch.chdir(inner)  # Node looks into the folders around as well
    written = web.write(tmp_path, onnx.Converted({"encode": b"x", "decode": b"y"}, {}))
    assert written["files"] == {"encode": "web/onnx/encode.onnx"}
    found = written["runtime"]
    assert found["version"] == "9.8.7"
    for key in ("module", "binary"):
        content = (tmp_path / web.FOLDER / found[key]["url"]).read_bytes()
        assert content == onnxruntime_web._FILES[key].encode()
        digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
        assert found[key]["integrity"] == f"sha256-{digest}"


def test_an_old_package_is_refused_in_a_line(package, tmp_path):
    (package / "dist" / onnxruntime_web._FILES["module"]).unlink()
    with pytest.raises(errors.NotFound, match=r"9\.8\.7.*npm install") as error:
        web.write(tmp_path, onnx.Converted({}, {}))
    assert "\n" not in str(error.value)
    assert not (tmp_path / web.FOLDER).exists()


def test_a_model_of_vectors_is_refused_in_a_line():
    model = density.Density(3, prior="standard_normal")
    with pytest.raises(errors.Unsupported, match="a model of vectors") as error:
        web.check(model)
    assert "\n" not in str(error.value)


@pytest.mark.skipif(INSTALLED is None, reason="onnxruntime-web is not installed")
def test_the_pinned_digests_are_those_of_npm():
    if INSTALLED.version != onnxruntime_web.VERSION:
        pytest.skip(f"onnxruntime-web is of version {INSTALLED.version}")
    copied = onnxruntime_web.loaded(INSTALLED, folder="ort")
    pinned = onnxruntime_web.loaded(None, folder="ort")
    for key in ("module", "binary"):
        assert copied[key]["integrity"] == pinned[key]["integrity"]


@needs_node
def test_node_reads_the_modules(page):
    modules = sorted(page.glob("*.mjs"))
    assert len(modules) >= 4
    for module in modules:
        subprocess.run([NODE, "--check", str(module)], check=True)


def drawn_by_node(page, law, *, seed, count=100, dim=100):
    asked = json.dumps({"count": count, "dim": dim, "seed": seed})
    script = f"""
        import * as noise from {json.dumps((page / "noise.mjs").as_uri())};
        const rows = noise.draw("{law}", {asked});
        console.log(JSON.stringify(rows.map((row) => Array.from(row))));
    """
    command = [NODE, "--input-type=module", "--eval", script]
    done = subprocess.run(command, check=True, capture_output=True)
    return np.asarray(json.loads(done.stdout))


@needs_node
def test_noise_follows_its_law_and_its_seed(page):
    normal = drawn_by_node(page, "N(0, 1)", seed=3)
    assert normal.shape == (100, 100)
    # Four standard errors of 10,000 draws.
    np.testing.assert_allclose(normal.mean(), 0.0, atol=0.04)
    np.testing.assert_allclose(normal.std(), 1.0, atol=0.03)
    np.testing.assert_allclose((normal**4).mean(), 3.0, atol=0.4)
    assert np.array_equal(normal, drawn_by_node(page, "N(0, 1)", seed=3))
    assert not np.isin(normal, drawn_by_node(page, "N(0, 1)", seed=4)).any()
    uniform = drawn_by_node(page, "U(-1, 1)", seed=3)
    assert -1 <= uniform.min() < -0.99
    assert 0.99 < uniform.max() <= 1
    np.testing.assert_allclose(uniform.std(), 3**-0.5, atol=0.01)


in_browser = [
    pytest.mark.slow,
    pytest.mark.skipif(browser.PROGRAM is None, reason="there is no Chromium"),
    pytest.mark.skipif(
        INSTALLED is None, reason=f"`npm install {onnxruntime_web.NAME}` was not run"
    ),
]


def marked(test):
    """Marks a test that needs a browser, and what it runs."""
    for mark in in_browser:
        test = mark(test)
    return test


@pytest.fixture(scope="module")
def window(tmp_path_factory):
    with browser.opened(tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.fixture(scope="module")
def visit(window, tmp_path_factory):
    """Exports a model, and opens its page."""
    pytest.importorskip("tf2onnx", reason="the extra `onnx` is not installed")
    root = tmp_path_factory.mktemp("pages")

    def opened(model):
        folder = root / model.name
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(onnxruntime_web, "find", lambda start: INSTALLED)
            export.export(model, folder, formats="saved_model,web")
        window.told.clear()
        window.open(f"{address}{folder.name}/web/")
        window.value("explorer.then(() => 0)")
        return folder / web.FOLDER

    with browser.served(root) as address:
        yield opened


def values(window, expression):
    """What an expression of the page is, as an array; NaN is no value of JSON."""
    text = window.value(
        f"explorer.then((e) => JSON.stringify({expression}, (key, value) =>"
        " ArrayBuffer.isView(value) ? Array.from(value) : value))"
    )
    return np.asarray(json.loads(text), np.float32)


def shown(window, selector, *, channels=1):
    """The levels of canvases, of red alone or of all colours."""
    return values(
        window,
        f"""[...document.querySelectorAll("{selector}")].map((canvas) => [
            ...canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height)
            .data].filter((_, i) => i % 4 < {channels}))""",
    )


def set_value(window, element, value):
    """Moves a slider, or chooses, as a visitor does; waits until all is drawn."""
    window.value(
        f"""{{const found = document.getElementById("{element}");
        found.value = "{value}"; found.dispatchEvent(new Event("input"));}}"""
    )
    window.value(
        """explorer.then(async (e) => {
            await e.drawing.redraw(); await e.walk.redraw(); })"""
    )


def assert_same_images(found, expected):
    expected = np.asarray(expected).reshape(found.shape)
    np.testing.assert_allclose(found, expected, **TOLERANCE)


def assert_same_levels(found, expected):
    """Compares what is shown: a value between two levels may fall to either."""
    levels = 255.0 * np.asarray(expected).reshape(found.shape)
    np.testing.assert_allclose(found, levels, atol=0.51)


@marked
def test_a_browser_draws_walks_and_rebuilds_what_python_does(visit, window, tmp_path):
    model = descriptors.model("glf_convolutional")
    visit(model)
    set_value(window, "seed", 7)
    set_value(window, "temperature", 0.5)
    noise = values(window, "e.drawing.drawn.noise")
    expected = model.decode_noise(tf.constant(noise), temperature=0.5).numpy()
    assert_same_images(values(window, "e.drawing.drawn.images"), expected)
    assert_same_levels(shown(window, "#drawn canvas"), expected)
    assert len(np.unique(shown(window, "#drawn canvas"), axis=0)) == len(noise)

    window.value("document.querySelectorAll('#drawn button')[4].click()")
    window.value("document.querySelectorAll('#drawn button')[9].click()")
    set_value(window, "place", 25)
    line = noise[4] + np.linspace(0, 1, 10, dtype=np.float32)[:, None] * (
        noise[9] - noise[4]
    )
    expected = model.decode_noise(tf.constant(line), temperature=0.5)
    assert_same_levels(shown(window, "#line canvas"), expected)
    quarter = tf.constant(noise[4:5] + 0.25 * (noise[9:10] - noise[4:5]))
    expected = model.decode_noise(quarter, temperature=0.5)
    assert_same_levels(shown(window, "#walked"), expected)

    colours = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(colours).save(tmp_path / "own.png")
    image = pictures.decode(tmp_path / "own.png", channels=1).pixels[None]
    window.give_file("#file", tmp_path / "own.png")
    window.value("explorer.then((e) => e.own.redraw())")
    assert np.array_equal(shown(window, "#seen")[0], image.reshape(-1))
    z = model.encode(tf.constant(image, tf.float32) / 255.0)
    assert_same_levels(shown(window, "#rebuilt"), model.decode(z))
    text = window.value("document.getElementById('figures').textContent")
    likelihood = float(re.search(r"Likelihood(\S+) nats", text)[1])
    np.testing.assert_allclose(likelihood, model.log_prob(z)[0], atol=0.01)

    window.value("document.querySelector('#own-ends button[data-end=\"1\"]').click()")
    set_value(window, "place", 100)
    drawn = values(window, "e.drawing.drawn.images").reshape(-1, 8, 8, 1)
    ends = (model.encode(each) for each in (drawn[4:5], image / np.float32(255)))
    expected = model.interpolate(*ends, num_steps=10)[0]
    assert_same_levels(shown(window, "#line canvas"), expected)
    assert_same_levels(shown(window, "#walked"), expected[-1])
    assert window.complaints() == []


@marked
def test_what_did_not_work_is_told_until_something_does(visit, window, tmp_path):
    visit(descriptors.model("glf_convolutional"))
    status = "document.getElementById('status')"
    (tmp_path / "cut.png").write_bytes(b"\x89PNG cut")
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "own.png")
    window.give_file("#file", tmp_path / "own.png")
    window.value("explorer.then((e) => e.own.redraw())")
    assert not window.value("document.getElementById('own-result').hidden")
    window.give_file("#file", tmp_path / "cut.png")
    window.value("explorer.then((e) => e.own.redraw())")
    assert "cut.png: this browser does not" in window.value(f"{status}.textContent")
    assert window.value("document.getElementById('own-result').hidden")
    window.give_file("#file", tmp_path / "own.png")
    window.value("explorer.then((e) => e.own.redraw())")
    assert window.value(f"{status}.hidden")
    assert not window.value("document.getElementById('own-result').hidden")

    before = values(window, "e.drawing.drawn.noise")
    for seed in ("", "-1", "1.5", "4294967296"):
        set_value(window, "seed", seed)
        assert "whole number" in window.value(f"{status}.textContent")
        assert np.array_equal(values(window, "e.drawing.drawn.noise"), before)
    set_value(window, "seed", 3)
    assert window.value(f"{status}.hidden")
    window.value(
        """{const files = new DataTransfer(); files.items.add(new File(["x"], "a.txt"));
        dispatchEvent(new DragEvent("drop", {dataTransfer: files}));}"""
    )
    assert "a.txt: this browser does not" in window.value(f"{status}.textContent")


@marked
def test_a_browser_draws_the_label_that_is_chosen(visit, window):
    model = rae.RAE((8, 8, 3), latent_dim=4, prior="labelled_normal", num_classes=10)
    descriptors.perturb(model)
    visit(model)
    set_value(window, "label", 7)
    noise = values(window, "e.drawing.drawn.noise")
    expected = model.decode_noise(tf.constant(noise), label=7)
    assert_same_levels(shown(window, "#drawn canvas", channels=3), expected)
    other = model.decode_noise(tf.constant(noise), label=0)
    assert np.abs(other - expected).max() > 0.01
    assert window.complaints() == []


@marked
def test_the_page_of_a_model_with_little_says_what_is_missing(visit, window):
    visit(descriptors.model("lebm"))
    for part in ("draw", "walk", "own"):
        body = f"document.querySelector('#{part} .body').checkVisibility()"
        assert not window.value(body)
        lacks = window.value(f"document.querySelector('#{part} .lacks').innerText")
        assert len(lacks) > 20, part
    assert window.value("document.getElementById('status').hidden")
    assert window.complaints() == []


@marked
def test_other_bytes_than_the_pinned_are_not_run(visit, window):
    """As a delivery network might send that was tampered with."""
    folder = visit(descriptors.model("lebm"))
    code = folder / told(folder)["web"]["runtime"]["module"]["url"]
    code.write_bytes(code.read_bytes() + b"\n")
    window.open(window.value("location.href"))
    window.value("explorer.then(() => 0)")
    text = window.value("document.getElementById('status').innerText")
    assert text.startswith("It did not work")
    assert "integrity" in " ".join(window.complaints())
