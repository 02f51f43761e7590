# SPDX-License-Identifier: Apache-2.0
"""The stage that sharpens the decoder of a model whose codes are finished."""

__all__ = ["Sharpens"]

import abc
from collections.abc import Mapping

import keras
import numpy as np
import tensorflow as tf

from glf_tf import errors, parts, seeds, types
from glf_tf.data import image_set
from glf_tf.sharpening import sharpening as sharpening_lib
from glf_tf.training import stages

_AT_ONCE = 500
_SEED = 17
_STAGE = "sharpen"


class Sharpens(abc.ABC):
    """A model of images whose `decoder` may be sharpened in the end.

    Attributes:
        sharpening: How it is sharpened; None if it is not.
        has_codes_of_new_images: Whether `codes_of` knows of images that were not
            trained on.
    """

    sharpening: sharpening_lib.AbstractSharpening | None = None
    has_codes_of_new_images = True
    decoder: keras.layers.Layer

    def set_sharpening(self, sharpen: types.Sharpening | None) -> None:
        """Makes the sharpening; None for none."""
        if sharpen is not None:
            self.sharpening = parts.make(
                "sharpening", sharpen, image_shape=self.image_shape
            )

    def sharpened(self, *trained: stages.Stage) -> tuple[stages.Stage, ...]:
        """Returns a model's stages, and then that of its sharpening, if there is one.

        A sharpening that is `alone` is returned without the others.
        """
        if self.sharpening is None:
            return trained
        decoding = sharpening_lib.Decoding(self.decoder, latents=self.latents_of)
        last = stages.Stage(
            _STAGE,
            self.sharpening.updates(decoding),
            cache=self._cached,
            keeps_images=True,
            is_asked_for=True,
            is_validated=self.has_codes_of_new_images,
        )
        return (last,) if self.is_only_sharpened else (*trained, last)

    @property
    def is_only_sharpened(self) -> bool:
        """Whether the model has no other stage: the others are over."""
        return self.sharpening is not None and self.sharpening.alone

    @abc.abstractmethod
    def codes_of(self, data: image_set.ImageSet) -> Mapping[str, np.ndarray]:
        """Returns what `latents_of` needs of all images, by name, `[size, ...]`."""

    def latents_of(self, batch: types.Batch, *, seed: tf.Tensor) -> tf.Tensor:
        """Returns the latents of a batch that has its rows of `codes_of`: its "z".

        They are such as the decoder has learned: draws, if the posterior is no point.
        """
        del seed  # no randomness
        return batch["z"]

    def _cached(self, data: image_set.ImageSet) -> dict[str, np.ndarray]:
        """Returns the codes of all images, and "drawn" if the sharpening wants it."""
        codes = dict(self.codes_of(data))
        return codes | ({"drawn": self._draws(len(data))} if self._wants_draws else {})

    @property
    def _wants_draws(self) -> bool:
        return self.sharpening is not None and self.sharpening.draws

    def _draws(self, count: int) -> np.ndarray:
        """Returns latents drawn from the prior, the same ones at each call."""
        draw = tf.function(self._draw_latents, autograph=False)
        parts = [
            draw(
                tf.constant(min(_AT_ONCE, count - start)),
                seed=seeds.make((_SEED, start)),
            )
            for start in range(0, count, _AT_ONCE)
        ]
        return np.concatenate([np.asarray(part, np.float32) for part in parts])

    def _draw_latents(self, count: tf.Tensor, *, seed: tf.Tensor) -> tf.Tensor:
        """Returns latents as samples are decoded from, `[count, latent_dim]`."""
        return self.prior.sample(count, seed=seed)

    def check_data(self, data: image_set.ImageSet) -> None:
        """Checks a training set as the next class, and that a sharpening can have it.

        Raises:
            InvalidValue: The next class does not take it.
            Unsupported: There is a sharpening, and pixels are hidden, or the model's
                `stages` leaves it out.
        """
        super().check_data(data)
        if self.sharpening is None:
            return
        if all(stage.name != _STAGE for stage in self.stages()):
            raise errors.Unsupported(
                "A model that is sharpened returns its stages through `sharpened`",
                received=f"{type(self).__name__}, whose `stages` do not",
                do="Return self.sharpened(stage) from `stages`, or leave out sharpen",
            )
        if data.masks is not None:
            raise errors.Unsupported(
                "A decoder is sharpened against whole images",
                received=f"{data.name}, of which pixels are hidden",
                do="Leave out --sharpen, or use a data set of complete images",
            )
