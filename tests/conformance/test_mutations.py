# SPDX-License-Identifier: Apache-2.0
"""Files that strangers hand on, changed at random: read, or refused in one line.

python -m pytest tests/conformance/test_mutations.py --mutations=30000
"""

import gzip
import hashlib
import io
import json
import warnings

import numpy as np
import pytest

from glf_tf import errors, recipe
from glf_tf.data import arrays, idx, pictures
from glf_tf.experiments import folder as run_folder
from glf_tf.masks import picture as picture_mask
from glf_tf.metrics import archive
from glf_tf.plotting import curves
from glf_tf.training import manifest
from tests import samples, scenes

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 5, 4), dtype=np.uint8)
RUN = {
    "dataset": {"name": "digits"},
    "model": {"name": "glf"},
    "arguments": {"image_shape": [8, 8, 1]},
    "batch_size": 9,
    "seed": 0,
    "data_dir": "",
    "data_source": "",
}
RECIPE = "# A recipe.\n--dataset=digits\n--noflow.batch_norm\n\n--epochs=3,flow:5\n"
SCALARS = "".join(f'{{"step": {step}, "train/x": 0.5}}\n' for step in range(1, 5))


def _saved(save, **options) -> bytes:
    stream = io.BytesIO()
    save(stream, IMAGES, **options)
    return stream.getvalue()


def _archive(file) -> bytes:
    about = {"kind": "toys", "version": 1}
    archive.save(file, **about, arrays={"x": IMAGES}, about={"of": "tests"})
    return file.read_bytes()


def _manifest(file) -> bytes:
    names = ("variables.index", "variables.data-00000-of-00001", "state.json")
    for name in names:
        (file.parent / name).write_bytes(b"content")
    digest = hashlib.sha256(b"content").hexdigest()
    facts = {name: {"bytes": 7, "sha256": digest} for name in names}
    return json.dumps(facts).encode()


def _curves(file) -> bytes:
    (file.parent / "run.json").write_text(json.dumps(RUN))
    return SCALARS.encode()


def _of(content: bytes):
    return lambda file: content


# What files are called, how whole ones are made, and what reads them. Add a row for
# each further kind of file that somebody else may have made.
READERS = {
    "idx": ("x", _of(samples.idx_bytes(IMAGES)), lambda file: idx.read(file, rank=3)),
    "idx_gz": (
        "x.gz",
        _of(gzip.compress(samples.idx_bytes(IMAGES))),
        lambda file: idx.read(file, rank=3),
    ),
    "npy": ("x.npy", _of(_saved(np.save)), arrays.read),
    "npz": ("x.npz", _of(_saved(np.savez)), arrays.read),
    "npz_packed": ("x.npz", _of(_saved(np.savez_compressed)), arrays.read),
    "mask": (
        "x.png",
        _of(scenes.encoded(scenes.GREY)),
        lambda file: picture_mask.PictureMask((64, 64, 1), file=str(file)),
    ),
    **{
        f"picture_{kind}": (f"x.{kind}", _of(content), pictures.decode)
        for kind, content in {
            "png": scenes.encoded(scenes.COLOURS),
            "jpg": scenes.RIGHT["exif6.jpg"][0],
            "gif": scenes.RIGHT["anim.gif"][0],
            "webp": scenes.RIGHT["rgba.webp"][0],
            "tif": scenes.RIGHT["multipage.tif"][0],
            "bmp": scenes.RIGHT["plain.bmp"][0],
            "pgm": scenes.RIGHT["g16.pgm"][0],
            "ico": scenes.RIGHT["plain.ico"][0],
            "tga": scenes.RIGHT["plain.tga"][0],
        }.items()
    },
    "recipe": (
        "x.cfg",
        _of(RECIPE.encode()),
        lambda file: recipe.expand([f"--flagfile={file}"], is_boolean=lambda _: None),
    ),
    "archive": (
        "x.npz",
        _archive,
        lambda file: archive.load(file, kind="toys", version=1),
    ),
    "manifest": (manifest.NAME, _manifest, lambda file: manifest.damage(file.parent)),
    "run": (
        "run.json",
        _of(json.dumps(RUN).encode()),
        lambda file: run_folder.Folder(file.parent).read(),
    ),
    "curves": ("metrics.jsonl", _curves, lambda file: curves.read(file.parent)),
}


@pytest.mark.parametrize("name", READERS)
def test_whole_files_are_read(name, tmp_path):
    file_name, make, read = READERS[name]
    file = tmp_path / file_name
    file.write_bytes(make(file))
    read(file)


@pytest.mark.parametrize("name", READERS)
def test_changed_files_are_read_or_refused(name, tmp_path, request):
    file_name, make, read = READERS[name]
    file, draw = tmp_path / file_name, np.random.default_rng(len(name))
    whole, text = make(file), []
    for number in range(-(-request.config.getoption("mutations") // len(READERS))):
        changed = mutated(whole, draw)
        file.write_bytes(changed)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                read(file)
        except errors.UserError as error:
            text.append(str(error))
        except Exception as error:
            pytest.fail(f"change {number}: {error!r} of {changed[:999]!r}")
    assert all(len(message.splitlines()) == 1 for message in text)


def mutated(whole: bytes, draw: np.random.Generator) -> bytes:
    """Returns content with one to three changes."""
    data = bytearray(whole)
    for _ in range(draw.integers(1, 4)):
        start, length = draw.integers(len(data) + 1), int(draw.integers(1, 9))
        noise = draw.integers(0, 256, length, dtype=np.uint8).tobytes()
        match draw.integers(7):
            case 0:
                data[start:] = b""
            case 1:
                del data[start : start + length]
            case 2:
                data[start:start] = noise
            case 3:
                data[start : start + length] = noise
            case 4:
                data[start : start + length] = b"\xff" * length
            case 5:
                data[start : start + length] = b"0123456789"[:length]
            case 6:
                data += data[start : start + 99]
    return bytes(data)
