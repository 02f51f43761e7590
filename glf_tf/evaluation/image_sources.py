# SPDX-License-Identifier: Apache-2.0
"""Image sources: what an evaluation measures, drawn from a seed."""

__all__ = [
    "AbstractImageSource",
    "ModelSamples",
    "NormalLatents",
    "SavedModelSamples",
    "GivenImages",
    "Reconstructions",
]

import abc
import contextlib
import pathlib
from collections.abc import Iterator
from typing import Literal

import numpy as np
import tensorflow as tf

from glf_tf import errors, seeds, types
from glf_tf.models import model as model_lib
from glf_tf.models import numeric_inputs
from glf_tf.tasks import authors, infer, reconstruct, sample

CHUNK = 500
"""Images per batch."""


class AbstractImageSource(abc.ABC):
    """A source of images.

    Attributes:
        name: Its name in a protocol, such as "samples".
        most: Number of images that it has; None for any number.
        sampling: "plain", or "authors"; see `tasks.authors`.
    """

    name = "samples"
    most: int | None = None
    sampling: Literal["plain", "authors"] = "plain"

    @abc.abstractmethod
    def draw(self, count: int, *, seed: types.Seed) -> Iterator[np.ndarray]:
        """Yields batches `[size, height, width, channels]` of `count` images in all."""


class ModelSamples(AbstractImageSource):
    """Samples of a model."""

    def __init__(
        self,
        model: model_lib.GenerativeModel,
        *,
        sampling: Literal["plain", "authors"] = "plain",
        temperature: float = 1.0,
        guidance: float | None = None,
    ):
        """Initializes the source.

        Args:
            model: The model.
            sampling: "plain", or "authors" to sample as the GLF authors' script does.
            temperature: Factor on the noise.
            guidance: Factor on what a label changes, of plain samples of a model that
                can be guided; by default its prior's.

        Raises:
            InvalidValue: The guidance is not finite.
            Unsupported: There is guidance, and the model cannot be guided.
        """
        self._model, self.sampling, self._temperature = model, sampling, temperature
        self._guidance = guidance
        if guidance is not None:
            numeric_inputs.guidance(guidance, is_guidable=model.is_guidable)
            self.name = f"samples guided by {guidance:g}"

    def draw(self, count, *, seed, labels=None):
        """Yields samples, plain ones of labels if they are given."""
        how = {"seed": seed, "temperature": self._temperature}
        if self.sampling == "authors":
            return authors.sample(self._model, count, **how)
        how |= {"labels": labels, "guidance": self._guidance}
        return sample.sample(self._model, count, **how)


class NormalLatents(AbstractImageSource):
    """Decoded latents of a normal distribution in place of the learned prior.

    The distribution is N(0, I), as in a figure of the GLF slides, or has the mean and
    covariance of the codes of real images. The difference shows what the prior gains.
    """

    def __init__(
        self,
        model: model_lib.GenerativeModel,
        *,
        fitted_to: np.ndarray | None = None,
        temperature: float = 1.0,
    ):
        """Initializes the source.

        Args:
            model: A model with an encoder.
            fitted_to: uint8 images `[size, height, width, channels]` whose codes are
                fitted; None for N(0, I).
            temperature: Factor on the noise.
        """
        self._model = reconstruct.as_autoencoder(model)
        self._temperature = temperature
        self.name = "decoded N(0, I)" if fitted_to is None else "decoded fitted normal"
        dim = self._model.latent_dim
        self._mean, self._root = np.zeros(dim), np.eye(dim)
        if fitted_to is not None:
            codes = np.concatenate(list(self._codes(fitted_to))).astype(np.float64)
            self._mean = codes.mean(axis=0)
            # Jitter: an unused latent has no variance, and no Cholesky factor.
            covariance = np.cov(codes, rowvar=False) + 1e-9 * np.eye(dim)
            self._root = np.linalg.cholesky(covariance)

    def draw(self, count, *, seed):
        """Yields decoded latents."""
        decode = tf.function(self._model.decode, autograph=False, reduce_retracing=True)
        for chunk in range(-(-count // CHUNK)):
            size = [min(CHUNK, count - chunk * CHUNK), len(self._mean)]
            noise = tf.random.stateless_normal(size, seed=seeds.fold(seed, chunk))
            z = self._mean + self._temperature * noise.numpy() @ self._root.T
            yield decode(np.float32(z)).numpy()

    def _codes(self, images: np.ndarray) -> Iterator[np.ndarray]:
        encode = tf.function(self._model.encode, autograph=False, reduce_retracing=True)
        for start in range(0, len(images), CHUNK):
            yield encode(np.float32(images[start : start + CHUNK]) / 255.0).numpy()


class SavedModelSamples(AbstractImageSource):
    """Samples of a SavedModel with the signature `sample`."""

    def __init__(self, folder: pathlib.Path, *, temperature: float = 1.0):
        """Loads the SavedModel.

        Args:
            folder: The folder of the SavedModel.
            temperature: Factor on the noise.

        Raises:
            NotFound: The folder has no SavedModel.
            Damaged: It cannot be read.
            Unsupported: It has no signature `sample`, or draws no images.
        """
        if not (folder / "saved_model.pb").exists():
            raise errors.NotFound(
                "A SavedModel's folder holds saved_model.pb",
                received=f"--saved_model={folder}",
                do="Pass the folder that tools/export.py wrote",
            )
        # Keeps a reference to the root, which owns the variables.
        with _damage_reported(folder):
            self._root = tf.saved_model.load(str(folder))
        if "sample" not in self._root.signatures:
            raise errors.Unsupported(
                "A SavedModel is measured through its signature `sample`",
                received=f"{sorted(self._root.signatures)} in {folder}",
                do="Export the model with tools/export.py",
            )
        drawn = self._root.signatures["sample"].structured_outputs
        if "image" not in drawn:
            raise errors.Unsupported(
                "A SavedModel is measured by the images that it draws",
                received=f"{sorted(drawn)} of `sample` in {folder}",
                do="Measure a density of vectors by --workdir, the folder of its run",
            )
        self._folder, self._temperature = folder, tf.constant(temperature)

    def draw(self, count, *, seed):
        """Yields samples, with the seeds of `tasks.sample`."""
        for chunk in range(-(-count // CHUNK)):
            size = tf.constant(min(CHUNK, count - chunk * CHUNK))
            with _damage_reported(self._folder):
                drawn = self._root.signatures["sample"](
                    num_samples=size,
                    seed=seeds.fold(seed, chunk) if chunk else seeds.make(seed),
                    temperature=self._temperature,
                )
            yield drawn["image"].numpy()


@contextlib.contextmanager
def _damage_reported(folder: pathlib.Path) -> Iterator[None]:
    """Turns TensorFlow's errors about a broken SavedModel into one line.

    They may be of any kind, and occur on loading as well as on calls.

    Raises:
        Damaged: It is broken.
    """
    try:
        yield
    except (errors.UserError, tf.errors.ResourceExhaustedError, MemoryError):
        raise
    except Exception as error:
        lines = str(error).splitlines() or [type(error).__name__]
        raise errors.Damaged(
            "A SavedModel must be complete and intact",
            received=f"--saved_model={folder}: {lines[0][:200]}",
            do="Export it again with tools/export.py",
        ) from error


class GivenImages(AbstractImageSource):
    """Given images, of which each trial draws a random subset."""

    def __init__(self, images: np.ndarray, *, name: str = "samples"):
        """Initializes the source.

        Args:
            images: `[size, height, width, channels]`.
            name: Their name in a protocol.
        """
        self._images, self.name, self.most = images, name, len(images)

    def draw(self, count, *, seed):
        """Yields images, drawn without replacement."""
        order = tf.random.experimental.stateless_shuffle(
            tf.range(len(self._images)), seed=seeds.make(seed)
        ).numpy()[:count]
        for start in range(0, count, CHUNK):
            yield self._images[np.sort(order[start : start + CHUNK])]


class Reconstructions(AbstractImageSource):
    """Reconstructions of real images, in their order."""

    name = "reconstructions"

    def __init__(self, inference: infer.Inference, images: np.ndarray):
        """Initializes the source.

        Args:
            inference: How latents are inferred.
            images: uint8 `[size, height, width, channels]`.
        """
        self._images, self.most = images, len(images)
        self._inference = inference

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes on how the reconstructions were made."""
        found = self._inference.description
        return () if found == "encoder" else (f"reconstructions by {found}",)

    def draw(self, count, *, seed):
        """Yields the reconstructions of the first images; `seed` is for chains."""
        for number, start in enumerate(range(0, count, CHUNK)):
            images = self._images[start : min(start + CHUNK, count)]
            yield self._inference.reconstruct(images, seed=seeds.fold(seed, number))
