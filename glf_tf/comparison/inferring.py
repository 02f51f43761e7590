# SPDX-License-Identifier: Apache-2.0
"""Measures what chains tell of pixels that models do not see.

Xie, Zhu, Xu, Li, Li: A Tale of Two Latent Flows: Learning Latent Space Normalizing Flow
with Short-run Langevin Flow for Approximate Inference, 2023, sections 4.2 and 4.3.
https://arxiv.org/abs/2301.09300
"""

__all__ = ["Inferring"]

import pathlib
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from glf_tf import catalogue, types
from glf_tf.comparison import columns
from glf_tf.data import paths as paths_lib
from glf_tf.experiments import restore
from glf_tf.inference import sampler
from glf_tf.metrics import digest, hidden, protocol
from glf_tf.models import codes
from glf_tf.models import model as model_lib
from glf_tf.tasks import infer, inpaint, recover


class Inferring:
    """Chains that find latents of images, and of images with hidden pixels.

    Test images are completed, each several times from a start of its own, a draw of the
    prior. Training images whose pixels were hidden in training are recovered once: from
    the encoder, the kept chain, or where chains of the model start.

    Attributes:
        identity: Everything that determines a measurement but model and data.
        chain: The sampler; None for each model's own.
        recovered: Number of training images that are recovered; 0 for none.
    """

    def __init__(
        self,
        image_shape: types.ImageShape,
        *,
        paths: paths_lib.DataPaths,
        chain: Mapping[str, Any] | None = None,
        masks: Mapping[str, Mapping[str, Any]] | None = None,
        completed: int = 200,
        attempts: int = 4,
        recovered: int = 0,
        seed: int = 0,
    ):
        """Initializes the measures.

        Args:
            image_shape: (height, width, channels) of the images.
            paths: Where the data of runs are.
            chain: The specification of the sampler; None for each model's own.
            masks: Specifications of what is hidden of test images, by name.
            completed: Number of test images.
            attempts: Completions an image.
            recovered: Number of training images.
            seed: Of masks and chains.

        Raises:
            InvalidValue: There is no such part, or a mask does not fit the images.
        """
        self.identity = {
            "chain": dict(chain or {}),
            "masks": {name: dict(spec) for name, spec in (masks or {}).items()},
            "completed": completed,
            "attempts": attempts,
            "recovered": recovered,
            "seed": seed,
        }
        self._paths, self._seed = paths, seed
        self._completed_images, self._attempts = completed, attempts
        self.recovered = recovered
        self.chain: sampler.AbstractSampler | None = (
            catalogue.build("inference", chain) if chain else None
        )
        self._masks = {
            name: catalogue.build("mask", spec, image_shape=image_shape)
            for name, spec in (masks or {}).items()
        }

    def of_reconstructions(
        self, model: model_lib.GenerativeModel
    ) -> sampler.AbstractSampler | None:
        """Returns the chain that reconstructs; None for the model's encoder."""
        return None if isinstance(model, codes.EncodesImages) else self.chain

    def measure(
        self, model: model_lib.GenerativeModel, *, run: pathlib.Path, test
    ) -> list[protocol.Measurement]:
        """Measures squared errors of completions, and of recovered images.

        Args:
            model: The model.
            run: Its run, whose training images are recovered.
            test: The image set that is completed.

        Raises:
            Unsupported: The model has no latents, or its reconstruction term is not a
                sum over pixels.
            InvalidValue: Images are to be recovered, and training hid no pixels.
            Diverged: A chain diverged.
        """
        found = [self._completed(model, name, test=test) for name in self._masks]
        if self.recovered:
            found.append(self._recovered(model, run=run))
        return [measurement for some in found for measurement in some]

    def _completed(self, model, name: str, *, test) -> list[protocol.Measurement]:
        attempts, seed = self._attempts, self._seed
        data = test.take(self._completed_images)
        masks = self._masks[name].draw(tf.range(len(data)), seed=seed).numpy()
        inference = infer.Inference(model, chain=self.chain, start="prior")
        how = {"attempts": attempts, "seed": seed}
        made = inpaint.inpaint(inference, data.images, masks, **how)
        error = hidden.hidden_error(
            data.images.repeat(attempts, axis=0),
            made=made.reshape([-1, *data.image_shape]),
            masks=masks.repeat(attempts, axis=0),
        )
        note = f"completed are {len(data):,} {data.split} images, {attempts} times each"
        return self._measurements(error, name, data=data, note=note)

    def _recovered(self, model, *, run: pathlib.Path) -> list[protocol.Measurement]:
        train = restore.load_data(run, "train", paths=self._paths)
        data = train.take(self.recovered)
        masks = recover.masks_of(data)
        start = recover.start_of(model, "auto")
        inference = infer.Inference(model, chain=self.chain, start=start)
        made = recover.recover(inference, data, masks, seed=self._seed)
        error = hidden.hidden_error(data.images, made=made, masks=masks)
        note = f"recovered are the first {len(data):,} training images"
        return self._measurements(error, columns.RECOVERED, data=data, note=note)

    def _measurements(
        self, error: hidden.HiddenError, source: str, *, data, note: str
    ) -> list[protocol.Measurement]:
        """Returns the mean squared errors of hidden and of all pixels in [-1, 1]."""
        how = protocol.Protocol(
            source=source,
            dataset=data.name,
            extractor="pixels",
            reference_split=data.split,
            reference_digest=digest.of_array(data.images),
            references=len(data),
            samples=len(data),
            seed=self._seed,
        )
        errors = {"hidden_error": error.hidden_symmetric}
        errors["all_error"] = error.all_symmetric
        return [
            protocol.Measurement(
                metric=metric,
                title=metric.replace("_", " "),
                values=(value,),
                protocol=how,
                notes=("errors of pixels are mean squares of pixels in [-1, 1]", note),
            )
            for metric, value in errors.items()
        ]
