# SPDX-License-Identifier: Apache-2.0
"""Tests of inception against a small graph with the same nodes.

Like the real one it fixes a batch of one image, and uses the batch normalization that
TensorFlow has given up since.
"""

import io
import tarfile

import numpy as np
import pytest
import tensorflow as tf

from glf_tf.metrics import digest
from glf_tf.metrics.extractors import features, inception

WIDTH = 2048
SIDE = 9
EPSILON = 0.001
_RNG = np.random.default_rng(0)
KERNEL = _RNG.normal(size=(1, 1, 3, WIDTH)).astype(np.float32)
MEAN, OFFSET = _RNG.normal(size=(2, WIDTH)).astype(np.float32)
VARIANCE, SCALE = _RNG.uniform(0.5, 2.0, size=(2, WIDTH)).astype(np.float32)


def small_graph(*, scaled=False, width=WIDTH, output="pool_3"):
    v1 = tf.compat.v1
    with tf.Graph().as_default() as graph:
        jpeg = v1.placeholder(tf.string, [], name="DecodeJpeg/contents")
        pixels = tf.cast(tf.io.decode_jpeg(jpeg, channels=3), tf.float32)
        x = tf.expand_dims(pixels, 0, name="ExpandDims")
        x = v1.image.resize_bilinear(x, [SIDE, SIDE], name="ResizeBilinear")
        x = tf.multiply(tf.subtract(x, 128.0), 1 / 128, name="Mul")
        x = tf.nn.conv2d(x, KERNEL[..., :width], 1, "VALID", name="conv/Conv2D")
    # The shapes in the file say [1, ...] throughout.
    definition = graph.as_graph_def(add_shapes=True)
    for name, value in zip("mvbg", (MEAN, VARIANCE, OFFSET, SCALE), strict=True):
        constant = definition.node.add(name=name, op="Const")
        constant.attr["dtype"].type = tf.float32.as_datatype_enum
        constant.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value[:width]))
    norm = definition.node.add(
        name="conv/batchnorm",
        op="BatchNormWithGlobalNormalization",
        input=["conv/Conv2D", *"mvbg"],
    )
    norm.attr["variance_epsilon"].f = EPSILON
    norm.attr["scale_after_normalization"].b = scaled
    pool = definition.node.add(name=output, op="AvgPool", input=[norm.name])
    pool.attr["ksize"].list.i.extend([1, SIDE, SIDE, 1])
    pool.attr["strides"].list.i.extend([1, 1, 1, 1])
    pool.attr["padding"].s = b"VALID"
    for node in (norm, pool):
        node.attr["T"].type = tf.float32.as_datatype_enum
    late = definition.node.add(name="softmax", op="Identity", input=[output])
    late.attr["T"].type = tf.float32.as_datatype_enum
    definition.versions.producer = 8
    return definition


def expected_features(images, *, scaled):
    pixels = tf.constant(images, tf.float32) * 255
    x = tf.compat.v1.image.resize_bilinear(pixels, [SIDE, SIDE]).numpy()
    x = (x - 128) / 128 @ KERNEL[0, 0]
    x = (x - MEAN) / np.sqrt(VARIANCE + EPSILON) * (SCALE if scaled else 1.0) + OFFSET
    return x.mean(axis=(1, 2))


@pytest.fixture
def write(tmp_path):
    def write(definition):
        path = tmp_path / "graph.pb"
        path.write_bytes(definition.SerializeToString())
        return path

    return write


def colour_images(count=5, *, channels=3):
    return np.random.default_rng(1).random([count, 8, 6, channels])


@pytest.mark.parametrize("scaled", [False, True])
def test_features_agree_with_numpy_for_any_batch(write, scaled):
    extractor = inception.Inception(write(small_graph(scaled=scaled)), batch_size=3)
    images = colour_images()
    result = extractor(images)
    assert result.shape == (5, WIDTH)
    # Sums of float32 over another order of operations.
    np.testing.assert_allclose(
        result, expected_features(images, scaled=scaled), rtol=1e-4, atol=1e-4
    )


def test_the_fixed_batch_of_one_is_forgotten(write):
    (output,) = inception.Inception(write(small_graph()))._function.outputs
    assert output.shape.as_list() == [None, 1, 1, WIDTH]


def test_batches_do_not_mix_images(write):
    path = write(small_graph())
    images = colour_images()
    np.testing.assert_allclose(
        inception.Inception(path, batch_size=1)(images),
        inception.Inception(path, batch_size=5)(images),
        rtol=1e-5,
        atol=1e-5,
    )


def test_grey_images_are_repeated(write):
    extractor = inception.Inception(write(small_graph()))
    grey = colour_images(channels=1)
    np.testing.assert_array_equal(
        extractor(grey), extractor(np.repeat(grey, 3, axis=-1))
    )


def test_bears_the_name_and_the_checksum_of_its_file(write):
    path = write(small_graph())
    extractor = inception.Inception(path)
    assert extractor.name == features.INCEPTION
    assert extractor.checksum == digest.of_file(path)
    assert extractor.dim == WIDTH


@pytest.mark.parametrize("kept", [100, -1000])
def test_truncated_graph_is_refused(write, kept):
    path = write(small_graph())
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ValueError, match="cut off"):
        inception.Inception(path)


def test_file_that_is_no_graph_is_refused(tmp_path):
    path = tmp_path / "graph.pb"
    path.write_text("<html>not found</html>")
    with pytest.raises(ValueError, match="do not parse|no node"):
        inception.Inception(path)


def test_graph_without_the_output_is_refused(write):
    with pytest.raises(ValueError, match="no node pool_3"):
        inception.Inception(write(small_graph(output="pool_4")))


def test_graph_of_another_width_is_refused(write):
    with pytest.raises(ValueError, match="2048 wide"):
        inception.Inception(write(small_graph(width=16)))


def test_missing_graph_is_said_to_be_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match="classify_image_graph_def"):
        inception.Inception(tmp_path / "nowhere.pb")


def archive_url(folder, *, name="classify_image_graph_def.pb", content=b"graph"):
    path = folder / "inception.tgz"
    with tarfile.open(path, "w:gz") as archive:
        for member, data in {"readme": b"none", name: content}.items():
            info = tarfile.TarInfo(f"./{member}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path.as_uri()


def test_nothing_is_downloaded_unasked(tmp_path):
    with pytest.raises(FileNotFoundError, match="Allow the download"):
        inception.find_graph(tmp_path, url=archive_url(tmp_path))


def test_download_happens_once_and_notes_its_checksum(tmp_path):
    url = archive_url(tmp_path)
    cache = tmp_path / "cache"
    path = inception.find_graph(cache, download=True, url=url)
    assert path.read_bytes() == b"graph"
    assert inception.find_graph(cache, url="none") == path
    names = {file.name for file in cache.iterdir()}
    assert names == {"classify_image_graph_def.pb", "classify_image_graph_def.sha256"}


def test_graph_that_changed_since_is_refused(tmp_path):
    path = inception.find_graph(tmp_path, download=True, url=archive_url(tmp_path))
    path.write_bytes(b"grap")
    with pytest.raises(ValueError, match="SHA-256"):
        inception.find_graph(tmp_path)


@pytest.mark.parametrize("kind", ["missing", "truncated", "other"])
def test_failed_download_leaves_nothing(tmp_path, kind):
    noise = np.random.default_rng(0).bytes(5000)
    url = archive_url(
        tmp_path, name="x" if kind == "other" else inception.FILE_NAME, content=noise
    )
    file = tmp_path / "inception.tgz"
    if kind == "missing":
        file.unlink()
    if kind == "truncated":
        file.write_bytes(file.read_bytes()[:3000])
    cache = tmp_path / "cache"
    with pytest.raises(FileNotFoundError, match="within reach"):
        inception.find_graph(cache, download=True, url=url)
    assert not list(cache.glob("*"))
