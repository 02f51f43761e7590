# SPDX-License-Identifier: Apache-2.0
"""This library's flow matching on codes: its samples, and its exact density.

python flow_matching_worker.py sample_flow_matching|density_flow_matching
"""

import math

import codes as codes_lib
import tensorflow as tf
import training
import worker

from glf_tf import quiet
from glf_tf.priors import flow_matching

_SIZES = codes_lib.Velocity()


def _prior():
    names = ("hidden", "depth", "embedding", "steps")
    sizes = {name: getattr(_SIZES, name) for name in names}
    prior = {"name": "flow_matching", **sizes}
    training.configure(prior, batch_size=_SIZES.batch_size)
    return flow_matching.FlowMatchingPrior(codes_lib.DIM, **sizes)


def _sample():
    prior = _prior()

    @tf.function(autograph=False)
    def sample(seed):
        return prior.sample(_SIZES.batch_size, seed=seed)

    def run(calls):
        for call in range(calls):
            z = sample(tf.constant((0, call)))
        z.numpy()

    return worker.Work(run, _SIZES.batch_size, about=_about(prior))


def _density():
    prior = _prior()
    log_prob = tf.function(prior.log_prob, autograph=False)
    z = tf.constant(codes_lib.codes(_SIZES.batch_size), tf.float32)

    def run(calls):
        for _ in range(calls):
            values = log_prob(z)
        values.numpy()

    return worker.Work(run, _SIZES.batch_size, about=_about(prior))


def _about(prior):
    parameters = sum(math.prod(weight.shape) for weight in prior.trainable_weights)
    return {**training.about(), "parameters": f"{parameters:,}"}


if __name__ == "__main__":
    quiet.load_tensorflow()
    worker.serve({"sample_flow_matching": _sample, "density_flow_matching": _density})
