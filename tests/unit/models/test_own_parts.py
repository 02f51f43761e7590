# SPDX-License-Identifier: Apache-2.0
"""Networks and flows of somebody's in GLF, LFBM and RAE: ten lines each."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from keras import layers

from glf_tf import errors, parts
from glf_tf.bijectors import coupling, step
from glf_tf.experiments import experiment, plan, restore
from glf_tf.experiments import folder as folder_lib
from glf_tf.flows import flow as flow_lib
from glf_tf.models import glf, lfbm, rae
from glf_tf.priors import flow as flow_prior
from glf_tf.priors import prior as prior_lib
from glf_tf.training import checkpoints, loop, optimizers, options, saved_variables
from glf_tf.training import step as step_lib
from tests import descriptors

SHAPE, DIM = (8, 8, 1), 4


class Scaled(step.AbstractFlowStep):
    """A flow step of somebody's: each coordinate is multiplied."""

    def __init__(self, event_dim, **kwargs):
        super().__init__(event_dim, **kwargs)
        self.log_scale = self.add_weight(shape=(event_dim,), name="log_scale")
        self.built = True

    def bijector(self, *, training=False):
        """Returns the scaling."""
        return tfp.bijectors.Scale(log_scale=tf.convert_to_tensor(self.log_scale))


class MyFlow(flow_lib.AbstractFlow):
    """A flow of somebody's, of a step of the library and one of its own."""

    def __init__(self, event_dim, *, width=5, **kwargs):
        self._width = width
        super().__init__(event_dim, **kwargs)

    def make_steps(self):
        """Returns new steps."""
        size = self.event_dim
        return [Scaled(size), coupling.Coupling(size, hidden=self._width)]


class Bare(flow_lib.AbstractFlow):
    """A flow of somebody's with the constructor of its base class."""

    def make_steps(self):
        """Returns new steps."""
        return [Scaled(self.event_dim)]


class MyPrior(prior_lib.AbstractPrior):
    """A density of somebody's, whose layer has the name that Keras counts to."""

    def __init__(self, latent_dim, **kwargs):
        super().__init__(latent_dim, **kwargs)
        self.mean = layers.Dense(latent_dim)
        self.mean.build((None, 1))
        self.built = True

    def log_prob(self, z, *, training=False):
        """Returns the log-density."""
        return -0.5 * tf.reduce_sum(tf.square(z - self.mean(tf.ones([1, 1]))), axis=-1)

    def sample(self, n, *, seed, temperature=1.0, training=False):
        """Returns draws."""
        eps = tf.random.stateless_normal([n, self.latent_dim], seed)
        return self.mean(tf.ones([1, 1])) + temperature * eps


class MyTermsPrior(MyPrior):
    """A density of somebody's that is not learned by its likelihood."""

    term_names = ("pull", "noise")

    def terms(self, z, *, seed, training, label=None):
        """Returns its terms."""
        noise = tf.random.stateless_uniform([len(z)], seed)
        return {"pull": tf.reduce_sum(tf.square(z), axis=1), "noise": noise}


def my_encoder():
    return keras.Sequential([layers.Flatten(), layers.Dense(DIM)])


def my_decoder():
    dense = layers.Dense(64, "sigmoid")
    return keras.Sequential([keras.Input((DIM,)), dense, layers.Reshape(SHAPE)])


MODELS = {
    "glf": lambda flow: glf.GLF(
        SHAPE, encoder=my_encoder(), decoder=my_decoder(), flow=flow
    ),
    "lfbm": lambda flow: lfbm.LFBM(
        SHAPE, decoder=my_decoder(), prior=flow_prior.FlowPrior(DIM, flow=flow)
    ),
    "rae": lambda flow: rae.RAE(
        SHAPE,
        encoder=my_encoder(),
        decoder=my_decoder(),
        prior=flow_prior.FlowPrior(DIM, flow=flow),
    ),
}


def saved(model, folder):
    """Returns the names of a model's variables, saved as a checkpoint."""
    variables = saved_variables.variables_of(model)
    state = {"stage": 0, "step": 0, "global_step": 0, "callbacks": {}}
    checkpoints.Checkpoints(folder, variables).save(state, step=0)
    return list(variables)


FLOWS = {"own": [MyFlow, {"width": 7}], "bare": [Bare, {}]}


@pytest.mark.parametrize(
    ("name", "flow"), [*((name, "own") for name in MODELS), ("glf", "bare")]
)
def test_a_flow_class_of_somebodys_is_a_flow(name, flow, tmp_path):
    kind, options = FLOWS[flow]
    forms = [kind(DIM, **options), {"name": f"{__name__}:{kind.__name__}", **options}]
    models = [MODELS[name](flow) for flow in forms]
    descriptors.perturb(models[0])
    assert models[0].get_config() == models[1].get_config()
    assert models[0].latent_dim == DIM
    names = saved(models[0], tmp_path / "run")
    assert names == list(saved_variables.variables_of(models[1]))
    checkpoints.Checkpoints(
        tmp_path / "run", saved_variables.variables_of(models[1])
    ).restore()
    models[0].save(tmp_path / "m.keras")
    models.append(keras.saving.load_model(tmp_path / "m.keras"))
    images = models[0].sample(3, seed=0)
    for other in models[1:]:
        np.testing.assert_array_equal(other.sample(3, seed=0), images)


def test_names_count_nothing_that_keras_counts(tmp_path):
    names = [saved(MODELS["glf"](MyFlow(DIM)), tmp_path / str(i)) for i in range(2)]
    assert names[0] == names[1]
    assert {name.split("/")[1] for name in names[0]} == {
        "encoder",
        "decoder",
        "flow",
        "noise",
    }


def test_a_prior_class_of_somebodys_is_a_prior():
    priors = (MyPrior(DIM), MyPrior(DIM))  # of other names, as Keras counts
    made = [lfbm.LFBM(SHAPE, prior=item, decoder=my_decoder()) for item in priors]
    names = [list(saved_variables.variables_of(item)) for item in made]
    assert names[0] == names[1]
    described = parts.specification("model", made[0])
    assert described["prior"] == {"name": f"{__name__}:MyPrior"}
    again = parts.make("model", described, image_shape=SHAPE)
    assert again.get_config() == made[0].get_config()


def test_what_keras_users_put_in_networks_is_trained():
    encoder = keras.Sequential(
        [
            layers.Conv2D(3, 3, strides=2),
            layers.BatchNormalization(),
            layers.Dropout(0.2),
            layers.Flatten(),
            layers.Dense(DIM),
        ]
    )
    flow = MyFlow(DIM)
    model = glf.GLF(SHAPE, encoder=encoder, decoder=my_decoder(), flow=flow)
    before = {item.path: np.array(item) for item in model.variables}
    stage = model.stages()[0]
    made = optimizers.make([stage], options=options.Optimizers(), batches_per_epoch=1)
    trainer = step_lib.StageTrainer(model, stage, optimizers=made, seed=0)
    batches = tf.data.Dataset.from_tensors(descriptors.batch(8)).repeat()
    trainer.run(iter(batches), first_step=0, steps=2)
    changed = {
        item.path for item in model.variables if np.any(item != before[item.path])
    }
    learned = {item.path for item in model.trainable_variables}
    assert learned <= changed
    assert any(path.endswith("moving_mean") for path in changed - learned)
    slots = {path.split("/")[0] for path in learned}
    assert slots == {"encoder", "decoder", "flow"}


def test_a_run_of_somebodys_parts_is_resumed_and_loaded_from_its_folder(tmp_path):
    model = glf.GLF(SHAPE, encoder=my_encoder(), decoder=my_decoder(), flow=MyFlow(DIM))
    run = folder_lib.Folder(tmp_path / "run")
    planned = plan.Plan(
        dataset="digits",
        model=parts.specification("model", model) | {"procedure": "joint"},
        training=options.Training(epochs={"": 1}, batch_size=400),
        reports=plan.Reports(draw_every=0, export=False),
        recipe="",
        flags={},
    )
    with pytest.raises(loop.Stopped):
        experiment.train(planned, run, stop_at=1)
    trained = experiment.train(planned, run, resume=True)
    loaded = restore.load_model(run.path)
    assert loaded.get_config() == trained.get_config()
    np.testing.assert_array_equal(loaded.sample(3, seed=0), trained.sample(3, seed=0))


def test_a_prior_is_learned_by_its_own_terms():
    model = rae.RAE(SHAPE, encoder=my_encoder(), prior=MyTermsPrior(DIM))
    (update,) = model.stages()[1].updates
    assert update.weights == {"pull": 1.0, "noise": 1.0}
    batch, seed = {"z": tf.ones([3, DIM])}, tf.constant([0, 1])
    found = update.measure(batch, seed=seed, training=True)
    expected = model.prior.terms(batch["z"], seed=seed, training=True)
    np.testing.assert_array_equal(found["noise"], expected["noise"])


def test_a_prior_of_its_own_terms_is_refused_where_codes_change():
    with pytest.raises(errors.InvalidValue, match="MyTermsPrior, whose terms are pull"):
        lfbm.LFBM(SHAPE, decoder=my_decoder(), prior=MyTermsPrior(DIM))
