# SPDX-License-Identifier: Apache-2.0
"""Features of any network: which layers, of which file, and what is refused."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf_tf import errors
from glf_tf.networks import feature_networks

SHAPE = (8, 8, 1)
PIXELS = np.random.default_rng(0).random((3, *SHAPE)).astype(np.float32)
layers = keras.layers


def network(shape=SHAPE):
    """Levels of 8x8, 4x4 and 2x2, a 1x1 that is none, and a vector."""
    image = keras.Input(shape, name="image")
    x = layers.Rescaling(2.0, -1.0, name="scaled")(image)
    x = layers.Conv2D(3, 3, padding="same", name="conv_8")(x)
    x = layers.BatchNormalization(name="norm_8")(x)
    x = layers.ReLU(name="relu_8")(x)
    x = layers.Dropout(0.5, name="dropped_8")(x)
    x = layers.MaxPooling2D(name="pool_4")(x)
    x = layers.Conv2D(4, 3, padding="same", name="conv_4")(x)
    x = layers.Conv2D(2, 3, strides=2, padding="same", name="conv_2")(x)
    x = layers.GlobalAveragePooling2D(keepdims=True, name="mean")(x)
    logits = layers.Dense(2, name="logits")(layers.Flatten(name="flat")(x))
    made = keras.Model(image, logits, name="user")
    # Moving averages that batches do not have.
    made.get_layer("norm_8").moving_mean.assign([0.3, -0.2, 0.1])
    return made


def outputs(made, *names):
    model = keras.Model(made.inputs[0], [made.get_layer(name).output for name in names])
    found = model(PIXELS, training=False)
    return found if isinstance(found, (list, tuple)) else [found]


@pytest.fixture(scope="module")
def user():
    return network()


@pytest.fixture(scope="module", params=["keras", "h5", "saved_model", "layer"])
def form(request):
    return request.param


@pytest.fixture(scope="module")
def given(form, user, tmp_path_factory):
    """The network as a file, or as it is, and the names of all its levels."""
    folder = tmp_path_factory.mktemp("network")
    names = ("dropped_8", "conv_4", "conv_2")
    if form == "layer":
        return user, names
    if form == "saved_model":
        levels = [user.get_layer(name).output for name in names]
        keras.Model(user.inputs[0], levels).export(folder / "saved", verbose=False)
        return folder / "saved", ("output_0", "output_1", "output_2")
    path = folder / f"user.{form}"
    user.save(path)
    return path, names


def made(given, *, shape=SHAPE, **wanted):
    how = {"image_shape": shape, "wanted": feature_networks.Wanted(**wanted)}
    if isinstance(given, keras.layers.Layer):
        return feature_networks.LayerNetwork(given, **how)
    return feature_networks.FileNetwork(given, **how)


def refused(given, word, error=errors.InvalidValue, **how):
    with pytest.raises(error, match=word) as caught:
        made(given, **how).load()
    assert "\n" not in str(caught.value)


def test_levels_are_the_last_layers_of_each_resolution(given, user):
    found = made(given[0])
    features = found(PIXELS)
    assert found.names == given[1]
    expected = outputs(user, "dropped_8", "conv_4", "conv_2")
    for left, right in zip(features, expected, strict=True):
        np.testing.assert_allclose(left, right, atol=1e-6)


def test_the_first_levels_are_chosen_by_their_number(given, user):
    found = made(given[0], levels=2)
    assert [level.shape[1] for level in found(PIXELS)] == [8, 4]


def test_layers_are_chosen_by_name(user):
    found = made(user, layers=("conv_4", "conv_8"))
    expected = outputs(user, "conv_4", "conv_8")
    for left, right in zip(found(PIXELS), expected, strict=True):
        np.testing.assert_allclose(left, right, atol=1e-6)


def test_calls_leave_the_network_as_it_is(given, user):
    before = [np.array(v) for v in user.variables]
    found = made(given[0])
    first = [np.array(level) for level in found(PIXELS)]
    for old, variable in zip(before, user.variables, strict=True):
        np.testing.assert_array_equal(old, variable)
    for left, right in zip(first, found(PIXELS), strict=True):
        np.testing.assert_array_equal(left, right)


def test_a_file_is_read_once_also_in_a_trace(given, monkeypatch):
    found, reads = made(given[0]), []
    source = feature_networks.read
    monkeypatch.setattr(
        feature_networks, "read", lambda path: reads.append(path) or source(path)
    )
    traced = tf.function(found, autograph=False)
    eager = found(PIXELS)
    for left, right in zip(traced(PIXELS), eager, strict=True):
        np.testing.assert_allclose(left, right, atol=1e-6)
    assert len(reads) == (0 if isinstance(given[0], keras.layers.Layer) else 1)


@pytest.mark.parametrize("form", ["keras", "saved_model"], indirect=True)
def test_a_file_is_first_read_on_a_replica(given, form):
    strategy = tf.distribute.MirroredStrategy(devices())
    found = made(given[0])

    @tf.function(autograph=False)
    def run():
        return strategy.run(lambda: found(tf.constant(PIXELS))[0])

    expected = made(given[0])(PIXELS)[0]
    for local in strategy.experimental_local_results(run()):
        np.testing.assert_allclose(local, expected, atol=1e-6)


def devices():
    return [device.name for device in tf.config.list_logical_devices("CPU")][:2]


@pytest.mark.parametrize("form", ["keras", "saved_model"], indirect=True)
def test_it_is_compiled(given, form):
    found = made(given[0])
    compiled = tf.function(lambda x: found(x), autograph=False, jit_compile=True)
    for left, right in zip(compiled(PIXELS), found(PIXELS), strict=True):
        np.testing.assert_allclose(left, right, atol=1e-5)


def test_grey_images_get_the_channels_of_the_network():
    colour = network((8, 8, 3))
    found = made(colour)(PIXELS)[0]
    expected = made(colour, shape=(8, 8, 3))(np.repeat(PIXELS, 3, axis=-1))[0]
    np.testing.assert_array_equal(found, expected)


def test_what_has_no_weights_before_it_is_no_level():
    stack = [layers.Rescaling(2.0, -1.0), layers.Conv2D(2, 3, strides=2, name="conv")]
    found = made(keras.Sequential([keras.Input(SHAPE), *stack]))
    assert found.names == ("conv",)


def test_images_of_other_channels_are_refused(given):
    refused(given[0], "3 channels.*1 channels", shape=(8, 8, 3))


def test_images_of_another_size_are_refused(given):
    refused(given[0], r"accept images \[batch, 9, 8, 1\]", shape=(9, 8, 1))


def test_any_size_is_taken_by_a_network_of_any_size(user):
    stack = [keras.Input((None, None, 1)), layers.Conv2D(2, 3), layers.MaxPooling2D()]
    found = made(keras.Sequential(stack), shape=(12, 8, 1))
    levels = found(np.zeros((2, 12, 8, 1), np.float32))
    assert [level.shape for level in levels] == [(2, 10, 6, 2), (2, 5, 3, 2)]


class Plain(keras.layers.Layer):
    """A layer without a graph of layers."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.conv = layers.Conv2D(2, 3)

    def build(self, input_shape):
        self.conv.build(input_shape)

    def call(self, x):
        return self.conv(x)


def test_a_layer_without_a_graph_has_its_output():
    plain = Plain()
    found = made(plain)
    assert found.names == ("output",)
    np.testing.assert_allclose(found(PIXELS)[0], plain(PIXELS), atol=1e-6)


def test_unknown_layers_are_refused_with_those_there_are(user):
    refused(user, "conv_9.*conv_8", layers=("conv_9",))


def test_layers_without_pixels_are_refused(user):
    refused(user, "have pixels.*logits", layers=("logits",))
    refused(user, "have pixels.*mean", layers=("mean",))


def test_too_many_levels_are_refused(user):
    refused(user, "at most 3", levels=4)


def test_a_network_without_pixels_is_refused():
    flat = [keras.Input(SHAPE), layers.Flatten(), layers.Dense(2)]
    refused(keras.Sequential(flat), "more than one pixel")


def test_a_network_of_two_inputs_is_refused():
    first, second = keras.Input(SHAPE), keras.Input(SHAPE)
    both = keras.Model([first, second], layers.Conv2D(2, 3)(first + second))
    refused(both, "images alone")


@keras.saving.register_keras_serializable("tests")
class Rounded(keras.layers.Layer):
    """A layer without a gradient."""

    def call(self, x):
        return tf.cast(tf.cast(x, tf.int32), tf.float32)


def test_features_without_a_gradient_are_refused(tmp_path):
    stack = [keras.Input(SHAPE), layers.Conv2D(2, 3, name="conv"), Rounded(name="cut")]
    rounded = keras.Sequential(stack)
    refused(rounded, "gradient.*cut")
    made(rounded, layers=("conv",)).load()
    rounded.save(tmp_path / "rounded.keras")
    refused(tmp_path / "rounded.keras", "gradient.*cut")


def test_a_missing_file_is_named(tmp_path):
    refused(tmp_path / "none.keras", r"nothing at .*none\.keras", errors.NotFound)
    refused("vgg19", "nothing at vgg19.*vgg16", errors.NotFound)
    refused(tmp_path, "another kind", errors.NotFound)


@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_a_file_that_is_cut_off_is_refused(user, tmp_path, suffix):
    path = tmp_path / f"cut.{suffix}"
    user.save(path)
    path.write_bytes(path.read_bytes()[:2000])
    refused(path, "complete")


def test_a_saved_model_that_is_cut_off_is_refused(tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(b"not a protocol buffer")
    refused(tmp_path, "complete")


class Served(tf.Module):
    """A SavedModel whose signature takes what a test says."""

    def __init__(self, **specs):
        self.served = tf.function(
            lambda **given: {
                "out": tf.add_n([tf.cast(x, tf.float32) for x in given.values()])
            }
        ).get_concrete_function(**specs)


@pytest.mark.parametrize(
    ("specs", "word"),
    [
        ({"a": ((None, 8, 8, 1), tf.uint8)}, "uint8"),
        ({"a": ((None, 64), tf.float32)}, "float32.*64"),
        (dict.fromkeys("ab", ((None, 8, 8, 1), tf.float32)), "one signature.*a, b"),
    ],
)
def test_a_saved_model_of_other_inputs_is_refused(specs, word, tmp_path):
    specs = {name: tf.TensorSpec(*spec, name=name) for name, spec in specs.items()}
    module = Served(**specs)
    tf.saved_model.save(module, tmp_path, signatures=module.served)
    refused(tmp_path, word)


def test_a_saved_model_without_signatures_is_refused(tmp_path):
    tf.saved_model.save(tf.Module(), tmp_path)
    refused(tmp_path, "no signature")
