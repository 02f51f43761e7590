# SPDX-License-Identifier: Apache-2.0
"""Tasks: sampling in chunks, pictures pixel by pixel, outputs in every form."""

import resource
import signal

import keras
import numpy as np
import pytest
from PIL import Image

from glf_tf import errors, seeds
from glf_tf.devices import strategies
from glf_tf.tasks import infer, interpolate, output, pictures, reconstruct, sample
from tests import descriptors


def test_first_chunk_is_the_models_own_sample(monkeypatch):
    monkeypatch.setattr(sample, "CHUNK", 4)
    model = descriptors.model("glf")
    chunks = list(sample.sample(model, 10, seed=3))
    assert [len(chunk) for chunk in chunks] == [4, 4, 2]
    np.testing.assert_allclose(chunks[0], model.sample(4, seed=3), atol=1e-6)
    second = model.sample(4, seed=seeds.fold(3, 1))
    np.testing.assert_allclose(chunks[1], second, atol=1e-6)


def test_a_strip_has_the_same_noise_at_each_temperature():
    model = descriptors.model("glf")
    drawn = np.concatenate(list(sample.strip(model, 3, temperatures=[0.0, 0.7])))
    assert drawn.shape == (6, *descriptors.IMAGE_SHAPE)
    assert np.ptp(drawn[:3], axis=0).max() < 1e-6
    np.testing.assert_allclose(drawn[3:], model.sample(3, temperature=0.7), atol=1e-6)
    with pytest.raises(errors.InvalidValue, match="temperature=-1"):
        next(sample.strip(model, 3, temperatures=[1.0, -1.0]))


@pytest.mark.parametrize(
    ("n", "temperature", "word"),
    [(0, 1.0, "at least 1"), (1, -0.5, "between"), (1, float("nan"), "between")],
)
def test_bad_requests_are_refused(n, temperature, word):
    with pytest.raises(errors.InvalidValue, match=word):
        next(sample.sample(descriptors.model("glf"), n, temperature=temperature))


def test_labels_go_to_their_chunks(monkeypatch):
    monkeypatch.setattr(sample, "CHUNK", 4)
    model, labels = descriptors.model("image_flow_labels"), list(range(10))
    drawn = np.concatenate(list(sample.sample(model, 10, seed=3, labels=labels)))
    second = model.sample(4, seed=seeds.fold(3, 1), label=labels[4:8])
    np.testing.assert_allclose(drawn[4:8], second, atol=1e-6)
    with pytest.raises(errors.InvalidValue, match="for 9 examples"):
        next(sample.sample(model, 9, labels=labels))


@pytest.mark.parametrize("n", [3, 10])
def test_replicas_share_the_samples_of_one_device(monkeypatch, n):
    monkeypatch.setattr(sample, "CHUNK", 4)
    expected = np.concatenate(list(sample.sample(descriptors.model("glf"), n, seed=3)))
    keras.utils.set_random_seed(0)  # the same weights
    with strategies.strategy("mirrored").scope():
        model = descriptors.model("glf")
    chunks = list(sample.sample(model, n, seed=3))
    assert [len(chunk) for chunk in chunks] == [min(4, n - i) for i in range(0, n, 4)]
    np.testing.assert_allclose(np.concatenate(chunks), expected, atol=1e-6)


def test_grid_has_every_pixel_at_its_place():
    images = np.zeros((3, 60, 64, 1))
    images[1, 0, 0] = 1.0
    images[2, -1, -1] = 0.5
    picture = pictures.grid(images, columns=2, gap=1)
    assert picture.shape == (121, 129, 1)
    assert picture[0, 65, 0] == 255  # first pixel of the second image
    assert picture[120, 63, 0] == 128  # last pixel of the third
    assert picture[60, 0, 0] == 255  # the gap
    assert picture[0, 0, 0] == 0
    assert (picture[61:, 65:] == 255).all()  # no fourth image
    # Fewer images than a row holds leave no white beside them.
    assert pictures.grid(images, columns=8, gap=1).shape == (60, 3 * 65 - 1, 1)


def test_small_images_are_enlarged_by_whole_factors():
    image = np.zeros((1, 8, 8, 3))
    image[0, 4:, :, 1] = 1.0
    picture = pictures.grid(image)
    assert picture.shape == (56, 56, 3)
    assert (picture[:20] == 0).all()
    assert (picture[36:, :, 1] == 255).all()
    assert (picture[..., [0, 2]] == 0).all()


def test_pairs_stand_side_by_side():
    images, decoded = np.zeros((2, 4, 4, 1)), np.ones((2, 4, 4, 1))
    pairs = reconstruct.side_by_side(images, decoded)
    assert list(pairs[:, 0, 0, 0]) == [0, 1, 0, 1]


def test_reconstruction_in_chunks_equals_all_at_once(monkeypatch):
    monkeypatch.setattr(infer, "CHUNK", 4)
    model, image = descriptors.model("glf"), descriptors.batch(6)["image"].numpy()
    np.testing.assert_allclose(
        reconstruct.reconstruct(model, image), model.reconstruct(image), atol=1e-6
    )


def test_interpolation_between_images_ends_at_their_reconstructions():
    model, image = descriptors.model("glf"), descriptors.batch(4)["image"].numpy()
    lines = interpolate.between_images(model, image[:2], image[2:], num_steps=5)
    assert lines.shape == (2, 5, *descriptors.IMAGE_SHAPE)
    np.testing.assert_allclose(lines[:, -1], model.reconstruct(image[2:]), atol=1e-3)


@pytest.mark.parametrize("name", ["gan", "began"])
def test_interpolation_of_a_gan_is_between_draws_of_its_noise(name):
    model = descriptors.model(name)
    lines = interpolate.between_samples(model, 2, seed=1, num_steps=5)
    ends = [model.decode(model.draws(2, seed=one)) for one in seeds.split(1, 2)]
    np.testing.assert_allclose(lines[:, 0], ends[0], atol=1e-5)
    np.testing.assert_allclose(lines[:, -1], ends[1], atol=1e-5)
    image = descriptors.batch(2)["image"].numpy()
    with pytest.raises(errors.Unsupported, match="encodes"):
        interpolate.between_images(model, image[:1], image[1:])


def test_one_step_is_no_line():
    with pytest.raises(errors.InvalidValue, match="two ends"):
        interpolate.between_samples(descriptors.model("glf"), 1, num_steps=1)


IMAGES = np.random.default_rng(0).random((5, 8, 8, 3)).astype(np.float32)


def test_array_holds_the_images_as_they_are(tmp_path):
    with output.opened(tmp_path / "x.npy", count=5) as write:
        write([IMAGES[:3], IMAGES[3:]])
    np.testing.assert_array_equal(np.load(tmp_path / "x.npy"), IMAGES)


def test_folder_holds_a_png_an_image(tmp_path):
    for _ in range(2):
        with output.opened(tmp_path / "x", count=5) as write:
            write([IMAGES[:3], IMAGES[3:]])
    files = sorted((tmp_path / "x").glob("*.png"))
    assert [file.name for file in files] == [f"0000{i}.png" for i in range(5)]
    read = np.stack([np.asarray(Image.open(file)) for file in files])
    np.testing.assert_array_equal(read, np.round(IMAGES * 255))


def test_png_is_one_grid(tmp_path):
    with output.opened(tmp_path / "x.png", count=5, columns=5) as write:
        write([IMAGES])
    assert Image.open(tmp_path / "x.png").size == (5 * 56 + 4 * 2, 56)


@pytest.mark.parametrize("name", ["x.png", "x.npy", "x"])
def test_what_somebody_wrote_is_refused_before_anything_is_drawn(tmp_path, name):
    theirs = tmp_path / name
    theirs.mkdir() if name == "x" else theirs.write_text("theirs")
    if name == "x":
        (theirs / "00000.png").write_text("theirs")
    with pytest.raises(errors.Occupied):
        output.opened(theirs, count=5).__enter__()
    assert "theirs" in (theirs / "00000.png" if name == "x" else theirs).read_text()


@pytest.mark.parametrize("name", ["x.png", "x.npy", "x"])
def test_a_full_disk_leaves_nothing_truncated(tmp_path, name):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    def written():
        with output.opened(tmp_path / name, count=5) as write:
            resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
            write([IMAGES])

    try:
        with pytest.raises(errors.Exhausted, match="Free some space"):
            written()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "count", "word"),
    [("x.png", 10**6, "at most"), ("x.jpg", 1, "NAME.png"), ("x.csv", 1, "NAME.png")],
)
def test_bad_outputs_are_refused(tmp_path, name, count, word):
    with pytest.raises(errors.InvalidValue, match=word):
        output.check(tmp_path / name, count=count)
    if name == "x.csv":
        output.check(tmp_path / name, count=count, is_any=True)
        output.check_kind(tmp_path / name, noun="vectors")
        with pytest.raises(errors.InvalidValue, match=word):
            output.check_kind(tmp_path / name, noun="images")


def test_vectors_are_written_as_a_table_of_the_same_numbers(tmp_path):
    x = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")
    with output.opened(tmp_path / "x.csv", count=5, is_any=True) as write:
        write(iter([x[:2], x[2:]]))
    read = np.loadtxt(tmp_path / "x.csv", delimiter=",", dtype="float32")
    np.testing.assert_array_equal(read, x)


def test_samples_of_any_number_and_temperature_share_a_trace():
    model = descriptors.model("glf")
    for count, temperature in ((3, 1.0), (5, 0.5)):
        drawn = next(sample.sample(model, count, temperature=temperature))
        expected = model.sample(count, seed=seeds.make(0), temperature=temperature)
        np.testing.assert_allclose(drawn, expected, rtol=1e-5, atol=1e-6)
    assert model.traced_sample.experimental_get_tracing_count() == 1
