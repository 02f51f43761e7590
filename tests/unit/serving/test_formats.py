# SPDX-License-Identifier: Apache-2.0
"""Other formats than the SavedModel compute the same."""

import importlib.util
import json

import numpy as np
import pytest
import tensorflow as tf

from glf_tf import errors, export
from glf_tf.serving import formats, litert, onnx
from tests import descriptors

TOLERANCE = {"atol": 2e-5, "rtol": 1e-4}
"""The runtimes sum in another order, and approximate other functions."""

MADE = ("encode", "decode", "reconstruct", "log_prob", "decode_noise")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An export in all formats whose libraries are installed."""
    path = tmp_path_factory.mktemp("formats") / "x"
    onnx_too = ["onnx"] if importlib.util.find_spec("tf2onnx") else []
    model = descriptors.model("glf_convolutional")
    export.export(model, path, formats=["saved_model", "litert", *onnx_too])
    return path


@pytest.fixture(scope="module")
def calls(folder):
    return tf.saved_model.load(str(folder)).signatures


def asked_of(call, *, count):
    """Inputs of a signature."""
    generator = np.random.default_rng(count)
    found = {}
    for key, spec in call.structured_input_signature[1].items():
        shape = [count if size is None else size for size in spec.shape]
        found[key] = np.asarray(generator.uniform(size=shape), np.float32)
    return found


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:[^$]*tf.lite.Interpreter is deprecated")
@pytest.mark.parametrize("name", MADE)
def test_litert_computes_the_same_by_its_own_operations(calls, folder, name):
    interpreter = tf.lite.Interpreter(
        str(folder / litert.FILE),
        experimental_op_resolver_type=tf.lite.experimental.OpResolverType.BUILTIN,
    )
    assert set(interpreter.get_signature_list()) == set(MADE)
    run = interpreter.get_signature_runner(name)
    for count in (1, 3):
        asked = asked_of(calls[name], count=count)
        expected = calls[name](**tensors(asked))
        for key, value in run(**asked).items():
            np.testing.assert_allclose(value, expected[key], **TOLERANCE)


@pytest.mark.slow
def test_the_card_lists_the_files_of_other_formats(folder):
    found = json.loads((folder / "metadata.json").read_text())
    made = found["formats"]["litert"]
    assert made == {"files": dict.fromkeys(MADE, "model.tflite"), "missing": {}}
    assert "model.tflite" in found["files"]
    text = (folder / "README.md").read_text()
    assert "* `decode_noise`: `model.tflite`" in text


@pytest.mark.slow
@pytest.mark.parametrize("name", MADE)
def test_onnx_computes_the_same(calls, folder, name):
    pytest.importorskip("tf2onnx", reason="the extra `onnx` is not installed")
    runtime = pytest.importorskip("onnxruntime", reason="it runs ONNX files")
    run = runtime.InferenceSession(str(folder / "onnx" / f"{name}.onnx"))
    names = [output.name.removeprefix("output_") for output in run.get_outputs()]
    for count in (0, 1, 3):
        asked = asked_of(calls[name], count=count)
        expected = calls[name](**tensors(asked))
        assert set(names) == set(expected)
        for key, value in zip(names, run.run(None, asked), strict=True):
            np.testing.assert_allclose(value, expected[key], **TOLERANCE)


def tensors(asked):
    return {key: tf.constant(value) for key, value in asked.items()}


@pytest.mark.slow
def test_what_cannot_be_converted_is_left_out_and_told(tmp_path):
    module = tf.Module()
    spec = tf.TensorSpec([None, 2], tf.float32, name="z")
    module.fit = tf.function(lambda z: {"z": 2.0 * z}).get_concrete_function(z=spec)
    module.unfit = tf.function(lambda z: {"z": tf.math.erfinv(z)})
    module.unfit = module.unfit.get_concrete_function(z=spec)
    made = {"fit": module.fit, "unfit": module.unfit}
    tf.saved_model.save(module, str(tmp_path / "x"), signatures=made)
    found = litert.write(tmp_path / "x", ["fit", "unfit"])
    assert found["files"] == {"fit": "model.tflite"}
    assert found["missing"] == {"unfit": "LiteRT has no Erfinv"}


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("saved_model", ("saved_model",)),
        ("tf_saved_model", ("saved_model",)),
        ("litert,saved_model", ("saved_model", "litert")),
        (["saved_model", "litert", "litert"], ("saved_model", "litert")),
    ],
)
def test_formats_are_names_with_commas_or_a_list(asked, expected):
    assert formats.parse(asked) == expected


@pytest.mark.parametrize("asked", ["onnx", "litert", "", "saved_model,torch", []])
def test_unknown_formats_are_refused_in_a_line(asked):
    with pytest.raises(errors.InvalidValue, match="saved_model,litert,onnx") as error:
        formats.parse(asked)
    assert "\n" not in str(error.value)


def test_onnx_without_its_libraries_is_refused_in_a_line(monkeypatch):
    monkeypatch.setattr(onnx, "_NEEDED", ("a_module_that_nobody_has",))
    with pytest.raises(errors.Unsupported, match=r"glf_tf\[onnx\]"):
        formats.parse("saved_model,onnx")
