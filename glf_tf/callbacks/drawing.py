# SPDX-License-Identifier: Apache-2.0
"""Callbacks that draw while training: pictures, and histograms of latents."""

__all__ = ["DensityMap", "Pictures", "Histograms"]

import abc
import pathlib

import numpy as np
import tensorflow as tf

from glf_tf.data import image_set, vector_set
from glf_tf.models import adversarial, chains, codes, density
from glf_tf.models import model as model_lib
from glf_tf.tasks import density_map, interpolate, pictures, reconstruct, sample
from glf_tf.training import callback as callback_lib
from glf_tf.training import summaries


class AbstractPictures(callback_lib.AbstractCallback):
    """Writes pictures into the folder of a run, and into TensorBoard."""

    by_chief = True
    uses_averages = True

    def __init__(
        self,
        every: callback_lib.Every,
        *,
        folder: pathlib.Path,
        writer: summaries.Summaries,
    ):
        """Initializes the callback.

        Args:
            every: The interval of calls.
            folder: The folder of the PNG files.
            writer: The TensorBoard writer.
        """
        super().__init__(every)
        self._folder, self._writer = folder, writer

    def run(self, moment):
        """Draws, writes `NAME.png` and keeps `NAME_STEP.png`."""
        for name, picture in self._draw().items():
            pictures.save(self._folder / f"{name}.png", picture)
            step = f"{moment.global_step:08d}"
            pictures.save(self._folder / "steps" / f"{name}_{step}.png", picture)
            self._writer.image(name, picture, step=moment.global_step)
        self._writer.flush()

    @abc.abstractmethod
    def _draw(self) -> dict[str, np.ndarray]:
        """Returns pictures by name, uint8 `[height, width, channels]`."""


class DensityMap(AbstractPictures):
    """Draws data, density and samples of a model of points in the plane."""

    def __init__(
        self,
        every: callback_lib.Every,
        *,
        model: density.Density,
        data: vector_set.VectorSet,
        folder: pathlib.Path,
        writer: summaries.Summaries,
        seed: int,
    ):
        """Initializes the callback.

        Args:
            every: The interval of calls.
            model: The model, of two coordinates.
            data: Points that are drawn beside those of the model.
            folder: The folder of the PNG files.
            writer: The TensorBoard writer.
            seed: Seed of the samples, the same each time for comparison.
        """
        super().__init__(every, folder=folder, writer=writer)
        self._model, self._data, self._seed = model, data, seed

    def _draw(self):
        x = self._data.vectors
        return {"density": density_map.draw(self._model, x, seed=self._seed)}


class Pictures(AbstractPictures):
    """Draws samples, and what else the model has.

    Reconstructions, of models with an encoder or with chains; interpolations; and real
    and generated images in the order of a critic's scores.
    """

    def __init__(
        self,
        every: callback_lib.Every,
        *,
        model: model_lib.GenerativeModel,
        data: image_set.ImageSet,
        folder: pathlib.Path,
        writer: summaries.Summaries,
        seed: int,
    ):
        """Initializes the callback.

        Args:
            every: The interval of calls.
            model: The model.
            data: The test set, whose first images are reconstructed.
            folder: The folder of the PNG files.
            writer: The TensorBoard writer.
            seed: Seed of the samples, the same each time for comparison.
        """
        super().__init__(every, folder=folder, writer=writer)
        self._model, self._seed = model, seed
        self._images = np.asarray(data.images[:32], np.float32) / 255.0

    def _draw(self) -> dict[str, np.ndarray]:
        known = self._model.num_classes
        # A row of each label, up to sixteen.
        count = 8 * max(8, min(known, 16))
        labels = np.arange(count) // 8 % known if known else None
        drawn = next(sample.sample(self._model, count, seed=self._seed, labels=labels))
        result = {"samples": pictures.grid(drawn, columns=8)}
        if isinstance(self._model, (codes.EncodesImages, chains.InfersLatents)):
            decoded = reconstruct.reconstruct(self._model, self._images)
            pairs = reconstruct.side_by_side(self._images, decoded)
            result["reconstructions"] = pictures.grid(pairs, columns=8)
        if isinstance(self._model, codes.EncodesImages):
            result["interpolations"] = self._interpolations()
        if isinstance(self._model, adversarial.AbstractAdversarial):
            result["critic"] = self._judged(drawn[: len(self._images)])
        return result

    def _judged(self, drawn: np.ndarray) -> np.ndarray:
        """Returns test images, then samples, each from the least real to the most."""
        by_score = [
            images[np.argsort(self._model.score(tf.constant(images)), kind="stable")]
            for images in (self._images, np.asarray(drawn, np.float32))
        ]
        return pictures.grid(np.concatenate(by_score), columns=8)

    def _interpolations(self) -> np.ndarray:
        has_noise = self._model.prior.has_noise_space
        lines = interpolate.between_samples(
            self._model,
            8,
            seed=self._seed,
            num_steps=10,
            space="noise" if has_noise else "latent",
        )
        return pictures.grid(lines.reshape([-1, *lines.shape[2:]]), columns=10)


class Histograms(callback_lib.AbstractCallback):
    """Writes histograms of the test images' latents z and of their noise f(z)."""

    by_chief = True
    uses_averages = True

    def __init__(
        self,
        every: callback_lib.Every,
        *,
        model: model_lib.GenerativeModel,
        data: image_set.ImageSet,
        writer: summaries.Summaries,
    ):
        """Initializes the callback; it does nothing for a model without an encoder.

        Args:
            every: The interval of calls.
            model: The model.
            data: The test set, of which the first 1,000 images are encoded.
            writer: The TensorBoard writer.
        """
        super().__init__(every)
        self._model, self._writer = model, writer
        self._images = np.asarray(data.images[:1000], np.float32) / 255.0
        self._encode = tf.function(self._latents, autograph=False)

    def run(self, moment):
        """Encodes the images and writes the histograms."""
        if isinstance(self._model, codes.EncodesImages):
            for name, values in self._encode(self._images).items():
                self._writer.histogram(name, values.numpy(), step=moment.global_step)

    def _latents(self, images):
        z = self._model.encode(images)
        if self._model.prior.has_noise_space:
            return {"latents/z": z, "latents/noise": self._model.prior.inverse(z)}
        return {"latents/z": z}
