# SPDX-License-Identifier: Apache-2.0
"""This library at work, each case with the recipe that a user would run.

python glf_tf_worker.py CASE
"""

import pathlib
import subprocess
import sys
import tempfile

import keras
import numpy as np
import tensorflow as tf
import worker

from glf_tf import catalogue, quiet
from glf_tf.cli import planned
from glf_tf.data import image_set, pipeline
from glf_tf.priors import flow as flow_prior
from glf_tf.training import optimizers, options, step

_ROOT = pathlib.Path(__file__).parents[2]
_RECIPES = _ROOT / "flags" / "glf"
_MNIST, _CIFAR10 = (28, 28, 1), (32, 32, 3)
_IMAGES = 10_240


def _plan(recipe):
    return planned.read([f"--flagfile={_RECIPES / recipe}.cfg"])


def _images(image_shape, size=_IMAGES):
    drawn = np.random.default_rng(0).integers(0, 256, (size, *image_shape), np.uint8)
    return image_set.ImageSet(
        name="random", split="train", images=drawn, labels=None, source="generator"
    )


def _model(plan, image_shape):
    return catalogue.build("model", plan["model"], image_shape=image_shape)


def _train(recipe, image_shape):
    plan, data = _plan(recipe), _images(image_shape)
    model = _model(plan, image_shape)
    stage = model.stages()[0]
    trainer = step.StageTrainer(
        model,
        stage,
        optimizers=optimizers.make(
            model.stages(),
            options=options.Optimizers(),
            batches_per_epoch=_IMAGES // plan["batch_size"],
        ),
        seed=0,
    )
    batches = pipeline.batches(data, batch_size=plan["batch_size"], seed=0)
    strategy = tf.distribute.get_strategy()
    iterator = iter(strategy.experimental_distribute_dataset(batches))
    return worker.Work(
        lambda steps: trainer.run(iterator, first_step=0, steps=steps),
        plan["batch_size"],
        flop=_training_flop(model),
        about=_about(),
    )


def _training_flop(model):
    """Multiplications and additions of a training step, an image.

    Of dense layers and convolutions: once forward, and twice backward, for the gradient
    of the kernel and that of the input, which the first layer of all has no need of.
    """
    encoder = [_products(layer) for layer in model.encoder.layers]
    others = [_products(layer) for layer in model.decoder.layers]
    others += [
        _products(layer)
        for layer in model.prior._flatten_layers()
        if isinstance(layer, keras.layers.Dense)
    ]
    first = next(products for products in encoder if products)
    return 2.0 * (3.0 * (sum(encoder) + sum(others)) - first)


def _products(layer):
    """Multiplications of a layer, an image."""
    if isinstance(layer, keras.layers.Conv2DTranspose):
        # Each input pixel is multiplied with the whole kernel.
        _, height, width, _ = layer.input.shape
    elif isinstance(layer, keras.layers.Conv2D):
        _, height, width, _ = layer.output.shape
    elif isinstance(layer, keras.layers.Dense):
        height = width = 1
    else:
        return 0
    return height * width * int(np.prod(layer.kernel.shape))


def _sample(recipe, image_shape, *, batch_size=256):
    model = _model(_plan(recipe), image_shape)
    sample = tf.function(lambda seed: model.sample(batch_size, seed=seed))

    def run(calls):
        for call in range(calls):
            images = sample(tf.constant((0, call)))
        images.numpy()

    return worker.Work(run, batch_size, about=_about())


def _density(batch_size):
    prior = _latent_flow()
    log_prob = tf.function(prior.log_prob)
    z = tf.random.stateless_normal([batch_size, prior.latent_dim], seed=(0, 0))

    def run(calls):
        for _ in range(calls):
            values = log_prob(z)
        values.numpy()

    return worker.Work(run, batch_size, about=_flow_about(prior))


def _draw(batch_size):
    prior = _latent_flow()
    sample = tf.function(lambda seed: prior.sample(batch_size, seed=seed))

    def run(calls):
        for call in range(calls):
            latents = sample(tf.constant((0, call)))
        latents.numpy()

    return worker.Work(run, batch_size, about=_flow_about(prior))


def _latent_flow():
    flow = {"name": "real_nvp", "blocks": 4, "hidden": 256, "batch_norm": False}
    return flow_prior.FlowPrior(64, flow=flow)


def _pipeline(image_shape, *, size, batch_size):
    batches = pipeline.batches(
        _images(image_shape, size=size), batch_size=batch_size, seed=0
    )
    iterator = iter(batches)

    def run(count):
        for _ in range(count):
            next(iterator)

    return worker.Work(run, batch_size, about=_about())


def _langevin(batch_size=100):
    flow = "--prior.flow=real_nvp --prior.flow.blocks=4 --prior.flow.hidden=64"
    recipe = _ROOT / "flags" / "lfbm" / "mnist.cfg"
    plan = planned.read(
        [f"--flagfile={recipe}", *flow.split(), "--noprior.flow.batch_norm"]
    )
    model = _model(plan, _MNIST)
    images = np.float32(_images(_MNIST, size=batch_size).images) / 255.0

    @tf.function(autograph=False)
    def infer(seed):
        return model.infer_latents(images, seed=seed, start="normal").z

    def run(calls):
        for call in range(calls):
            z = infer(tf.constant((0, call)))
        z.numpy()

    return worker.Work(run, batch_size * model.sampler.steps, about=_about())


def _start(*arguments, until):
    """A process of `tools/train.py`, until it says something."""
    command = [sys.executable, str(_ROOT / "tools" / "train.py"), *arguments]

    def run(starts):
        for _ in range(starts):
            with tempfile.TemporaryDirectory() as folder:
                _run_until([*command, f"--workdir={folder}/run"], until)

    return worker.Work(run, 1, about=_about())


def _run_until(command, words):
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    told = []
    for line in process.stdout:
        told.append(line)
        if words in line:
            break
    process.kill()
    process.communicate()
    if words not in told[-1]:
        raise RuntimeError(f"{command} never said {words!r}: {''.join(told)}")


def _matrix_products(size=2048):
    """The machine's own rate: products of square float32 matrices."""
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

    return worker.Work(run, 1, flop=2.0 * size**3, about=_about())


def _about():
    return {"tensorflow": tf.__version__, "keras": keras.__version__}


def _flow_about(prior):
    return {**_about(), "parameters": f"{prior.count_params():,}"}


def main():
    """Serves the case that the arguments name."""
    quiet.load_tensorflow()
    worker.serve(
        {
            "matrix_products": _matrix_products,
            "train_mnist": lambda: _train("mnist", _MNIST),
            "train_cifar10": lambda: _train("cifar10", _CIFAR10),
            "train_slides": lambda: _train("mnist_mlp", _MNIST),
            "sample_mnist": lambda: _sample("mnist", _MNIST),
            "sample_cifar10": lambda: _sample("cifar10", _CIFAR10),
            "sample_slides": lambda: _sample("mnist_mlp", _MNIST),
            "density_64": lambda: _density(64),
            "density_4096": lambda: _density(4096),
            "sample_64": lambda: _draw(64),
            "sample_4096": lambda: _draw(4096),
            "langevin_mnist": _langevin,
            "start_training": lambda: _start(
                f"--flagfile={_RECIPES}/digits.cfg", until="epoch 1/"
            ),
            "start_help": lambda: _start("--help", until="--workdir"),
            "pipeline_mnist": lambda: _pipeline(_MNIST, size=60_000, batch_size=256),
        }
    )


if __name__ == "__main__":
    main()
