# SPDX-License-Identifier: Apache-2.0
"""This library's spline flow on codes: its training, its density, its samples.

    python spline_worker.py train_spline|density_spline|sample_spline [STEPS]

The results of training have the likelihood of held-out codes after the first STEPS.
"""

import sys

import codes as codes_lib
import numpy as np
import tensorflow as tf
import training
import worker

from glf_tf import quiet
from glf_tf.priors import flow as flow_prior
from glf_tf.training import optimizers, options, stages, step

_SIZES = codes_lib.Splines()


class _Density:
    """A prior with the one stage that trains it."""

    def __init__(self, prior):
        group = stages.Group("prior", layers=(prior,))
        self.stage = stages.Stage.of(
            "prior", group, terms=self._terms, weights={"nll": 1.0}
        )
        self._prior = prior

    def stages(self):
        return (self.stage,)

    def _terms(self, batch, *, seed, training):
        return self._prior.terms(batch["z"], seed=seed, training=training)


def _prior(z):
    sizes = {name: getattr(_SIZES, name) for name in ("blocks", "hidden", "depth")}
    flow = {
        "name": "neural_spline",
        "bins": _SIZES.bins,
        "bound": _SIZES.bound,
        "normalization": "none",  # the codes have mean 0 and deviation 1
        **sizes,
    }
    model = {"name": "flow", "flow": flow}
    training.configure(model, batch_size=_SIZES.batch_size)
    prior = flow_prior.FlowPrior(codes_lib.DIM, flow=flow)
    prior.start(z)
    return prior


def _train():
    z = np.float32(codes_lib.codes())
    train, test = z[:50_000], z[50_000:]
    prior = _prior(train)
    model = _Density(prior)
    asked = options.Optimizers(
        learning_rate={"": _SIZES.learning_rate}, clip_norm={"": _SIZES.clip_norm}
    )
    trainer = step.StageTrainer(
        model,
        model.stage,
        optimizers=optimizers.make(model.stages(), options=asked, batches_per_epoch=1),
        seed=0,
    )
    iterator = iter(_distributed(train))
    trainer.run(iterator, first_step=0, steps=_steps())
    nats = -np.mean(_log_prob(prior)(tf.constant(test)))
    return worker.Work(
        lambda steps: trainer.run(iterator, first_step=0, steps=steps),
        _SIZES.batch_size,
        about={**_about(prior), "nats": f"{nats:.2f} nats after {_steps():,} steps"},
    )


def _distributed(z):
    def batches():
        for batch in codes_lib.batches(z, batch_size=_SIZES.batch_size):
            yield {"z": batch}

    shape = tf.TensorSpec([_SIZES.batch_size, codes_lib.DIM], tf.float32)
    data = tf.data.Dataset.from_generator(batches, output_signature={"z": shape})
    strategy = tf.distribute.get_strategy()
    return strategy.experimental_distribute_dataset(data.prefetch(8))


def _density():
    z = np.float32(codes_lib.codes(_SIZES.batch_size))
    prior = _prior(z)
    log_prob = _log_prob(prior)
    z = tf.constant(z)

    def run(calls):
        for _ in range(calls):
            values = log_prob(z)
        values.numpy()

    return worker.Work(run, _SIZES.batch_size, about=_about(prior))


def _sample():
    prior = _prior(np.float32(codes_lib.codes(_SIZES.batch_size)))

    @tf.function(autograph=False)
    def sample(seed):
        return prior.sample(_SIZES.batch_size, seed=seed)

    def run(calls):
        for call in range(calls):
            latents = sample(tf.constant((0, call)))
        latents.numpy()

    return worker.Work(run, _SIZES.batch_size, about=_about(prior))


def _log_prob(prior):
    return tf.function(prior.log_prob, autograph=False)


def _steps():
    return int(sys.argv[2]) if sys.argv[2:] else _SIZES.steps


def _about(prior):
    return {**training.about(), "parameters": f"{prior.count_params():,}"}


if __name__ == "__main__":
    quiet.load_tensorflow()
    worker.serve(
        {"train_spline": _train, "density_spline": _density, "sample_spline": _sample}
    )
