# SPDX-License-Identifier: Apache-2.0
"""What a user of Keras tries works, or is refused in one line."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf_tf import catalogue, errors
from glf_tf.data import python_arrays
from glf_tf.devices import strategies
from glf_tf.keras_api import arguments
from glf_tf.models import model as model_lib
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


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", sorted(descriptors.MODELS))
def test_every_model_is_fitted_to_an_array(name, eagerly):
    model = for_images(name)
    before = values(model.trainable_variables)
    labels = np.arange(16) % model.num_classes if model.num_classes else None
    history = model.fit(PIXELS, labels, epochs=1, batch_size=16, verbose=0)
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
    with strategies.strategy("mirrored").scope():
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
        "gradient_norms": False,
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
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert loaded.loudness == 3.0
    np.testing.assert_array_equal(loaded(FLOATS), model(FLOATS))


class Moments(model_lib.GenerativeModel):
    """A user's model of the base class, which does not say that it is built."""

    def __init__(self, image_shape, *, name="moments"):
        super().__init__(image_shape, name=name)
        self.dense = keras.layers.Dense(64)
        self.dense.build((None, 2))

    def stages(self):
        return ()

    def _sample(self, n, *, seed, temperature):
        noise = temperature * tf.random.stateless_normal([n, 2], seed)
        return tf.reshape(tf.sigmoid(self.dense(noise)), [n, *self.image_shape])


@pytest.mark.filterwarnings("error::UserWarning")
def test_a_model_of_the_base_class_is_built_and_saved(tmp_path):
    model = Moments(descriptors.IMAGE_SHAPE)
    assert keras.saving.get_registered_name(Moments) == f"{__name__}>Moments"
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(loaded.sample(3), model.sample(3, seed=0))


def test_built_in_models_keep_their_registered_names():
    assert keras.saving.get_registered_name(vae.VAE) == "glf_tf>VAE"


def test_an_older_file_survives_a_name_that_is_refused(model, tmp_path):
    (tmp_path / "m.h5").write_text("older")
    with pytest.raises(errors.Unsupported, match=".keras file.*m.h5"):
        model.save(tmp_path / "m.h5")
    assert (tmp_path / "m.h5").read_text() == "older"


@pytest.mark.parametrize("optimizer", ["sgd", {"": "adam", "flow": "sgd"}])
def test_an_optimiser_is_chosen_by_name(model, optimizer, tmp_path, eagerly):
    model.compile(optimizer=optimizer, learning_rate=1e-2)
    chosen = model._settings.of("flow", stage="joint")["optimizer"]
    other = model._settings.of("autoencoder", stage="joint")["optimizer"]
    assert (chosen, other) == ("sgd", "sgd" if optimizer == "sgd" else "adam")
    assert model.get_compile_config()["optimizer"] == (
        optimizer if isinstance(optimizer, dict) else {"": optimizer}
    )


def test_what_keras_users_type_means_the_same(eagerly):
    model = descriptors.model("vae")
    history = model.fit(FLOATS, None, 6, np.int64(2), 0, validation_split=0.25)
    assert history.epoch == [0, 1]
    assert len(history.history["val_loss"]) == 2
    pair = model.fit(FLOATS, verbose=0, shuffle=True, validation_data=(FLOATS, None))
    assert np.isfinite(pair.history["val_loss"]).all()
    measured = model.evaluate(FLOATS, None, 16, verbose=0, return_dict=True)
    assert measured == pytest.approx(model.evaluate(FLOATS), rel=1e-5)


def test_a_split_holds_out_the_last_images():
    images = python_arrays.read(PIXELS)
    kept, held_out = arguments.held_out(images, 0.25)
    np.testing.assert_array_equal(kept.images, PIXELS[:12])
    np.testing.assert_array_equal(held_out.images, PIXELS[12:])


def test_predict_takes_what_fit_takes(model):
    expected = np.asarray(model.reconstruct(FLOATS))
    batches = tf.data.Dataset.from_tensor_slices(FLOATS).batch(5)
    for images in (PIXELS, tf.constant(FLOATS), batches, python_arrays.read(PIXELS)):
        np.testing.assert_allclose(
            model.predict(images, verbose=0), expected, atol=1e-5
        )


def test_predict_does_not_round(model):
    images = FLOATS * 0.5 + 1e-3
    found = model.predict(images, verbose=0)
    np.testing.assert_allclose(found, model.reconstruct(images), atol=1e-6)


def pairs(labels):
    return tf.data.Dataset.from_tensor_slices((PIXELS, labels))


REFUSED = {
    "no name": lambda model: model.compile(keras.optimizers.SGD()),
    "no names": lambda model: model.compile({"flow": keras.optimizers.SGD()}),
    "unknown name": lambda model: model.compile("adamw"),
    "text rate": lambda model: model.compile(learning_rate="1e-3"),
    "no rate": lambda model: model.compile(learning_rate=None),
    "number as group": lambda model: _fit_with(model, learning_rate={1: 1e-3}),
    "momentum": lambda model: _fit_with(model, momentum=0.9),
    "split": lambda model: model.fit(PIXELS, validation_split=1.5),
    "empty split": lambda model: model.fit(PIXELS, validation_split=0.99),
    "split in a folder": lambda model: model.fit(
        PIXELS, validation_split=0.1, workdir="nowhere"
    ),
    "no shuffle": lambda model: model.fit(PIXELS, shuffle=False),
    "validation target": lambda model: model.fit(
        PIXELS, validation_data=(PIXELS, PIXELS)
    ),
    "class_weight": lambda model: model.fit(PIXELS, class_weight={0: 1.0}),
    "verbose": lambda model: model.fit(PIXELS, verbose="rubbish"),
    "epochs": lambda model: model.fit(PIXELS, epochs=2.5),
    "text epochs": lambda model: model.fit(PIXELS, epochs="3"),
    "numbered stage": lambda model: model.fit(PIXELS, epochs={0: 1}),
    "text batch": lambda model: model.fit(PIXELS, batch_size="8"),
    "no seed": lambda model: model.fit(PIXELS, seed=None),
    "evaluate batch": lambda model: model.evaluate(FLOATS, batch_size=2.5),
    "evaluate seed": lambda model: model.evaluate(FLOATS, seed=-1),
    "evaluate steps": lambda model: model.evaluate(FLOATS, steps=3),
    "text metrics": lambda model: model.evaluate(FLOATS, metrics="fd"),
    "predict range": lambda model: model.predict(255 * FLOATS),
    "predict nan": lambda model: model.predict(FLOATS * np.float32("nan")),
    "predict shape": lambda model: model.predict(FLOATS[:, :4]),
    "predict rank": lambda model: model.predict(FLOATS[..., 0]),
    "predict empty": lambda model: model.predict(FLOATS[:0]),
    "predict None": lambda model: model.predict(None),
    "predict object": lambda model: model.predict(FLOATS.astype(object)),
    "predict list": lambda model: model.predict(FLOATS.tolist()),
    "predict generator": lambda model: model.predict(each for each in FLOATS),
    "predict batch": lambda model: model.predict(FLOATS, batch_size="8"),
    "numpy mask": lambda model: model.fit(np.ma.array(FLOATS, mask=FLOATS > 0.5)),
    "float labels": lambda model: model.fit(pairs(np.linspace(0, 1, 16))),
    "text labels": lambda model: model.fit(pairs(["a"] * 16)),
    "pairs of images": lambda model: model.fit(pairs(PIXELS)),
    "sizes": lambda model: model.fit(
        tf.data.Dataset.from_generator(
            lambda: iter([FLOATS[0], FLOATS[0, :4]]),
            output_signature=tf.TensorSpec((None, 8, 1)),
        )
    ),
    "broken dataset": lambda model: model.fit(
        tf.data.Dataset.from_tensor_slices(PIXELS).map(
            lambda image: tf.debugging.check_numerics(
                tf.cast(image, tf.float32) * float("nan"), "broken"
            )
        )
    ),
    "encode None": lambda model: model.encode(None),
    "encode object": lambda model: model.encode(FLOATS.astype(object)),
    "sample True": lambda model: model.sample(True),
    "temperature None": lambda model: model.sample(2, temperature=None),
    "temperature text": lambda model: model.sample(2, temperature="a"),
    "temperatures": lambda model: model.sample(2, temperature=[1.0, 2.0]),
    "save": lambda model: model.save("nowhere.h6"),
    "save in no folder": lambda model: model.save("nowhere/model.keras"),
    "weights in no folder": lambda model: model.save_weights("nowhere/a.weights.h5"),
    "name of weights": lambda model: model.save_weights("weights.h6"),
    "no weights": lambda model: model.load_weights("nowhere.weights.h5"),
    "loss": lambda model: model.compile(loss="mse"),
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
    with strategies.strategy("mirrored").scope():
        model.fit(PIXELS)


@pytest.mark.parametrize("habit", REFUSED)
def test_what_cannot_work_is_refused_in_one_line(habit, model):
    with pytest.raises(errors.UserError) as caught:
        REFUSED[habit](model)
    assert "\n" not in str(caught.value)


def test_weights_of_another_model_change_nothing(model, tmp_path):
    config = model.get_config()
    other = type(model).from_config({**config, "flow": {"name": "real_nvp"}})
    other.save_weights(tmp_path / "other.weights.h5")
    before = [variable.numpy() for variable in model.variables]
    with pytest.raises(errors.Damaged, match="the same parts") as caught:
        model.load_weights(tmp_path / "other.weights.h5")
    assert "\n" not in str(caught.value)
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)
