# SPDX-License-Identifier: Apache-2.0
"""The worker of this library, which runs each case with its recipe.

python glf_tf_worker.py CASE [xla | flags of tools/train.py]
"""

import subprocess
import sys
import tempfile

import numpy as np
import tensorflow as tf
import training
import worker

from glf_tf import quiet
from glf_tf.data import pipeline
from glf_tf.devices import processors
from glf_tf.evaluation import evaluation, image_sources
from glf_tf.evaluation import settings as settings_lib
from glf_tf.metrics.extractors import classifier
from glf_tf.priors import flow as flow_prior


def _train(recipe, *arguments, image_shape=training.MNIST):
    return training.work(recipe, *arguments, *sys.argv[2:], image_shape=image_shape)


def _train_of_table_4():
    """Steps of the recipe that the arguments name."""
    arguments = ("--network.precision=bfloat16", "--batch_size=64")
    return training.work(sys.argv[2], *arguments, image_shape=training.MNIST)


def _sample(recipe, image_shape, *, batch_size=256):
    asked = training.plan(recipe)
    processors.configure(model=asked["model"], batch_size=batch_size)
    model = training.model_of(asked, image_shape)
    sample = tf.function(lambda seed: model.sample(batch_size, seed=seed))

    def run(calls):
        for call in range(calls):
            images = sample(tf.constant((0, call)))
        images.numpy()

    return worker.Work(run, batch_size, about=training.about())


def _density(batch_size):
    prior = _latent_flow(batch_size)
    log_prob = tf.function(prior.log_prob, jit_compile=_is_compiled())
    z = tf.random.stateless_normal([batch_size, prior.latent_dim], seed=(0, 0))

    def run(calls):
        for _ in range(calls):
            values = log_prob(z)
        values.numpy()

    return worker.Work(run, batch_size, about=_flow_about(prior))


def _draw(batch_size):
    prior = _latent_flow(batch_size)
    forward = tf.function(prior.forward, jit_compile=_is_compiled())

    @tf.function
    def sample(seed):
        # XLA takes longer than TensorFlow to draw noise.
        shape = [batch_size, prior.latent_dim]
        return forward(tf.random.stateless_normal(shape, seed))

    def run(calls):
        for call in range(calls):
            latents = sample(tf.constant((0, call)))
        latents.numpy()

    return worker.Work(run, batch_size, about=_flow_about(prior))


def _is_compiled():
    return "xla" in sys.argv[2:]


def _latent_flow(batch_size):
    flow = {"name": "real_nvp", "blocks": 4, "hidden": 256, "batch_norm": False}
    flow["conditioner"] = "shared"  # one network per coupling, as the others have
    training.configure({"name": "flow", "flow": flow}, batch_size=batch_size)
    return flow_prior.FlowPrior(64, flow=flow)


def _pipeline(image_shape, *, size, batch_size):
    batches = pipeline.batches(
        training.images(image_shape, size=size), batch_size=batch_size, seed=0
    )
    iterator = iter(batches)

    def run(count):
        for _ in range(count):
            next(iterator)

    return worker.Work(run, batch_size, about=training.about())


def _langevin(batch_size=100):
    flow = "--prior.flow=real_nvp --prior.flow.blocks=4 --prior.flow.hidden=64"
    plan = training.plan("lfbm/mnist", *flow.split(), "--noprior.flow.batch_norm")
    model = training.model_of(plan, training.MNIST)
    images = np.float32(training.images(training.MNIST, size=batch_size).images) / 255.0

    @tf.function(autograph=False)
    def infer(seed):
        return model.infer_latents(images, seed=seed, start="normal").z

    def run(calls):
        for call in range(calls):
            z = infer(tf.constant((0, call)))
        z.numpy()

    return worker.Work(run, batch_size * model.sampler.steps, about=training.about())


def _evaluate():
    model = training.model_of(training.plan("glf/mnist"), training.MNIST)
    images = training.images(training.MNIST)
    network = classifier.build(training.MNIST, classes=10, seed=0)
    measuring = evaluation.Evaluation(
        train=images,
        test=images,
        extractor=lambda: classifier.Classifier(
            network, dataset="random", accuracy=0.1
        ),
        settings=settings_lib.Settings(samples=10_000, references=10_000),
    )
    metrics = ("fd", "kid", "prd", "precision_recall")

    def run(times):
        for _ in range(times):
            measuring.samples(image_sources.ModelSamples(model), metrics=metrics)

    return worker.Work(run, 1, about=training.about())


def _start(*arguments, until):
    """A process of `tools/train.py`, up to a certain output."""
    command = [sys.executable, str(training.ROOT / "tools" / "train.py"), *arguments]

    def run(starts):
        for _ in range(starts):
            with tempfile.TemporaryDirectory() as folder:
                _run_until([*command, f"--workdir={folder}/run"], until)

    # The memory of this process, which has loaded TensorFlow, does not count.
    return worker.Work(run, 1, about=training.about(), peak_mib=lambda: 0.0)


def _run_until(command, words):
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    lines = []
    for line in process.stdout:
        lines.append(line)
        if words in line:
            break
    process.kill()
    process.communicate()
    if words not in lines[-1]:
        raise RuntimeError(f"{command} never said {words!r}: {''.join(lines)}")


def _matrix_products(size=2048):
    """The machine's peak rate: products of square float32 matrices."""
    matrix = tf.random.stateless_normal([size, size], seed=(0, 0)) / size**0.5

    @tf.function
    def multiply(count):
        return tf.while_loop(
            lambda index, _: index < count,
            lambda index, product: (index + 1, tf.matmul(product, matrix)),
            (0, matrix),
        )[1]

    def run(count):
        multiply(tf.constant(count)).numpy()

    return worker.Work(run, 1, flop=2.0 * size**3, about=training.about())


def _flow_about(prior):
    return {**training.about(), "parameters": f"{prior.count_params():,}"}


def main():
    """Serves the case of the arguments."""
    quiet.load_tensorflow()
    worker.serve(
        {
            "matrix_products": _matrix_products,
            "train_mnist": lambda: _train("glf/mnist"),
            "train_cifar10": lambda: _train(
                "glf/cifar10", image_shape=training.CIFAR10
            ),
            "train_slides": lambda: _train("glf/mnist_mlp"),
            "train_gan": lambda: _train("gan/mnist"),
            "train_gan_bfloat16": lambda: _train(
                "gan/mnist", "--network.precision=bfloat16"
            ),
            "table_4": _train_of_table_4,
            "train_glow": lambda: _train("glow/mnist"),
            "recompute_glow": lambda: _train("glow/mnist"),
            "recompute_deep_glow": lambda: _train("glow/mnist", "--flow.blocks=32"),
            "sample_mnist": lambda: _sample("glf/mnist", training.MNIST),
            "sample_cifar10": lambda: _sample("glf/cifar10", training.CIFAR10),
            "sample_slides": lambda: _sample("glf/mnist_mlp", training.MNIST),
            "sample_glow": lambda: _sample(
                "glow/mnist", training.MNIST, batch_size=128
            ),
            "density_64": lambda: _density(64),
            "density_4096": lambda: _density(4096),
            "sample_64": lambda: _draw(64),
            "sample_4096": lambda: _draw(4096),
            "langevin_mnist": _langevin,
            "evaluate_mnist": _evaluate,
            "start_training": lambda: _start(
                f"--flagfile={training.ROOT}/flags/glf/digits.cfg", until="epoch 1/"
            ),
            "start_help": lambda: _start("--help", until="--workdir"),
            "pipeline_mnist": lambda: _pipeline(
                training.MNIST, size=60_000, batch_size=256
            ),
        }
    )


if __name__ == "__main__":
    main()
