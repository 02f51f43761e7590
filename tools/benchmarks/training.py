# SPDX-License-Identifier: Apache-2.0
"""Training steps of this library's recipes on random images."""

__all__ = [
    "ROOT",
    "MNIST",
    "CIFAR10",
    "about",
    "configure",
    "images",
    "model_of",
    "plan",
    "work",
]

import math
import pathlib

import keras
import numpy as np
import tensorflow as tf
import worker

from glf_tf import catalogue
from glf_tf.cli import planned
from glf_tf.data import image_set, pipeline
from glf_tf.devices import processors
from glf_tf.training import optimizers, options, step

ROOT = pathlib.Path(__file__).parents[2]
MNIST, CIFAR10 = (28, 28, 1), (32, 32, 3)
_IMAGES = 10_240


def plan(recipe, *arguments):
    """Returns the plan of a recipe in `flags/`, such as "glf/mnist"."""
    path = ROOT / "flags" / recipe
    return planned.read([f"--flagfile={path}.cfg", *arguments])


def images(image_shape, size=_IMAGES):
    """Returns random images."""
    drawn = np.random.default_rng(0).integers(0, 256, (size, *image_shape), np.uint8)
    return image_set.ImageSet(
        name="random", split="train", images=drawn, labels=None, source="generator"
    )


def configure(prior, *, batch_size):
    """Sets the threads that tools have for the density of vectors with a prior."""
    model = {"name": "density", "prior": prior}
    processors.configure(model=model, batch_size=batch_size)


def model_of(planned_run, image_shape):
    """Returns an untrained model."""
    return catalogue.build("model", planned_run["model"], image_shape=image_shape)


def about():
    """Returns versions."""
    return {"tensorflow": tf.__version__, "keras": keras.__version__}


def work(recipe, *arguments, image_shape, batch_size=0):
    """Returns steps of the first stage; call it in the strategy's scope.

    Args:
        recipe: The recipe, as for `plan`.
        *arguments: Flags beside it.
        image_shape: (height, width, channels).
        batch_size: Images over all replicas; 0 for the recipe's.
    """
    asked, data = plan(recipe, *arguments), images(image_shape)
    batch_size = batch_size or asked["batch_size"]
    processors.configure(model=asked["model"], batch_size=batch_size)
    model = model_of(asked, image_shape)
    stage = model.stages()[0]
    stage.prepare(data)
    trainer = step.StageTrainer(
        model,
        stage,
        optimizers=optimizers.make(
            model.stages(),
            options=options.Optimizers(**asked["optimizers"]),
            batches_per_epoch=_IMAGES // batch_size,
        ),
        seed=0,
    )
    iterator = iter(
        tf.distribute.get_strategy().distribute_datasets_from_function(
            lambda context: pipeline.batches(
                data, batch_size=batch_size, seed=0, context=context
            )
        )
    )
    return worker.Work(
        lambda steps: trainer.run(iterator, first_step=0, steps=steps),
        batch_size * stage.batches_per_step,
        flop=_flop(model, stage, name=catalogue.name_of(asked["model"])),
        about={**about(), "parameters": f"{_parameters(model):,}"},
    )


def _parameters(model):
    return sum(math.prod(weight.shape) for weight in model.trainable_weights)


def _flop(model, stage, *, name):
    """Multiplications and additions of a step, per image; 0 where nobody counted."""
    count = _FLOP.get(name)
    return 0.0 if count is None or stage.batches_per_step > 1 else count(model)


def _glf_flop(model):
    """Multiplications and additions of a training step, per image.

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


def _image_flow_flop(model):
    """The same of a flow on images: of its convolutions, all of which are used thrice.

    The kernels of a step, and its matrix, meet each of its pixels.
    """
    products = sum(
        math.prod(layer.event_shape[:2]) * math.prod(weight.shape)
        for layer in model.flow.steps
        for weight in layer.trainable_weights
        if weight.name in ("kernel", "factors")
    )
    return 2.0 * 3.0 * products


def _gan_flop(model):
    """The same of a GAN, whose critic is updated as often as its generator.

    In the critic's turn the generator goes forward, and the critic forward and backward
    for real and made images; in the generator's, it goes both ways, and back through
    the critic to the images alone.
    """
    critic = [_products(layer) for layer in model.critic.layers]
    generator = [_products(layer) for layer in model.decoder.layers]
    firsts = [next(filter(None, found)) for found in (critic, generator)]
    products = 8.0 * sum(critic) + 4.0 * sum(generator) - 2.0 * firsts[0] - firsts[1]
    return 2.0 * products


_FLOP = {"gan": _gan_flop, "glf": _glf_flop, "image_flow": _image_flow_flop}
"""By names of models; of others nothing is counted."""


def _products(layer):
    """Multiplications of a layer, per image."""
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
