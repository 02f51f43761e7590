# SPDX-License-Identifier: Apache-2.0
"""GLANN: a generator with a code for each training image, and a mapper to codes.

Hoshen, Li, Malik: Non-Adversarial Image Synthesis with Generative Latent Nearest
Neighbors, 2019. https://arxiv.org/abs/1812.08985
"""

__all__ = ["GLANN"]

from collections.abc import Mapping
from typing import Literal

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from glf_tf import checks, errors, seeds, types
from glf_tf.data import image_set
from glf_tf.metrics import neighbors
from glf_tf.models import (
    coders,
    codes,
    contested,
    inputs,
    model,
    noises,
    numeric_inputs,
    sharpened,
    signatures,
)
from glf_tf.networks import network as network_lib
from glf_tf.training import stages as stages_lib

CANDIDATES_PER_IMAGE = 2
"""Candidates per code in each epoch, as in the released code."""

_AT_ONCE = 8192
_LEAST_NORM = 1e-12


@keras.saving.register_keras_serializable(package="glf_tf")
class GLANN(sharpened.Sharpens, noises.DecodesNoise, model.GenerativeModel):
    """A generator of learned codes, and a mapper that samples codes.

    Stage "glo" learns a code for each training image together with the generator:

        min sum_i recon(x_i, G(z_i)),  |z_i| = 1

    Stage "imle" learns the mapper, by implicit maximum likelihood: each epoch draws
    noises e_j ~ N(0, I), two for each code, and each code attracts its nearest one:

        j(i) = argmin_j |z_i - T(e_j)|^2,  min sum_i |z_i - T(e_j(i))|^2

    A sample is G(T(e) / |T(e)|). The mapper is linear, BN, ReLU, twice, and linear,
    without biases. There is no encoder and no density.

    Deviation: Adam keeps its moments between epochs; the released code resets them.
        Candidates and samples are mapped with moving averages of the batch
        normalisation; there with each batch's statistics. Codes are on the sphere from
        the start; there from the end of the first epoch. The generator is that of
        `network`; there it has leaky ReLUs.

    Args:
        image_shape: (height, width, channels).
        num_images: Size of the training set; each image has a code.
        latent_dim: Size of the codes.
        noise_dim: Size of the noise.
        hidden: Width of the mapper's hidden layers.
        network: The family of the generator.
        decoder: Another generator than that of `network`: a Keras layer, or another
            network.
        decoder_output: Output of a Keras layer as decoder: "images", "logits", or
            "auto" where its last layer shows it; see `layers.endings`.
        reconstruction: The reconstruction term; the paper's is perceptual.
        sharpen: How the generator alone is trained on in a last stage, "sharpen", on
            the codes as they are; None for no such stage.
    """

    has_codes_of_new_images = False

    def __init__(
        self,
        image_shape: types.ImageShape,
        *,
        num_images: int,
        latent_dim: int = 64,
        noise_dim: int = 32,
        hidden: int = 128,
        network: types.Network = "infogan",
        decoder: types.Network | None = None,
        decoder_output: Literal["auto", "logits", "images"] = "auto",
        reconstruction: types.Reconstruction = "squared_error",
        sharpen: types.Sharpening | None = None,
        name: str | None = "glann",
    ):
        super().__init__(image_shape, name=name)
        self.num_images = checks.at_least("num_images", num_images, 1)
        checks.at_least("latent_dim", latent_dim, 1)
        self.noise_dim = checks.at_least("noise_dim", noise_dim, 1)
        checks.at_least("hidden", hidden, 1)
        self.decoder, self.latent_dim = coders.generator(
            self,
            latent_dim=latent_dim,
            network=network,
            decoder=decoder,
            output=decoder_output,
        )
        self.reconstruction = contested.made_reconstruction(self, reconstruction)
        self.set_sharpening(sharpen)
        self.table = _Table(num_images, self.latent_dim, trainable=True, name="table")
        self.mapper = _mapper(noise_dim, self.latent_dim, hidden=hidden)
        # A variable, so that a run that is resumed within an epoch has it.
        self.matched = _Table(num_images, noise_dim, trainable=False, name="matched")
        self.built = True

    def check_data(self, data: image_set.ImageSet) -> None:
        """Checks that the numbers of images and codes agree, and as `Sharpens`.

        Raises:
            InvalidValue: They differ.
            Unsupported: There is a sharpening, and pixels are hidden, or `stages` of
                the model leaves it out.
        """
        super().check_data(data)
        if len(data) != self.num_images:
            raise errors.InvalidValue(
                "GLANN must have one code per training image",
                received=f"{len(data)} images for {self.num_images} codes",
                do="Train on the same images, or build the model with their number",
            )

    def stages(self) -> tuple[stages_lib.Stage, ...]:
        """Returns the stages, whose terms are only defined on training images."""
        generator = stages_lib.Group("generator", (self.decoder, self.reconstruction))
        codes = stages_lib.Group("codes", (self.table,))
        glo = stages_lib.Stage.of(
            "glo",
            generator,
            codes,
            terms=self._generator_terms,
            weights={"reconstruction": 1.0},
            begin_epoch=self._normalize_codes,
            is_validated=False,
        )
        imle = stages_lib.Stage.of(
            "imle",
            stages_lib.Group("mapper", (self.mapper,)),
            terms=self._mapper_terms,
            weights={"match": 1.0},
            cache=self._cached_codes,
            begin_epoch=self._match_noise,
            is_validated=False,
        )
        return self.sharpened(glo, imle)

    def codes_of(self, data: image_set.ImageSet) -> Mapping[str, np.ndarray]:
        """Returns "z", the codes of all training images, for the sharpening."""
        return self._cached_codes(data)

    def _draw_latents(self, count: tf.Tensor, *, seed: tf.Tensor) -> tf.Tensor:
        """Returns latents of mapped noise on the sphere, `[count, latent_dim]`."""
        noise = tf.random.stateless_normal([count, self.noise_dim], seed)
        return _on_sphere(self.map_noise(noise))

    def _normalize_codes(self, data: image_set.ImageSet, *, seed: types.Seed) -> None:
        """Projects the codes to the sphere."""
        del seed  # no randomness
        self.check_data(data)
        self.table.rows.assign(self.codes())

    def _generator_terms(
        self, batch: types.Batch, *, seed: tf.Tensor, training: bool
    ) -> types.Terms:
        """Returns "reconstruction" of the images' codes, `[batch]`."""
        del seed  # no randomness
        z = _on_sphere(self.table(batch["index"]))
        logits = self.decoder(z, training=training)
        return {"reconstruction": self.reconstruction(batch["image"], logits)}

    def _cached_codes(self, data: image_set.ImageSet) -> dict[str, np.ndarray]:
        """Returns the codes "z", on which the mapper is trained."""
        self.check_data(data)
        return {"z": self.codes().numpy()}

    def _match_noise(self, data: image_set.ImageSet, *, seed: types.Seed) -> None:
        """Finds the noise that each code attracts, among new draws."""
        self.check_data(data)
        count = CANDIDATES_PER_IMAGE * self.num_images
        noise = tf.random.stateless_normal([count, self.noise_dim], seeds.make(seed))
        starts = range(0, count, _AT_ONCE)
        candidates = tf.concat(
            [self.map_noise(noise[start : start + _AT_ONCE]) for start in starts],
            axis=0,
        )
        index, _ = neighbors.nearest(self.codes().numpy(), others=candidates.numpy())
        self.matched.rows.assign(tf.gather(noise, index))

    def _mapper_terms(
        self, batch: types.Batch, *, seed: tf.Tensor, training: bool
    ) -> types.Terms:
        """Returns "match", a mean over coordinates, `[batch]`."""
        del seed  # no randomness
        z = self.map_noise(self.matched(batch["index"]), training=training)
        error = tf.math.squared_difference(z, batch["z"])
        return {"match": tf.reduce_mean(error, axis=1)}

    def codes(self) -> tf.Tensor:
        """Returns the codes of all training images, `[num_images, latent_dim]`."""
        return _on_sphere(tf.convert_to_tensor(self.table.rows.value))

    def map_noise(self, noise: tf.Tensor, *, training: bool = False) -> tf.Tensor:
        """Returns T(noise), `[batch, latent_dim]`, near the sphere but not on it."""
        return tf.cast(self.mapper(noise, training=training), tf.float32)

    def decode(self, z: tf.Tensor) -> tf.Tensor:
        """Returns the images in [0, 1] of latents, which are projected to the sphere.

        Raises:
            InvalidType: The latents are not floats.
            InvalidValue: They are not `[batch, latent_dim]`, or not finite.
        """
        return self._decode(inputs.latents(z, dim=self.latent_dim))

    def _decode(self, z: tf.Tensor) -> tf.Tensor:
        logits = coders.apply(self.decoder, _on_sphere(z), training=False)
        return tf.sigmoid(tf.cast(logits, tf.float32))

    def reconstruct_train(self, index: tf.Tensor) -> tf.Tensor:
        """Returns the images in [0, 1] of training images' codes, by their indices."""
        return self.decode(self.table(index))

    def _sample(
        self, n: int | tf.Tensor, *, seed: types.Seed, temperature: float | tf.Tensor
    ) -> tf.Tensor:
        """Returns images decoded from mapped noise."""
        noise = tf.random.stateless_normal([n, self.noise_dim], seeds.make(seed))
        return self._decode_noise(noise, temperature=temperature)

    def _decode_noise(self, noise, *, temperature):
        noise = tf.cast(temperature, tf.float32) * tf.cast(noise, tf.float32)
        return self._decode(self.map_noise(noise))

    def signatures(self):
        """Returns the signatures of the base class, of noise, and "decode"."""
        found = super().signatures() | signatures.of_noise(self)
        return found | signatures.of_decoder(self)

    def interpolate(
        self,
        start: tf.Tensor,
        end: tf.Tensor,
        *,
        num_steps: int | tf.Tensor,
        space: Literal["noise", "latent"] = "noise",
    ) -> tf.Tensor:
        """Returns the images on straight lines between noises, or between latents.

        Args:
            start: Noises `[batch, noise_dim]`, or latents `[batch, latent_dim]`.
            end: Noises `[batch, noise_dim]`, or latents `[batch, latent_dim]`.
            num_steps: Number of points on each line, including both ends.
            space: The space of `start` and `end`, as the mapper has no inverse.

        Returns:
            Images `[batch, num_steps, height, width, channels]`.

        Raises:
            InvalidType: Noises or latents are not floats.
            InvalidValue: They have another size, or are not finite; or `num_steps` or
                `space` is invalid.
        """
        numeric_inputs.steps(num_steps)
        dim = (
            self.noise_dim
            if numeric_inputs.space(space) == "noise"
            else self.latent_dim
        )
        start, end = (inputs.latents(point, dim=dim) for point in (start, end))
        inputs.same_batch(starts=start, ends=end)
        line = codes.lines(start, end, num_steps=num_steps)
        flat = tf.reshape(line, [-1, start.shape[1]])
        images = self._decode(self.map_noise(flat) if space == "noise" else flat)
        return tf.reshape(images, [tf.shape(line)[0], num_steps, *self.image_shape])


class _Table(layers.Layer):
    """A table with a row for each training image."""

    def __init__(self, size: int, dim: int, *, trainable: bool, name: str):
        super().__init__(name=name, dtype=keras.config.floatx())
        self.rows = self.add_weight(
            name="rows",
            shape=(size, dim),
            initializer=keras.initializers.RandomNormal(stddev=0.01),
            trainable=trainable,
        )
        self.built = True

    def call(self, index):
        """Returns the rows of images, `[batch, dim]`."""
        return tf.gather(self.rows.value, index)


def _mapper(noise_dim: int, latent_dim: int, *, hidden: int) -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((noise_dim,), name="noise"),
            *_hidden(hidden, 0),
            *_hidden(hidden, 1),
            _dense(latent_dim, "dense_2"),
        ],
        name="mapper",
    )


def _hidden(units: int, index: int) -> list[layers.Layer]:
    return [
        _dense(units, f"dense_{index}"),
        network_lib.batch_norm(f"norm_{index}"),
        layers.ReLU(name=f"relu_{index}"),
    ]


def _dense(units: int, name: str) -> layers.Layer:
    # PyTorch's initialiser, U(-1/sqrt(inputs), 1/sqrt(inputs)).
    start = keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform")
    return layers.Dense(units, use_bias=False, kernel_initializer=start, name=name)


def _on_sphere(z: tf.Tensor) -> tf.Tensor:
    norm = tf.norm(z, axis=-1, keepdims=True)
    # As released: the gradient may point off the sphere, where Adam follows it until
    # the next epoch projects the codes.
    return z / tf.stop_gradient(tf.maximum(norm, _LEAST_NORM))
