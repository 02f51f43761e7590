# SPDX-License-Identifier: Apache-2.0
"""Extractors from a file: a Keras model's or a SavedModel's, and what is refused."""

import keras
import numpy as np
import pytest

from glf_tf import errors
from glf_tf.data import paths as paths_lib
from glf_tf.datasets import digits
from glf_tf.metrics.extractors import choice, names, network
from glf_tf.networks import pixel_scales
from tests import calls

SHAPE = (8, 8, 1)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A Keras file of three channels, and a SavedModel of one."""
    folder = tmp_path_factory.mktemp("networks")
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            keras.layers.Conv2D(4, 3, activation="relu", name="conv"),
            keras.layers.Flatten(name="flat"),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(5, name="last"),
        ]
    )
    model.save(folder / "net.keras")
    grey = keras.Sequential([keras.Input(SHAPE), keras.layers.Flatten()])
    grey.export(folder / "saved", verbose=False)
    return folder, model


def images():
    return np.random.default_rng(0).integers(0, 256, [7, *SHAPE], np.uint8)


def make(folder, name, *, shape=SHAPE):
    return network.NetworkExtractor(
        names.file_of(name.replace("@", str(folder))), image_shape=shape
    )


def test_features_are_the_networks_output_of_pixels_as_it_expects_them(files):
    folder, model = files
    made = make(folder, "keras:@/net.keras:symmetric")
    assert (made.dim, made.name) == (5, "net.keras")
    pixels = np.repeat(np.float32(images()) / 127.5 - 1.0, 3, axis=-1)
    expected = model(pixels, training=False)
    np.testing.assert_allclose(made(images()), expected, rtol=1e-4, atol=1e-5)
    unit = make(folder, "keras:@/net.keras:unit")
    assert not np.allclose(unit(images()), expected, atol=1e-3)


def test_features_with_pixels_are_averaged_over_them(files):
    folder, model = files
    made = make(folder, "keras:@/net.keras:bytes:conv")
    assert (made.dim, made.name) == (4, "net.keras/conv")
    pixels = np.repeat(np.float32(images()), 3, axis=-1)
    expected = np.mean(model.get_layer("conv")(pixels), axis=(1, 2))
    np.testing.assert_allclose(made(images()), expected, rtol=1e-4, atol=1e-3)


def test_a_saved_model_has_features_too(files):
    folder, _ = files
    made = make(folder, "saved_model:@/saved:unit")
    expected = np.reshape(images() / 255.0, [7, 64])
    np.testing.assert_allclose(made(images()), expected, rtol=1e-5)


def test_the_checksum_is_that_of_the_weights(files, tmp_path):
    folder, model = files
    first = make(folder, "keras:@/net.keras:unit").checksum
    later = tmp_path / "later"
    later.mkdir()
    keras.models.load_model(folder / "net.keras").save(later / "net.keras")
    assert first == make(later, "keras:@/net.keras:unit").checksum
    saved = make(folder, "saved_model:@/saved:unit").checksum
    assert saved == make(folder, "saved_model:@/saved:unit").checksum != first
    other = keras.models.clone_model(model)
    other.save(tmp_path / "net.keras")
    assert make(tmp_path, "keras:@/net.keras:unit").checksum != first


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("keras:@/net.keras", "State how it expects pixels: unit, symmetric"),
        ("keras:@/net.keras:unit:", "is keras:PATH:SCALE or"),
        ("keras:@/net.keras:half", "State how it expects pixels"),
        ("keras:@/net.keras:unit:lats", "Did you mean last"),
        ("keras:@/nowhere.keras:unit", "nothing at .*nowhere.keras"),
        ("saved_model:@/net.kera:unit", "nothing at"),
        ("tensor:@/net.keras:unit", "An extractor is a known one"),
        ("clasifier", "Did you mean classifier"),
    ],
)
def test_what_is_no_extractor_is_refused(files, name, said):
    name = name.replace("@", str(files[0]))
    data = {split: digits.Digits(PATHS).load(split) for split in ("train", "test")}
    with pytest.raises(errors.UserError, match=said):
        choice.make(name, **data, paths=PATHS)


PATHS = paths_lib.DataPaths()


def test_images_of_another_shape_are_refused(files):
    folder, _ = files
    with pytest.raises(errors.InvalidValue, match="nothing is resized"):
        make(folder, "keras:@/net.keras:unit", shape=(9, 9, 3))
    with pytest.raises(errors.InvalidValue, match="channels"):
        make(folder, "saved_model:@/saved:unit", shape=(8, 8, 3))


def test_scales_are_those_that_pixels_have():
    assert names._SCALES == pixel_scales.SCALES


def test_a_tool_measures_by_ones_own_network(files, tmp_path):
    folder, _ = files
    test = digits.Digits(PATHS).load("test")
    np.save(tmp_path / "samples.npy", test.images[:200])
    done = calls.call(
        "evaluate",
        *(f"--samples={tmp_path}/samples.npy", "--dataset=digits", "--metrics=fd"),
        *("--num_samples=100", "--trials=2", f"--out={tmp_path}/found.json"),
        f"--extractor=keras:{folder}/net.keras:unit",
    )
    assert done.status == 0, done.stderr
    assert "FD-net.keras" in done.stderr
    assert "features of net.keras, 5 dimensions, checksum" in done.stderr
