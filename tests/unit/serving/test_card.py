# SPDX-License-Identifier: Apache-2.0
"""The card of an exported folder, and its metadata for programs."""

import hashlib
import json

import pytest
import tensorflow as tf

from glf_tf import export
from glf_tf.models import vae
from glf_tf.serving import card, meanings
from tests import descriptors

RUN = {
    "model": {"name": "vae", "latent_dim": 2},
    "dataset": {"name": "digits"},
    "data": {"train": {"images": 1433, "digest": "ab"}},
    "step": 44,
    "recipe": "--epochs=2\n--model=vae\n",
    "versions": {"tensorflow": "2.21.0"},
}
RECORD = {
    "title": "FD",
    "mean": 12.5,
    "std": 0.5,
    "values": [12.0, 13.0],
    "protocol": {
        "references": 364,
        "reference_split": "test",
        "samples": 300,
        "source": "samples",
        "extractor": "classifier",
    },
}


def exported(path, **about):
    model = vae.VAE((4, 4, 1), latent_dim=2, network={"name": "mlp", "hidden": (4,)})
    export.export(model, path, about=card.About(**about))
    metadata = json.loads((path / card.METADATA).read_text())
    return metadata, (path / card.README).read_text()


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("card")
    picture = folder / "any.png"
    picture.write_bytes(b"a picture")
    measures = {"step": 40, "values": {"test/nll": 1.25}}
    told = {"run": RUN, "measures": measures, "evaluations": [RECORD]}
    metadata, text = exported(folder / "x", picture=picture, **told)
    return folder / "x", metadata, text


def test_it_tells_what_was_trained_on_what_and_measured_how(found):
    _, metadata, text = found
    assert metadata["run"] == RUN
    assert metadata["evaluations"] == [RECORD]
    for words in (
        *("# VAE", "1,433 train", "step 44", "--model=vae", "| test/nll | 1.25 |"),
        *("step 40", "| FD | 12.5 | 0.5 | 2 | 300 samples against 364 test |"),
        *("![", "(samples.png)", "Apache-2.0", "`reconstruct` is `serving_default`"),
    ):
        assert words in text


def test_each_tensor_has_a_name_a_shape_a_range_and_a_meaning(found):
    folder, metadata, text = found
    served = tf.saved_model.load(str(folder)).signatures
    assert set(metadata["signatures"]) == set(served)
    for name, described in metadata["signatures"].items():
        _, inputs = served[name].structured_input_signature
        sides = ((inputs, "inputs"), (served[name].structured_outputs, "outputs"))
        for specs, side in sides:
            assert set(described[side]) == set(specs)
            for key, spec in specs.items():
                told = described[side][key]
                assert told["shape"] == spec.shape.as_list()
                assert told["dtype"] == spec.dtype.name
                assert told["meaning"]
                assert told["range"]
                assert f"| `{key}` | " in text
    for shape in ("num_samples, 4, 4, 1", "n, num_steps, 4, 4, 1", "n, 4, 4, 1"):
        assert f"| float32 [{shape}] |" in text
    for line in text.splitlines():  # no cell breaks its row
        assert not line.startswith("| in |") or line.count("|") == 6, line


def test_checksums_are_those_of_the_files(found):
    folder, metadata, _ = found
    files = {
        path.relative_to(folder).as_posix(): path
        for path in folder.rglob("*")
        if path.is_file()
    }
    assert set(metadata["files"]) == set(files) - {"metadata.json", "glf_tf.json"}
    for name, told in metadata["files"].items():
        content = files[name].read_bytes()
        assert told["bytes"] == len(content)
        assert told["sha256"] == hashlib.sha256(content).hexdigest()


def test_what_is_not_known_is_not_told(tmp_path):
    metadata, text = exported(tmp_path / "x")
    assert metadata["run"] == {}
    assert metadata["picture"] is None
    assert "is not known here" in text
    assert "None are recorded." in text
    assert "samples.png" not in text


def test_a_model_says_what_it_lacks():
    model = descriptors.model("lebm")
    names = model.signatures()
    without = {"encode", "reconstruct", "interpolate"}
    assert set(meanings.missing(model, names)) == {"decode_noise", *without}
    assert meanings.missing(descriptors.model("glf"), ["decode_noise"]) == {}


@pytest.mark.parametrize(
    ("names", "default"),
    [
        (("encode", "decode", "reconstruct"), "reconstruct"),
        (("sample", "decode"), "decode"),
        (("sample", "log_prob"), "log_prob"),
        (("sample",), "sample"),
        (("own", "other"), "other"),
    ],
)
def test_the_default_is_the_first_that_there_is(names, default):
    assert meanings.default_of(names) == default


def test_each_signature_of_ours_is_explained():
    for name in ("glf_labels", "lfbm_labels", "lebm", "image_flow_labels", "bigan"):
        assert set(descriptors.model(name).signatures()) <= set(meanings.SIGNATURES)
