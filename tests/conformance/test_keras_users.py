# SPDX-License-Identifier: Apache-2.0
"""What a user of Keras tries works, or is refused in one line."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf_tf import catalogue, errors
from glf_tf.data import python_arrays
from glf_tf.models import vae
from tests import descriptors

# Eager execution leaves tf.data its graphs, and says so each time.
pytestmark = pytest.mark.filterwarnings("ignore:Even though the `tf.config.experim")

PIXELS = descriptors.images(16).images
FLOATS = np.float32(PIXELS) / 255.0


@pytest.fixture
def model():
    return descriptors.model("glf")


@pytest.fixture
def eagerly():
    """Traces nothing, where tracing is not what is tested."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture
def policy():
    """Sets a global policy of Keras', for the test alone."""
    yield keras.mixed_precision.set_global_policy
    keras.mixed_precision.set_global_policy("float32")


def for_images(name):
    """A model for the images of this file."""
    decided = descriptors.arguments(name)
    decided |= {"num_images": len(PIXELS)} if "num_images" in decided else {}
    return catalogue.build("model", descriptors.MODELS[name], **decided)


def values(variables):
    return [np.array(variable) for variable in variables]


@pytest.mark.parametrize("name", sorted(descriptors.MODELS))
def test_every_model_is_fitted_to_an_array(name, eagerly):
    model = for_images(name)
    before = values(model.trainable_variables)
    history = model.fit(PIXELS, epochs=1, batch_size=16, verbose=0)
    assert len(history.epoch) == len(history.stages) == len(history.history["loss"])
    assert np.isfinite(history.history["loss"]).all()
    changed = zip(before, values(model.trainable_variables), strict=True)
    assert any(np.any(old != new) for old, new in changed)


@pytest.mark.parametrize("name", ["glf_closing", "two_stage_vae", "lfbm"])
def test_a_policy_of_mixed_precision_is_kept_to(name, eagerly, policy):
    policy("mixed_bfloat16")
    model = for_images(name)
    assert any(layer.compute_dtype == "bfloat16" for layer in model._flatten_layers())
    assert np.isfinite(model.fit(PIXELS, verbose=0).history["loss"]).all()
    assert model.sample(2, seed=0).dtype == tf.float32


def test_all_stages_run_and_validation_is_measured(eagerly):
    model = descriptors.model("glf_two_stage")
    epochs = {"": 1, "flow": 2}
    history = model.fit(
        FLOATS, epochs=epochs, batch_size=8, validation_data=FLOATS, verbose=0
    )
    assert history.stages == ["autoencoder", "flow", "flow"]
    measured = model.evaluate(FLOATS)
    assert measured.keys() == {"reconstruction", "nll"}
    assert history.history["val_nll"][-1] == pytest.approx(measured["nll"])
    assert len(history.history["val_loss"]) == 3


def test_the_same_seed_gives_the_same_weights_from_any_kind_of_images(eagerly):
    found = []
    labelled = tf.data.Dataset.from_tensor_slices((PIXELS, np.arange(16)))
    for images in (PIXELS, FLOATS, labelled.batch(5), python_arrays.read(PIXELS)):
        model = descriptors.model("vae")
        keras.utils.set_random_seed(0)
        for variable in model.trainable_variables:
            variable.assign(tf.ones_like(variable) * 0.1)
        model.fit(images, batch_size=8, seed=3, verbose=0)
        found.append([np.array(v) for v in model.trainable_variables])
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_fit_goes_on_twice_and_after_loading(model, tmp_path, eagerly):
    first = model.fit(PIXELS, epochs=2, batch_size=8, verbose=0).history["loss"]
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    again = model.fit(PIXELS, batch_size=8, verbose=0).history["loss"]
    assert again[0] < first[0]
    assert loaded.fit(PIXELS, batch_size=8, verbose=0).history["loss"] == again


def test_callbacks_of_keras_hear_and_stop(model, tmp_path):
    heard = []
    callbacks = [
        keras.callbacks.LambdaCallback(
            on_train_begin=lambda logs: heard.append("begin"),
            on_epoch_begin=lambda epoch, logs: heard.append(epoch),
            on_train_batch_end=lambda batch, logs: heard.append(f"batch {batch}"),
            on_train_end=lambda logs: heard.append("end"),
        ),
        keras.callbacks.CSVLogger(str(tmp_path / "log.csv")),
        keras.callbacks.TerminateOnNaN(),
        keras.callbacks.TensorBoard(str(tmp_path / "board")),
        keras.callbacks.ModelCheckpoint(str(tmp_path / "best.keras"), monitor="loss"),
        keras.callbacks.EarlyStopping(monitor="loss", min_delta=1e9, patience=1),
    ]
    history = model.fit(PIXELS, epochs=9, batch_size=8, callbacks=callbacks, verbose=0)
    assert history.epoch == [0, 1]
    of_epoch = ["batch 0", "batch 1"]
    assert heard == ["begin", 0, *of_epoch, 1, *of_epoch, "end"]
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 3
    assert (tmp_path / "best.keras").exists()
    assert list((tmp_path / "board").rglob("*tfevents*"))


def test_compile_sets_optimisers_by_group(model, eagerly):
    before = [np.array(v) for v in model.prior.trainable_variables]
    encoder = [np.array(v) for v in model.encoder.trainable_variables]
    model.compile(learning_rate={"flow": 0.0})
    model.fit(PIXELS, batch_size=8, verbose=0)
    for variable, value in zip(model.prior.trainable_variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)
    assert np.any(np.array(model.encoder.trainable_variables[0]) != encoder[0])


def test_frozen_layers_stay(model, eagerly):
    model.encoder.trainable = False
    before = [np.array(v) for v in model.encoder.variables]
    model.fit(PIXELS, batch_size=8, verbose=0)
    for variable, value in zip(model.encoder.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)


def test_predict_is_call_and_a_layer_has_gradients(model):
    called = np.asarray(model(FLOATS))
    np.testing.assert_allclose(
        model.predict(FLOATS, batch_size=5, verbose=0), called, atol=1e-5
    )
    inputs = keras.Input(descriptors.IMAGE_SHAPE)
    outer = keras.Model(inputs, keras.layers.Rescaling(2.0)(model(inputs)))
    with tf.GradientTape() as tape:
        outputs = outer(FLOATS)
    gradients = tape.gradient(outputs, model.decoder.trainable_variables)
    assert all(gradient is not None for gradient in gradients)
    np.testing.assert_allclose(outputs, 2.0 * called, rtol=1e-5)


def test_export_and_metrics_of_samples(tmp_path):
    model = descriptors.model("vae")
    names = model.export(tmp_path / "1")
    signatures = tf.saved_model.load(str(tmp_path / "1")).signatures
    assert set(signatures) == set(names)
    with pytest.warns(match="samples"):
        assert model.evaluate(FLOATS, metrics=["fd"])["fd"] > 0.0


def test_replicas_share_the_batches_of_fit(tmp_path):
    with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
        model = descriptors.model("vae")
    best = keras.callbacks.ModelCheckpoint(tmp_path / "m.keras", monitor="loss")
    history = model.fit(PIXELS, callbacks=[best], verbose=0)
    assert history.epoch == [0]
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_allclose(
        model.evaluate(FLOATS)["reconstruction"],
        loaded.evaluate(FLOATS)["reconstruction"],
        rtol=1e-5,
    )


def test_a_file_keeps_what_compile_was_given(model, tmp_path, eagerly):
    settings = {"learning_rate": {"flow": 0.0}, "decay_at": {"3": 0.5}}
    model.compile(**settings, optimizer=None)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert loaded.get_compile_config() == {
        "jit_compile": False,
        "learning_rate": {"": 1e-3, "flow": 0.0},
        "decay_at": {"3": 0.5},
    }
    plain = keras.saving.load_model(tmp_path / "m.keras", compile=False)
    assert plain.get_compile_config() is None
    one, other = (m.fit(PIXELS, verbose=0).history for m in (model, loaded))
    assert one == other


def test_a_clone_has_weights_of_its_own(model, eagerly):
    clone = keras.models.clone_model(model)
    assert clone.get_config() == model.get_config()
    before = values(model.variables)
    clone.fit(PIXELS, verbose=0)
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)


def test_a_summary_names_the_layers(model):
    lines = []
    model.summary(print_fn=lines.append)
    for layer in ("encoder", "decoder", "prior"):
        assert f"{layer} (" in "\n".join(lines)


class Louder(vae.VAE):
    """A user's model: another term, and an option of its own."""

    def __init__(self, image_shape, *, loudness: float = 2.0, **kwargs):
        super().__init__(image_shape, **kwargs)
        self.loudness = loudness

    def _encode(self, image, *, training=False):
        return super()._encode(self.loudness * image, training=training)


def test_a_subclass_of_a_user_is_fitted_and_saved(tmp_path, eagerly):
    model = Louder(
        descriptors.IMAGE_SHAPE,
        loudness=3.0,
        latent_dim=4,
        network={"name": "mlp", "hidden": [4]},
    )
    assert model.fit(PIXELS, verbose=0).epoch == [0]
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(
        tmp_path / "m.keras", custom_objects={"Louder": Louder}
    )
    assert loaded.loudness == 3.0
    np.testing.assert_array_equal(loaded(FLOATS), model(FLOATS))


REFUSED = {
    "loss": lambda model: model.compile(loss="mse"),
    "optimizer": lambda model: model.compile("adam"),
    "setting": lambda model: model.compile(learning_rte=1e-3),
    "group": lambda model: _fit_with(model, learning_rate={"flw": 1e-3}),
    "eager": lambda model: model.compile(run_eagerly=True),
    "target": lambda model: model.fit(PIXELS, PIXELS),
    "stage": lambda model: model.fit(PIXELS, epochs={"jont": 1}),
    "batch": lambda model: model.fit(PIXELS, batch_size=17),
    "shape": lambda model: model.fit(PIXELS[:, :4]),
    "rank": lambda model: model.fit(PIXELS[..., 0]),
    "range": lambda model: model.fit(FLOATS * 255),
    "nan": lambda model: model.fit(FLOATS * np.float32("nan")),
    "kind": lambda model: model.fit([1, 2]),
    "endless": lambda model: model.fit(
        tf.data.Dataset.from_tensor_slices(PIXELS).repeat()
    ),
    "plateau": lambda model: model.fit(
        PIXELS, callbacks=[keras.callbacks.ReduceLROnPlateau()]
    ),
    "no callback": lambda model: model.fit(PIXELS, callbacks=[print]),
    "train_on_batch": lambda model: model.train_on_batch(FLOATS),
    "test_on_batch": lambda model: model.test_on_batch(FLOATS),
    "train_step": lambda model: model.train_step(FLOATS),
    "format": lambda model: model.export("nowhere", format="onnx"),
    "metric": lambda model: model.evaluate(FLOATS, metrics=["fid"]),
    "scope": lambda model: _fit_in_a_scope(model),
    "predict": lambda model: descriptors.model("lfbm").predict(FLOATS),
}


def _fit_with(model, **settings):
    model.compile(**settings)
    model.fit(PIXELS)


def _fit_in_a_scope(model):
    with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
        model.fit(PIXELS)


@pytest.mark.parametrize("habit", REFUSED)
def test_what_cannot_work_is_refused_in_one_line(habit, model):
    with pytest.raises(errors.UserError) as caught:
        REFUSED[habit](model)
    assert "\n" not in str(caught.value)
