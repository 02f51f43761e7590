# SPDX-License-Identifier: Apache-2.0
"""`fit` in a folder: what it leaves, how it goes on, and that the tools take it."""

import contextlib
import json
import math
import pathlib
import signal
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from glf_tf import errors, seeds
from glf_tf.data import paths as paths_lib
from glf_tf.datasets import digits, occluded, subset
from glf_tf.experiments import folder as folder_lib
from glf_tf.experiments import replay, restore
from glf_tf.flows import real_nvp
from glf_tf.models import glf, image_flow, vae
from glf_tf.networks import network
from glf_tf.training import loop
from tests import calls, descriptors

PIXELS = descriptors.images(32).images
SHAPE = descriptors.IMAGE_SHAPE
QUIET = {"draw_every": 0, "export": False}


@pytest.fixture(autouse=True)
def eagerly():
    """Traces nothing: what is tested is what lies in the folder."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


pytestmark = pytest.mark.filterwarnings("ignore:Even though the `tf.config.experim")


def small(**options):
    return vae.VAE(
        SHAPE, latent_dim=2, network={"name": "mlp", "hidden": [4]}, **options
    )


def fit(model, where, **options):
    options = {"batch_size": 8, "verbose": 0, "reports": QUIET, **options}
    return model.fit(PIXELS, workdir=where, **options)


def variables(where):
    """All variables of the newest checkpoint."""
    newest = sorted((where / "checkpoints").glob("step_*"))[-1]
    reader = tf.train.load_checkpoint(str(newest / "variables"))
    names = [n for n in reader.get_variable_to_shape_map() if "OBJECT_GRAPH" not in n]
    assert len(names) > 10
    return {name: reader.get_tensor(name) for name in names}


def assert_same(one, other):
    assert one.keys() == other.keys()
    for name, value in one.items():
        np.testing.assert_array_equal(value, other[name], err_msg=name)


class Killed(Exception):
    """Ends a training as a kill does: nothing is saved any more."""


def kill_in(epoch):
    def kill(batch, logs):
        if kill.epoch == epoch and batch == 2:
            raise Killed

    def note(epoch, logs):
        kill.epoch = epoch

    return keras.callbacks.LambdaCallback(on_epoch_begin=note, on_train_batch_end=kill)


def test_a_folder_has_all_that_tools_leave(tmp_path):
    history = fit(
        small(),
        tmp_path,
        epochs=2,
        validation_data=PIXELS[:8],
        reports={"draw_every": 1},
    )
    assert history.epoch == [0, 1]
    assert len(history.history["val_loss"]) == 2
    where = folder_lib.Folder(tmp_path)
    for path in (
        where.flags,
        where.description,
        where.pictures / "samples.png",
        where.pictures / "reconstructions.png",
        where.saved_model / "saved_model.pb",
        tmp_path / "metrics.jsonl",
        where.checkpoints / "best",
        where.checkpoints / "step_00000008",
    ):
        assert path.exists(), path
    assert list(where.tensorboard.rglob("*tfevents*"))
    described = where.read()
    assert described["dataset"] == {"name": "arrays"}
    assert described["data"]["train"]["images"] == 32
    assert described["data"]["test"]["images"] == 8


@pytest.mark.parametrize("epoch", [0, 2])
def test_a_fit_that_was_killed_ends_with_the_same_bits(tmp_path, epoch):
    """The model of the process that goes on begins with other weights."""
    keras.utils.set_random_seed(1)
    how = {"epochs": 4, "validation_data": PIXELS[:8]}
    whole, resumed = small(), small()
    resumed.set_weights(whole.get_weights())
    for model in (whole, resumed):
        model.compile(optimizer=None, ema_decay=0.9, learning_rate=1e-2)
    history = fit(whole, tmp_path / "whole", **how).history
    with pytest.raises(Killed):
        fit(resumed, tmp_path / "killed", callbacks=[kill_in(epoch)], **how)
    other = small()
    other.compile(optimizer=None, ema_decay=0.9, learning_rate=1e-2)
    found = fit(other, tmp_path / "killed", resume=True, **how)
    assert found.epoch == list(range(epoch, 4))
    for name, values in found.history.items():
        assert values == history[name][epoch:], name
    assert_same(variables(tmp_path / "whole"), variables(tmp_path / "killed"))
    for item, same in zip(whole.variables, other.variables, strict=True):
        np.testing.assert_array_equal(item, same)


def test_a_signal_saves_and_the_same_call_goes_on(tmp_path):
    stop = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: signal.raise_signal(signal.SIGINT)
    )
    model = small()
    with pytest.raises(loop.Stopped, match="state is saved"):
        fit(model, tmp_path, epochs=3, callbacks=[stop])
    assert fit(model, tmp_path, epochs=3, resume=True).epoch == [1, 2]
    assert fit(model, tmp_path, epochs=3, resume=True).epoch == []
    assert fit(model, tmp_path, epochs=5, resume=True).epoch == [3, 4]
    with pytest.raises(errors.InvalidValue, match="folder of its own"):
        fit(model, tmp_path)
    with pytest.raises(errors.InvalidValue, match="batch_size=4 after 8"):
        fit(model, tmp_path, batch_size=4, resume=True)
    with pytest.raises(errors.Damaged, match="must not change"):
        model.fit(PIXELS[::-1], workdir=tmp_path, batch_size=8, resume=True)


class Bounded(vae.VAE):
    """A model of somebody's, with an option of any value."""

    def __init__(self, image_shape, *, bound=math.inf, **kwargs):
        super().__init__(image_shape, **kwargs)


@pytest.mark.parametrize("bound", [math.inf, [math.nan], 2**70, {1, 2}])
def test_what_a_folder_cannot_describe_is_refused_before_it_is_made(bound, tmp_path):
    network = {"name": "mlp", "hidden": [4]}
    model = Bounded(SHAPE, latent_dim=2, network=network, bound=bound)
    with pytest.raises(errors.InvalidValue, match="in run.json") as caught:
        fit(model, tmp_path / "run")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_the_best_weights_of_early_stopping_are_those_in_the_folder(tmp_path):
    model = small()
    model.compile(optimizer=None, learning_rate=0.5, ema_decay=0.5)
    best = keras.callbacks.EarlyStopping("loss", patience=2, restore_best_weights=True)
    history = fit(model, tmp_path, epochs=30, callbacks=[best])
    assert 2 < len(history.epoch) < 30
    loaded = restore.load_model(tmp_path)
    for item, same in zip(model.variables, loaded.variables, strict=True):
        np.testing.assert_array_equal(item, same)


def my_coders():
    encoder = keras.Sequential([layers.Flatten(), layers.Dense(4)])
    stack = [layers.Dense(math.prod(SHAPE), "sigmoid"), layers.Reshape(SHAPE)]
    return {"encoder": encoder, "decoder": keras.Sequential(stack)}


def test_a_model_of_objects_is_loaded_and_drawn_from_by_tools(tmp_path):
    flow = real_nvp.RealNVP(4, hidden=6, blocks=2)
    model = glf.GLF(SHAPE, **my_coders(), flow=flow, procedure="joint", name="mine")
    fit(model, tmp_path / "run", seed=3)
    loaded = restore.load_model(tmp_path / "run")
    for item, same in zip(model.variables, loaded.variables, strict=True):
        np.testing.assert_array_equal(item, same)
    drawn = calls.call(
        "sample",
        f"--workdir={tmp_path / 'run'}",
        "--num_samples=3",
        f"--output={tmp_path / 'drawn.npy'}",
    )
    assert drawn.status == 0, drawn.stderr
    np.testing.assert_allclose(
        np.load(tmp_path / "drawn.npy"), model.sample(3, seed=0), atol=1e-6
    )


class OfNotebook(vae.VAE):
    """A model as somebody writes it in a notebook, whose module is `__main__`."""


def test_a_model_of_a_notebook_is_loaded_in_python_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(OfNotebook, "__module__", "__main__")
    monkeypatch.setattr(
        sys.modules["__main__"], "OfNotebook", OfNotebook, raising=False
    )
    model = OfNotebook(SHAPE, latent_dim=2, network={"name": "mlp", "hidden": [4]})
    fit(model, tmp_path / "run")
    np.testing.assert_array_equal(
        restore.load_model(tmp_path / "run")(PIXELS / 255.0), model(PIXELS / 255.0)
    )
    monkeypatch.delattr(sys.modules["__main__"], "OfNotebook")
    registered = keras.saving.get_custom_objects()
    for key in [key for key in registered if key.endswith(">OfNotebook")]:
        monkeypatch.delitem(registered, key)
    drawn = calls.call("sample", f"--workdir={tmp_path / 'run'}", "--output=no.png")
    assert drawn.status == 2
    (line,) = drawn.stderr.strip().splitlines()
    assert "script or notebook" in line
    with pytest.raises(errors.InvalidValue, match="custom_objects"):
        restore.load_model(tmp_path / "run")
    known = {"OfNotebook": OfNotebook}
    loaded = restore.load_model(tmp_path / "run", custom_objects=known)
    assert type(loaded) is OfNotebook
    np.testing.assert_array_equal(loaded(PIXELS / 255.0), model(PIXELS / 255.0))


def test_a_model_of_a_module_is_drawn_from_by_tools(tmp_path):
    model = OfNotebook(SHAPE, latent_dim=2, network={"name": "mlp", "hidden": [4]})
    fit(model, tmp_path / "run")
    place = f"{__name__}:OfNotebook"
    assert folder_lib.Folder(tmp_path / "run").read()["model"]["name"] == place
    output = tmp_path / "drawn.png"
    drawn = calls.call("sample", f"--workdir={tmp_path / 'run'}", f"--output={output}")
    assert drawn.status == 0, drawn.stderr


class Unnamed(network.AbstractNetwork):
    """A network of somebody's, whose layers have the names that Keras counts to."""

    def encoder(self, image_shape, code_dim):
        """Returns an encoder."""
        inner = [layers.Flatten(), layers.Dropout(0.1), layers.Dense(code_dim)]
        return keras.Sequential([keras.Input(image_shape), *inner])

    def decoder(self, latent_dim, image_shape):
        """Returns a decoder."""
        inner = [layers.Dense(math.prod(image_shape)), layers.Reshape(image_shape)]
        return keras.Sequential([keras.Input((latent_dim,)), *inner])


class WithOwn(glf.GLF):
    """A model of somebody's, with a weight and layers of its own."""

    def __init__(self, image_shape, **kwargs):
        super().__init__(image_shape, **kwargs)
        self.scale = self.add_weight(shape=(), name="scale")
        self.head = keras.Sequential([keras.Input((3,)), layers.Dense(2)])
        self.other = keras.Sequential([keras.Input((3,)), layers.Dense(2)])


def unnamed():
    flow = {"name": "real_nvp", "blocks": 1, "hidden": 4}
    return WithOwn(
        SHAPE, latent_dim=2, network=Unnamed(), flow=flow, procedure="joint", name=None
    )


def test_names_that_keras_counted_do_not_lose_a_run(tmp_path):
    model = unnamed()
    fit(model, tmp_path)
    # Each of them moves Keras' count.
    layers.Dense(2), layers.Dropout(0.1), keras.Sequential([])
    loaded, again = restore.load_model(tmp_path), unnamed()
    for one, other in zip(model.variables, loaded.variables, strict=True):
        assert one.path == other.path
        np.testing.assert_array_equal(one, other)
    assert fit(again, tmp_path, epochs=2, resume=True).epoch == [1]


def evaluate(*arguments):
    """Returns tools/evaluate.py as it ended."""
    metrics = ("--metrics=reconstruction", "--extractor=random_convolutional")
    return calls.call("evaluate", *arguments, *metrics)


def test_tools_measure_on_arrays_that_are_given_again(tmp_path):
    fit(small(), tmp_path / "run", validation_data=PIXELS[:8])
    run = f"--workdir={tmp_path / 'run'}"
    refused = evaluate(run)
    assert refused.status == 1
    assert "numpy.save" in refused.stderr
    assert "--data_dir" in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1
    np.save(tmp_path / "train.npy", PIXELS)
    np.save(tmp_path / "test.npy", PIXELS[:8])
    measured = evaluate(run, f"--data_dir={tmp_path}")
    assert measured.status == 0, measured.stderr
    assert "reconstruction" in measured.output
    np.save(tmp_path / "test.npy", PIXELS[1:9])
    refused = evaluate(run, f"--data_dir={tmp_path}")
    assert refused.status == 1
    assert "must not change" in refused.stderr


LABELS = np.arange(32) % 3


def with_labels():
    flow = {"name": "glow", "levels": 1, "blocks": 1, "hidden": 3}
    return image_flow.ImageFlow(SHAPE, flow=flow, num_classes=3)


def fit_with_labels(where, labels=LABELS, **options):
    return fit(
        with_labels(),
        where,
        y=labels,
        epochs=2,
        validation_data=(PIXELS[:8], LABELS[:8]),
        **options,
    )


def test_a_fit_to_labels_goes_on_with_the_same_bits(tmp_path):
    for name in ("whole", "killed"):
        keras.utils.set_random_seed(1)
        if name == "whole":
            fit_with_labels(tmp_path / name)
            continue
        with pytest.raises(Killed):
            fit_with_labels(tmp_path / name, callbacks=[kill_in(1)])
        with pytest.raises(errors.Damaged, match="must not change"):
            fit_with_labels(tmp_path / name, LABELS[::-1].copy(), resume=True)
        fit_with_labels(tmp_path / name, resume=True)
    found = [variables(tmp_path / name) for name in ("whole", "killed")]
    assert_same(*found)
    embeddings = [found[0][name] for name in found[0] if "embedding" in name]
    assert embeddings
    assert min(np.abs(embedding).min() for embedding in embeddings) > 0


def test_tools_take_labels_that_are_given_again(tmp_path):
    fit_with_labels(tmp_path / "run")
    run = f"--workdir={tmp_path / 'run'}"
    for split, count in (("train", 32), ("test", 8)):
        np.save(tmp_path / f"{split}.npy", PIXELS[:count])
    asked = ("evaluate", run, f"--data_dir={tmp_path}", "--metrics=bits_per_dim")
    refused = calls.call(*asked)
    assert refused.status == 1
    assert "must not change" in refused.stderr
    np.save(tmp_path / "train_labels.npy", LABELS)
    (tmp_path / "test_labels.npy").write_bytes(b"text")
    refused = calls.call(*asked)
    assert refused.status == 1
    assert "test_labels.npy" in refused.stderr
    np.save(tmp_path / "test_labels.npy", LABELS[:8])
    measured = calls.call(*asked, f"--out={tmp_path / 'bits.json'}")
    assert measured.status == 0, measured.stderr
    model = restore.load_model(tmp_path / "run")
    log_prob = model.log_prob(
        tf.constant(PIXELS[:8] / 255.0, tf.float32),
        label=LABELS[:8],
        seed=seeds.fold(0, 0),
        num_draws=8,
    )
    bits = -np.mean(log_prob) / (model.latent_dim * math.log(2.0))
    found = json.loads((tmp_path / "bits.json").read_text())
    values = {item["metric"]: item["values"] for item in found}
    np.testing.assert_allclose(values["bits_per_dim_8_draws"], bits, rtol=1e-5)
    output = tmp_path / "drawn.npy"
    how = ("--labels=2,0", "--num_samples=4", f"--output={output}")
    drawn = calls.call("sample", run, *how)
    assert drawn.status == 0, drawn.stderr
    expected = model.sample(4, seed=0, label=[2, 2, 0, 0])
    np.testing.assert_allclose(np.load(output), expected, atol=1e-6)


def test_a_data_set_is_found_again_by_its_name(tmp_path):
    few = subset.Subset(paths_lib.DataPaths(), dataset="digits", count=64)
    model = small()
    model.fit(few, batch_size=32, workdir=tmp_path, verbose=0, reports=QUIET)
    assert folder_lib.Folder(tmp_path).read()["dataset"] == {
        "name": "subset",
        "dataset": {"name": "digits"},
        "count": 64,
    }
    measured = evaluate(f"--workdir={tmp_path}")
    assert measured.status == 0, measured.stderr
    assert "reconstruction" in measured.output


def test_fit_takes_a_data_set_by_name_without_a_folder():
    model, images = small(), digits.Digits(paths_lib.DataPaths()).load("test")
    history = model.fit("digits", batch_size=512, validation_data="digits", verbose=0)
    measured = model.evaluate(images)
    assert measured == model.evaluate({"name": "digits"})
    assert history.history["val_kl"][-1] == pytest.approx(measured["kl"], rel=1e-5)


def test_flags_cannot_train_it_again(tmp_path):
    fit(small(), tmp_path)
    with pytest.raises(errors.Unsupported, match="in Python"):
        replay.parts(folder_lib.Folder(tmp_path))
    refused = calls.call(
        "train", f"--flagfile={tmp_path / 'flags.cfg'}", f"--workdir={tmp_path / '2'}"
    )
    assert refused.status == 2
    assert len(refused.stderr.strip().splitlines()) == 1
    refused = calls.call("train", f"--workdir={tmp_path}", "--resume")
    assert "model.fit(..., workdir=FOLDER, resume=True)" in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1
    (entry,) = folder_lib.Folder(tmp_path).read()["history"]
    model = small()
    model.compile(optimizer=None, learning_rate=1e-4)
    fit(model, tmp_path, epochs=2, resume=True)
    entries = json.loads((tmp_path / "run.json").read_text())["history"]
    assert entries[0] == entry
    assert entries[1]["changed"] == {
        "epochs": ["1", "2"],
        "learning_rate": ["0.001", "0.0001"],
    }


def hidden():
    return occluded.Occluded(paths_lib.DataPaths()).load("train").take(8)


REFUSED = {
    "resume alone": lambda m, where: m.fit(PIXELS, resume=True),
    "reports alone": lambda m, where: m.fit(PIXELS, reports={}),
    "no report": lambda m, where: fit(m, where, reports={"save_evry": 1}),
    "no test": lambda m, where: fit(m, where, reports={"evaluate_every": 1}),
    "callback": lambda m, where: fit(m, where, callbacks=[print]),
    "foreign": lambda m, where: fit(m, pathlib.Path(__file__).parent),
    "other test": lambda m, where: m.fit(
        "digits", validation_data=PIXELS, workdir=where
    ),
    "a function's class": lambda m, where: fit(of_function(), where),
}


def of_function():
    class Inner(vae.VAE):
        pass

    return Inner(SHAPE, latent_dim=2, network={"name": "mlp", "hidden": [4]})


@pytest.mark.parametrize("habit", REFUSED)
def test_what_cannot_work_is_refused_and_writes_nothing(habit, tmp_path):
    with pytest.raises(errors.UserError) as caught:
        REFUSED[habit](small(), tmp_path / "run")
    assert "\n" not in str(caught.value)
    with contextlib.suppress(FileNotFoundError):
        assert not [
            item for item in (tmp_path / "run").iterdir() if item.name != "lock"
        ]
