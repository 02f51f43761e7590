# SPDX-License-Identifier: Apache-2.0
"""The perceptual loss against SciPy's correlation, and its weights in every form."""

import hashlib
import urllib.error

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import signal

from glf_tf import catalogue, errors
from glf_tf.networks import vgg, vgg_weights
from tests import descriptors

TINY = vgg.Architecture(
    blocks=((3, 4), (5, 4), (4, 6, 5)),
    compared=("block1_conv2", "block2_conv2", "block3_conv3", "block3_pool"),
)
SHAPE = (9, 11, 3)
GENERATOR = np.random.default_rng(0)
IMAGE = GENERATOR.random((2, *SHAPE)).astype(np.float32)
LOGITS = GENERATOR.normal(size=(2, *SHAPE)).astype(np.float32)


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setattr(vgg, "VGG16", TINY)


def make(shape=SHAPE, **options):
    spec = {"name": "perceptual", "weights": "random", **options}
    return catalogue.build("reconstruction", spec, image_shape=shape)


# The same in NumPy and SciPy, in float64, in the manner of the published code: a list
# of arrays that a ReLU overwrites.


def sigmoid(logits):
    return 1.0 / (1.0 + np.exp(-logits.astype(np.float64)))


def convolve(x, kernel, bias):
    """A cross-correlation, zero-padded, of one image `[h, w, in]`."""
    padded = np.pad(x, [(1, 1), (1, 1), (0, 0)])
    out = [
        sum(
            signal.correlate(padded[..., i], kernel[..., i, o], mode="valid")
            for i in range(x.shape[-1])
        )
        for o in range(kernel.shape[-1])
    ]
    return np.stack(out, axis=-1) + bias


def halve(x):
    h, w = x.shape[0] // 2, x.shape[1] // 2
    return x[: 2 * h, : 2 * w].reshape(h, 2, w, 2, -1).max(axis=(1, 3))


def expected_features(x, levels, activation):
    """Features of one image, by a network whose ReLUs work in place or do not."""
    names = TINY.compared[:levels]
    weights = vgg_weights.read("random", shapes=TINY.kernel_shapes(levels))
    found = []
    for block, widths in enumerate(TINY.blocks, start=1):
        for i in range(len(widths)):
            name = f"block{block}_conv{i + 1}"
            before = convolve(x, *weights[name])
            after = np.maximum(before, 0.0)
            x = after
            if name in names:
                is_last = name == names[-1]
                keeps = {"in_place": is_last, "before": True, "after": False}
                found.append(before if keeps[activation] else after)
            if len(found) == levels:
                return found
        x = halve(x)
        if f"block{block}_pool" in names:
            found.append(x)
        if len(found) == levels:
            return found
    raise AssertionError


def expected_loss(image, logits, *, levels, factors, activation, reduce, scale):
    losses = []
    pairs = zip(scale(image.astype(np.float64)), scale(sigmoid(logits)), strict=True)
    for u, v in pairs:
        left = [u, *expected_features(u, levels, activation)]
        right = [v, *expected_features(v, levels, activation)]
        terms = [reduce(np.abs(a - b)) for a, b in zip(left, right, strict=True)]
        losses.append(np.dot(factors, terms))
    return np.array(losses)


def symmetric(x):
    return 2.0 * x - 1.0


@pytest.mark.parametrize("activation", ["in_place", "before", "after"])
@pytest.mark.parametrize("levels", [1, 2, 3])
def test_loss_agrees_with_scipy(tiny, levels, activation):
    found = make(levels=levels, activation=activation, inputs="symmetric")
    expected = expected_loss(
        IMAGE,
        LOGITS,
        levels=levels,
        factors=[1.0] * (levels + 1),
        activation=activation,
        reduce=np.sum,
        scale=symmetric,
    )
    np.testing.assert_allclose(found(IMAGE, LOGITS), expected, rtol=1e-5)


@pytest.mark.parametrize("activation", ["in_place", "before"])
def test_a_pooled_level_and_those_before_it_agree_with_scipy(tiny, activation):
    found = make((9, 11, 3), levels=4, activation=activation, inputs="symmetric")
    expected = expected_loss(
        IMAGE,
        LOGITS,
        levels=4,
        factors=[1.0] * 5,
        activation=activation,
        reduce=np.sum,
        scale=symmetric,
    )
    np.testing.assert_allclose(found(IMAGE, LOGITS), expected, rtol=1e-5)


def test_mean_and_weights_agree_with_scipy(tiny):
    found = make(
        levels=2,
        level_weights="0.5,3",
        pixel_weight=0.25,
        reduction="mean",
        inputs="symmetric",
    )
    expected = expected_loss(
        IMAGE,
        LOGITS,
        levels=2,
        factors=[0.25, 0.5, 3.0],
        activation="in_place",
        reduce=np.mean,
        scale=symmetric,
    )
    np.testing.assert_allclose(found(IMAGE, LOGITS), expected, rtol=1e-5)


def test_gradient_agrees_with_differences_of_scipys(tiny):
    term = make(levels=3, inputs="symmetric")
    image, logits = tf.constant(IMAGE), tf.constant(LOGITS)
    with tf.GradientTape() as tape:
        tape.watch([image, logits])
        loss = tf.reduce_sum(term(image, logits))
    of_image, of_logits = tape.gradient(loss, [image, logits])
    assert of_image is None

    def value(moved):
        return expected_loss(
            IMAGE,
            moved,
            levels=3,
            factors=[1.0] * 4,
            activation="in_place",
            reduce=np.sum,
            scale=symmetric,
        ).sum()

    for seed in range(4):
        direction = np.random.default_rng(seed).normal(size=LOGITS.shape)
        step = 1e-6 * direction
        wide = LOGITS.astype(np.float64)
        slope = (value(wide + step) - value(wide - step)) / 2e-6
        np.testing.assert_allclose(
            np.sum(of_logits.numpy() * direction), slope, rtol=1e-4
        )


def test_grey_images_are_padded_and_tiled(tiny):
    shape = (8, 9, 1)
    image = GENERATOR.random((2, *shape)).astype(np.float32)
    logits = GENERATOR.normal(size=(2, *shape)).astype(np.float32)

    def scale(x):
        border = [(0, 0), (2, 2), (2, 2), (0, 0)]
        return symmetric(np.repeat(np.pad(x, border), 3, axis=-1))

    found = make(shape, levels=3, pad=2, reduction="mean", inputs="symmetric")
    expected = expected_loss(
        image,
        logits,
        levels=3,
        factors=[1.0] * 4,
        activation="in_place",
        reduce=np.mean,
        scale=scale,
    )
    np.testing.assert_allclose(found(image, logits), expected, rtol=1e-5)


def scaled(inputs):
    return make((16, 16, 3), inputs=inputs)._scaled(tf.constant(PICTURE))


PICTURE = GENERATOR.random((2, 16, 16, 3)).astype(np.float32)


def test_caffe_inputs_are_those_that_keras_weights_expect():
    expected = keras.applications.vgg16.preprocess_input(255.0 * PICTURE)
    np.testing.assert_allclose(scaled("caffe"), expected, atol=1e-4)


def test_imagenet_inputs_are_those_that_torchvision_weights_expect():
    expected = keras.applications.imagenet_utils.preprocess_input(
        255.0 * PICTURE, mode="torch"
    )
    np.testing.assert_allclose(scaled("imagenet"), expected, atol=1e-5)


# The network is Keras' VGG16.


@pytest.fixture(scope="module")
def keras_vgg():
    """Keras' VGG16 with the weights that "random" stands for."""
    network = keras.applications.VGG16(
        include_top=False, weights=None, input_shape=(32, 32, 3)
    )
    shapes = vgg.VGG16.kernel_shapes(5)
    for name, arrays in vgg_weights.read("random", shapes=shapes).items():
        network.get_layer(name).set_weights(arrays)
    return network


def test_features_are_those_of_keras_layers(keras_vgg):
    outputs = [keras_vgg.get_layer(name).output for name in vgg.VGG16.compared]
    pixels = GENERATOR.normal(size=(1, 32, 32, 3)).astype(np.float32)
    expected = keras.Model(keras_vgg.input, outputs)(pixels)
    network = vgg.Network(
        "random", architecture=vgg.VGG16, levels=5, activation="after"
    )
    for left, right in zip(network(pixels), expected, strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-4, atol=1e-4)


def keras_2_file(network, path):
    """Writes weights as the published file has them: bytes, and names of TensorFlow."""
    with h5py.File(path, "w") as file:
        for layer in network.layers:
            group = file.create_group(layer.name)
            arrays = dict(zip("Wb", layer.get_weights(), strict=False))
            names = [f"{layer.name}_{kind}_1:0" for kind in arrays]
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, array in zip(names, arrays.values(), strict=True):
                group[name] = array


def keras_3_file(network, path):
    network.save_weights(path)


def torchvision_file(network, path):
    """Writes the arrays of `vgg16().features.state_dict()`, whose numbers are known."""
    numbers = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
    layers = [layer for layer in network.layers if "conv" in layer.name]
    arrays = {}
    for number, layer in zip(numbers, layers, strict=True):
        kernel, bias = layer.get_weights()
        arrays |= {f"{number}.weight": kernel.transpose(3, 2, 0, 1)}
        arrays |= {f"{number}.bias": bias}
    np.savez(path, **arrays)


@pytest.mark.parametrize(
    ("write", "name"),
    [
        (keras_2_file, "vgg16_notop.h5"),
        (keras_3_file, "vgg16.weights.h5"),
        (torchvision_file, "vgg16.npz"),
    ],
)
def test_every_form_of_file_is_read(keras_vgg, write, name, tmp_path):
    write(keras_vgg, tmp_path / name)
    shapes = vgg.VGG16.kernel_shapes(5)
    found = vgg_weights.read(str(tmp_path / name), shapes=shapes)
    assert list(found) == list(shapes)
    for layer, (kernel, bias) in found.items():
        expected = keras_vgg.get_layer(layer).get_weights()
        np.testing.assert_array_equal(kernel, expected[0])
        np.testing.assert_array_equal(bias, expected[1])


# Where the weights are, and where they are not.


def test_the_default_is_the_published_rule():
    sizes = {8: 2, 16: 2, 28: 3, 32: 3, 64: 4, 128: 5}
    for size, levels in sizes.items():
        assert len(make((size, size + 1, 1))._factors) == 1 + levels


def glf(weights):
    spec = {**descriptors.MODELS["glf_perceptual"]}
    spec["reconstruction"] = {**spec["reconstruction"], "weights": str(weights)}
    return catalogue.build("model", spec, image_shape=descriptors.IMAGE_SHAPE)


def test_the_network_is_in_no_checkpoint_and_no_file(tmp_path):
    model = glf("random")
    batch = descriptors.batch()
    descriptors.update(model, "joint").terms(
        batch, seed=tf.constant([0, 0]), training=True
    )
    assert not model.reconstruction.variables
    model.save(tmp_path / "model.keras")
    tf.train.Checkpoint(model=model).write(str(tmp_path / "checkpoint"))
    sizes = [file.stat().st_size for file in tmp_path.iterdir()]
    assert max(sizes) < 200_000  # the network's two blocks alone take a million


def test_a_model_that_draws_needs_no_file(tmp_path):
    model = glf(tmp_path / "none.h5")
    assert model.sample(2, seed=0).shape == (2, 8, 8, 1)
    model.save(tmp_path / "model.keras")
    copy = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(copy.sample(2, seed=0), model.sample(2, seed=0))


def test_a_missing_file_is_an_error_of_the_user_also_when_traced(tmp_path):
    model = glf(tmp_path / "none.h5")
    batch = descriptors.batch()
    terms = tf.function(descriptors.update(model, "joint").terms, autograph=False)
    with pytest.raises(errors.NotFound, match=r"none\.h5.*notop\.h5"):
        terms(batch, seed=tf.constant([0, 0]), training=True)


@pytest.mark.parametrize("name", ["bad.h5", "bad.npz"])
def test_a_damaged_file_is_refused(tmp_path, name):
    (tmp_path / name).write_bytes(b"\x89HDF not at all")
    with pytest.raises(errors.InvalidValue, match="do not parse"):
        make(weights=str(tmp_path / name))(IMAGE, LOGITS)


def test_a_file_of_another_network_is_refused(tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file.create_group("dense").attrs["weight_names"] = ["kernel"]
        file["dense/kernel"] = np.ones((2, 2))
    with pytest.raises(errors.InvalidValue, match="no block1_conv1, block1_conv2"):
        make(weights=str(tmp_path / "other.h5"))(IMAGE, LOGITS)


def test_a_file_of_other_widths_is_refused(tmp_path):
    arrays = {"0.weight": np.ones((64, 1, 3, 3)), "0.bias": np.ones(64)}
    arrays |= {"2.weight": np.ones((64, 64, 3, 3)), "2.bias": np.ones(64)}
    np.savez(tmp_path / "grey.npz", **arrays)
    with pytest.raises(errors.InvalidValue, match="block1_conv1 of shapes"):
        make(levels=1, weights=str(tmp_path / "grey.npz"))(IMAGE, LOGITS)


@pytest.fixture
def published(monkeypatch, tmp_path, keras_vgg):
    """Lets a file of this machine be the one that Keras publishes."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    file = tmp_path / "published.h5"
    keras_2_file(keras_vgg, file)
    monkeypatch.setattr(vgg_weights, "URL", file.as_uri())
    md5 = hashlib.md5(file.read_bytes()).hexdigest()
    monkeypatch.setattr(vgg_weights, "_MD5", md5)
    return file


def test_the_file_is_downloaded_once(published, tmp_path):
    first = make(weights="imagenet")(IMAGE, LOGITS)
    published.unlink()
    cached = tmp_path / "home" / "models" / vgg_weights.FILE_NAME
    assert cached.exists()
    np.testing.assert_array_equal(make(weights="imagenet")(IMAGE, LOGITS), first)
    cached.write_bytes(b"cut off")
    with pytest.raises(errors.InvalidValue, match="MD5"):
        make(weights="imagenet")(IMAGE, LOGITS)


def test_a_download_that_is_cut_off_leaves_nothing(published, tmp_path):
    published.write_bytes(published.read_bytes()[:1000])
    with pytest.raises(errors.NotFound, match="MD5"):
        make(weights="imagenet")(IMAGE, LOGITS)
    assert not list((tmp_path / "home" / "models").iterdir())


def test_without_a_network_one_try_is_made(monkeypatch, tmp_path):
    tries = []

    def refuse(url, timeout):
        tries.append((url, timeout))
        raise urllib.error.URLError("no network")

    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(vgg_weights.urllib.request, "urlopen", refuse)
    with pytest.raises(
        errors.NotFound, match=r"notop\.h5.*another machine to .*models"
    ):
        make(weights="imagenet")(IMAGE, LOGITS)
    assert len(tries) == 1
    assert tries[0][1] <= 10


# Options.


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"levels": 6}, "levels"),
        ({"levels": -1}, "levels"),
        ({"levels": 5}, "32 pixels"),
        ({"level_weights": "1"}, "level_weights"),
        ({"level_weights": "1,a"}, "level_weights"),
        ({"level_weights": "1,-1"}, "level_weights"),
        ({"pixel_weight": float("nan")}, "pixel_weight"),
        ({"reduction": "max"}, "reduction"),
        ({"activation": "relu"}, "activation"),
        ({"inputs": "torch"}, "inputs"),
        ({"pad": -1}, "pad"),
        ({"weights": "imagnet"}, "weights"),
        ({"weights": ""}, "weights"),
    ],
)
def test_bad_options_are_refused(options, word):
    with pytest.raises(errors.InvalidValue, match=word):
        make((8, 8, 1), **options)


def test_other_than_one_or_three_channels_are_refused():
    with pytest.raises(errors.InvalidValue, match="channels"):
        make((8, 8, 2))


# Another network than VGG16, against NumPy.


def other(**options):
    """The perceptual loss in `descriptors.FEATURES`, of grey images of 8x8."""
    network = {
        "network": str(descriptors.FEATURES),
        "inputs": "unit",
        "weights": "imagenet",
    }
    return make((8, 8, 1), **{**network, **options})


GREY = GENERATOR.random((3, 8, 8, 1)).astype(np.float32)
GREY_LOGITS = GENERATOR.normal(size=(3, 8, 8, 1)).astype(np.float32)


@pytest.fixture(scope="module")
def features():
    """Both levels of the network in NumPy, in float64."""
    network = keras.saving.load_model(descriptors.FEATURES)
    arrays = {layer.name: layer.get_weights() for layer in network.layers}
    gamma, beta, mean, variance = arrays["norm"]
    scale = gamma / np.sqrt(variance + network.get_layer("norm").epsilon)

    def of(x):
        x = np.tanh((convolve(x, *arrays["first"]) - mean) * scale + beta)
        half = x.reshape(4, 2, 4, 2, -1).mean(axis=(1, 3))
        return [x, np.tanh(convolve(half, *arrays["second"]))]

    return of


def over_norm(features):
    return features / np.sqrt(np.sum(features**2, axis=-1, keepdims=True) + 1e-8)


DISTANCES = {
    "none": lambda u, v, reduce: reduce(np.abs(u - v)),
    "channels": lambda u, v, reduce: reduce(np.abs(over_norm(u) - over_norm(v))),
    "levels": lambda u, v, reduce: reduce(np.abs(u - v)) / (np.mean(np.abs(u)) + 1e-8),
}


@pytest.mark.parametrize("reduction", ["sum", "mean"])
@pytest.mark.parametrize("normalize", DISTANCES)
def test_loss_of_another_network_agrees_with_numpy(features, normalize, reduction):
    reduce, distance = getattr(np, reduction), DISTANCES[normalize]
    expected = []
    for image, logits in zip(GREY, GREY_LOGITS, strict=True):
        u, v = image.astype(np.float64), sigmoid(logits)
        pairs = zip(features(u), features(v), strict=True)
        first, second = [distance(*pair, reduce) for pair in pairs]
        expected.append(0.5 * reduce(np.abs(u - v)) + 2.0 * first + 3.0 * second)
    options = {"normalize": normalize, "reduction": reduction}
    term = other(pixel_weight=0.5, level_weights="2,3", **options)
    np.testing.assert_allclose(term(GREY, GREY_LOGITS), expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("inputs", "scale"),
    [
        ("unit", lambda x: x),
        ("symmetric", lambda x: 2.0 * x - 1.0),
        ("bytes", lambda x: 255.0 * x),
    ],
)
def test_pixels_of_another_network_are_scaled_as_stated(inputs, scale):
    np.testing.assert_allclose(other(inputs=inputs)._scaled(GREY), scale(GREY))


def test_pixels_of_another_network_have_a_stated_range():
    with pytest.raises(errors.InvalidValue, match="inputs=unit"):
        other(inputs="auto")


def test_levels_of_another_network_are_chosen():
    whole = {"pixel_weight": 0.0, "reduction": "mean"}
    both, first = other(**whole), other(levels=1, **whole)
    second = other(layers=("second",), **whole)
    summed = first(GREY, GREY_LOGITS) + second(GREY, GREY_LOGITS)
    np.testing.assert_allclose(both(GREY, GREY_LOGITS), summed, rtol=1e-5)


def test_level_weights_of_another_network_are_as_many_as_its_levels():
    with pytest.raises(errors.InvalidValue, match="must be 2 comma-separated"):
        other(level_weights="1,2,3")(GREY, GREY_LOGITS)
    with pytest.raises(errors.InvalidValue, match="must be 1 comma-separated"):
        other(level_weights="1,2", layers=("second",))


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"activation": "after"}, "activation.*vgg16"),
        ({"weights": "random"}, "weights.*vgg16"),
        ({"normalize": "pixels"}, "normalize"),
    ],
)
def test_bad_options_of_another_network_are_refused(options, word):
    with pytest.raises(errors.InvalidValue, match=word):
        other(**options)


def test_layers_of_vgg16_are_refused():
    with pytest.raises(errors.InvalidValue, match="another network than vgg16"):
        make((16, 16, 1), layers=("block1_conv1",))


def test_a_network_is_a_path_or_a_layer():
    with pytest.raises(errors.InvalidType, match="Keras layer"):
        other(network=3)


def test_a_file_is_in_no_checkpoint_and_a_layer_is():
    assert not other().variables
    layer = keras.saving.load_model(descriptors.FEATURES)
    term = other(network=layer)
    assert len(term.variables) == len(layer.variables)
    np.testing.assert_allclose(
        term(GREY, GREY_LOGITS), other()(GREY, GREY_LOGITS), rtol=1e-5
    )


def test_a_layer_is_frozen_and_saved_with_the_model(tmp_path):
    layer = keras.saving.load_model(descriptors.FEATURES)
    spec = {"name": "perceptual", "network": layer, "inputs": "unit"}
    model = catalogue.build(
        "model",
        {**descriptors.MODELS["glf"], "reconstruction": spec},
        image_shape=descriptors.IMAGE_SHAPE,
    )
    before = [np.array(v) for v in layer.variables]
    model.fit(descriptors.images(), epochs=1, batch_size=12, verbose=0)
    for old, variable in zip(before, layer.variables, strict=True):
        np.testing.assert_array_equal(old, variable)
    model.save(tmp_path / "model.keras")
    copy = keras.saving.load_model(tmp_path / "model.keras").reconstruction
    assert not copy.trainable_variables
    np.testing.assert_allclose(
        copy(GREY, GREY_LOGITS), model.reconstruction(GREY, GREY_LOGITS), rtol=1e-6
    )


def test_gradients_reach_the_decoder_and_no_weights_of_the_network():
    """Of a file there are none to reach; a layer's are in no group that is trained."""
    for name in ("glf_network_perceptual", "rae_layer_perceptual"):
        model = descriptors.model(name)
        (stage, *_) = model.stages()
        (group, *_) = stage.updates[0].groups
        paths = {variable.path for variable in group.variables}
        assert not any("feature_network" in path for path in paths)
        with tf.GradientTape() as tape:
            terms = stage.updates[0].terms(
                descriptors.batch(), seed=tf.constant([0, 0]), training=True
            )
            loss = tf.reduce_mean(terms["reconstruction"])
        slopes = tape.gradient(
            loss, [v.value for v in model.decoder.trainable_variables]
        )
        assert all(np.abs(slope).max() > 0.0 for slope in slopes)


def test_a_model_that_draws_needs_no_network(tmp_path):
    spec = {"name": "perceptual", "network": str(tmp_path / "none.keras")}
    spec = {**descriptors.MODELS["glf"], "reconstruction": {**spec, "inputs": "unit"}}
    model = catalogue.build("model", spec, image_shape=descriptors.IMAGE_SHAPE)
    assert model.sample(2, seed=0).shape == (2, 8, 8, 1)
    terms = tf.function(descriptors.update(model, "joint").terms, autograph=False)
    with pytest.raises(errors.NotFound, match=r"none\.keras.*train_features"):
        terms(descriptors.batch(), seed=tf.constant([0, 0]), training=True)


def test_another_network_is_the_error_beside_a_critic():
    error = {"name": "perceptual", "network": str(descriptors.FEATURES)}
    spec = {"name": "patch_adversarial", "error": {**error, "inputs": "unit"}}
    judged = catalogue.build("reconstruction", spec, image_shape=(8, 8, 1))
    np.testing.assert_allclose(
        judged(GREY, GREY_LOGITS), other()(GREY, GREY_LOGITS), rtol=1e-6
    )
