# SPDX-License-Identifier: Apache-2.0
"""Measures samples, reconstructions and real images under one protocol."""

__all__ = ["Evaluation"]

import dataclasses
import functools
import warnings
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import tqdm

from glf_tf import errors, types
from glf_tf.data import image_set, pixels
from glf_tf.evaluation import image_sources, inverses, likelihoods
from glf_tf.evaluation import settings as settings_lib
from glf_tf.metrics import (
    digest,
    histograms,
    memorization,
    protocol,
    reconstruction,
    reference,
    suite,
    vectors,
)
from glf_tf.metrics.extractors import features
from glf_tf.models import model as model_lib
from glf_tf.tasks import infer


class Evaluation:
    """Measures images against one data set, with one extractor."""

    def __init__(
        self,
        *,
        train: image_set.ImageSet,
        test: image_set.ImageSet,
        extractor: Callable[[], features.AbstractExtractor],
        settings: settings_lib.Settings,
        cache_dir=None,
    ):
        """Initializes the evaluation.

        Args:
            train: The training images.
            test: The test images.
            extractor: Returns the feature extractor; called when a metric needs it.
            settings: The protocol.
            cache_dir: Folder that caches statistics of real images; None for no cache.
        """
        self._train, self._test, self._settings = train, test, settings
        self._make_extractor, self._cache_dir = extractor, cache_dir
        split = train if settings.reference_split == "train" else test
        self._real_images = split.images[: settings.references]

    @property
    def extractor(self) -> features.AbstractExtractor | None:
        """The feature extractor; None as long as no metric has needed it."""
        made = vars(self).get("_reference")
        return made and made.extractor

    @functools.cached_property
    def _reference(self) -> reference.Reference:
        return reference.Reference(
            self._real_images,
            extractor=self._make_extractor(),
            split=self._settings.reference_split,
            cache_dir=self._cache_dir,
        )

    def samples(
        self, source: image_sources.AbstractImageSource, *, metrics: Sequence[str]
    ) -> list[protocol.Measurement]:
        """Measures samples with the given metrics of the suite, and "copies".

        Raises:
            InvalidValue: Sizes differ from the data's, or there are too few samples.
        """
        self._check(source)
        found = []
        if in_suite := _in_suite(metrics):
            found += self._measure(source, metrics=in_suite)
        if "copies" in metrics:
            found += self._copies(source)
        return found

    def floor(self, *, metrics: Sequence[str] = ()) -> list[protocol.Measurement]:
        """Measures real images of the other split: the score of a perfect model.

        Uses the given metrics of the suite, or the Frechet distance if there are none.
        """
        is_test = self._settings.reference_split == "test"
        other = self._train if is_test else self._test
        source = image_sources.GivenImages(
            other.images, name=f"real {other.split} images"
        )
        return self._measure(source, metrics=_in_suite(metrics) or ["fd"])

    def model(
        self, model: model_lib.GenerativeModel, *, metrics: Sequence[str]
    ) -> list[protocol.Measurement]:
        """Measures reconstructions and likelihoods, as far as `metrics` names them.

        Raises:
            Unsupported: The model has no latents, or for "nll" no encoder.
        """
        wanted = {
            "reconstruction_fd": lambda model: self._measure(
                self._reconstructions(model), metrics=_in_suite(metrics) or ["fd"]
            ),
            "reconstruction": self._reconstruction,
            "nll": self._nll,
            "bound": self._bound,
            "bits_per_dim": self._bits_per_dim,
            "inverse_error": self._inverse_error,
        }
        chosen = [wanted[metric] for metric in metrics if metric in wanted]
        return [measurement for measure in chosen for measurement in measure(model)]

    def _measure(
        self, source: image_sources.AbstractImageSource, *, metrics: Sequence[str]
    ) -> list[protocol.Measurement]:
        count = self._count(source)
        with warnings.catch_warnings():
            # The same text is in the measurement's notes.
            warnings.simplefilter("ignore", vectors.SmallSampleWarning)
            return suite.measure(
                metrics,
                draw=lambda seed: self._features(source, count=count, seed=seed),
                real=self._reference,
                settings=self._protocol(
                    source, count=count, identity=self._reference.identity
                ),
            )

    def _features(
        self, source: image_sources.AbstractImageSource, *, count: int, seed: types.Seed
    ) -> np.ndarray:
        images = self._images(source, count=count, seed=seed)
        total = -(-count // image_sources.CHUNK)
        bar = tqdm.tqdm(images, desc=source.name, total=total, disable=None)
        return np.concatenate([self._reference.extractor(image) for image in bar])

    def _images(
        self, source: image_sources.AbstractImageSource, *, count: int, seed: types.Seed
    ) -> Iterator[np.ndarray]:
        for images in source.draw(count, seed=seed):
            if self._settings.rounded:
                yield pixels.round_to_uint8(images)
            else:
                yield pixels.to_unit(images, name=source.name)

    def _copies(
        self, source: image_sources.AbstractImageSource
    ) -> list[protocol.Measurement]:
        count, seed = self._count(source), self._settings.seed
        found = memorization.check(
            np.concatenate(list(self._images(source, count=count, seed=seed))),
            train=self._train.images,
            test=self._test.images,
            seed=seed,
        )
        return self._plain(
            found.summary(),
            source=source,
            space="pixels",
            count=count,
            rounded=self._settings.rounded,
        )

    def _reconstruction(self, model) -> list[protocol.Measurement]:
        source, seed = self._reconstructions(model), self._settings.seed
        drawn = np.concatenate(list(source.draw(source.most, seed=seed)))
        error = reconstruction.squared_error(self._test.images, reconstructions=drawn)
        numbers = {
            "reconstruction_per_image": error.per_image_unit,
            "reconstruction_per_pixel": error.per_pixel_unit,
            "reconstruction_per_pixel_symmetric": error.per_pixel_symmetric,
        }
        return self._plain(numbers, source=source, space="pixels", notes=source.notes)

    def _nll(self, model) -> list[protocol.Measurement]:
        found = likelihoods.latents(model, self._test)
        source = self._reconstructions(model)
        return self._plain(
            {"nll": found.nats}, source=source, space="latents", of="test latents"
        )

    def _bound(self, model) -> list[protocol.Measurement]:
        count, seed = self._settings.bound_samples, self._settings.seed
        found = likelihoods.bound(model, self._test, num_samples=count, seed=seed)
        numbers = {f"bound_{count}": found.nats}
        source = self._reconstructions(model)
        return self._plain(numbers, source=source, space="pixels", of="test images")

    def _bits_per_dim(self, model) -> list[protocol.Measurement]:
        """Measures a flow on images, and what counting alone reaches."""
        found = self.bits_per_dim(model, self._test, of="test images")
        step = 2 ** (8 - model.bits)
        images = [data.images // step * step for data in (self._train, self._test)]
        numbers = {
            "bits_per_dim_of_pixels": histograms.per_pixel(*images),
            "bits_per_dim_of_neighbours": histograms.given_neighbours(*images),
        }
        source = self._reconstructions(model)
        how = {"of": "test images", "notes": found[0].notes}
        return found + self._plain(numbers, source=source, space="pixels", **how)

    def bits_per_dim(
        self, model: model_lib.GenerativeModel, images: image_set.ImageSet, *, of: str
    ) -> list[protocol.Measurement]:
        """Measures the bits per dimension of images, also of those of another data set.

        Args:
            model: A flow on images.
            images: The images.
            of: What they are called.

        Raises:
            Unsupported: It is no flow on images.
        """
        draws, seed = self._settings.dequantization_draws, self._settings.seed
        if images is not self._test:
            # Labels of another data set may mean something else.
            images = dataclasses.replace(images, labels=None)
        has_labels = model.num_classes > 0 and images.labels is not None
        found = likelihoods.bits_per_dim(model, images, num_draws=draws, seed=seed)
        noise = type(model.dequantization).__name__.lower()
        note = (
            f"bits are of {model.latent_dim} numbers an image, of {model.bits} bits"
            f"{', given labels' * has_labels}; {draws} draws of {noise} noise"
        )
        return self._plain(
            {f"bits_per_dim_{draws}_draws": found.bits_per_dim},
            source=self._reconstructions(model),
            space="pixels",
            of=of,
            count=found.count,
            notes=(note,),
        )

    def _inverse_error(self, model) -> list[protocol.Measurement]:
        """Measures a flow on images: its inverse, on the data and away from it."""
        found = inverses.inverse_errors(
            model,
            train=self._train.images,
            test=self._test.images,
            seed=self._settings.seed,
        )
        notes = (f"errors of the inverse are in levels, of {model.bits} bits",)
        source, rows = self._reconstructions(model), []
        for name, error in found.items():
            numbers = {
                f"inverse_error_{key}": getattr(error, key)
                for key in ("max", "median", "nonfinite")
            }
            how = {"of": name, "count": error.count, "notes": notes}
            rows += self._plain(numbers, source=source, space="pixels", **how)
        return rows

    def _reconstructions(self, model) -> image_sources.Reconstructions:
        inference = infer.Inference(
            model, chain=self._settings.chain, start=self._settings.start
        )
        return image_sources.Reconstructions(inference, self._test.images)

    def _plain(
        self,
        numbers: dict,
        *,
        source: image_sources.AbstractImageSource,
        space: str,
        of: str | None = None,
        count: int | None = None,
        rounded: bool = False,
        notes: tuple[str, ...] = (),
    ) -> list[protocol.Measurement]:
        """Returns measurements of one trial that need no extractor.

        Those of `of`, by default what the source is called. Reconstructions are
        measured on all test images, whatever the settings.
        """
        identity = {
            "extractor": space,
            "extractor_checksum": "",
            "reference_split": self._settings.reference_split,
            "reference_digest": digest.of_array(self._real_images),
            "references": len(self._real_images),
        }
        asked = self._protocol(
            source, count=count or len(self._test), identity=identity
        )
        settings = dataclasses.replace(
            asked, trials=1, rounded=rounded, source=of or source.name
        )
        return [
            protocol.Measurement(
                metric=key,
                title=key.replace("_", " "),
                values=(float(value),),
                protocol=settings,
                notes=notes,
            )
            for key, value in numbers.items()
        ]

    def _protocol(
        self, source: image_sources.AbstractImageSource, *, count: int, identity: dict
    ) -> protocol.Protocol:
        asked = self._settings
        return protocol.Protocol(
            **identity,
            source=source.name,
            dataset=self._test.name,
            samples=count,
            # Reconstructions are the same in every trial.
            trials=1 if source.name == "reconstructions" else asked.trials,
            rounded=asked.rounded,
            crop=asked.crop,
            sampling=source.sampling,
            seed=asked.seed,
            preset=asked.preset,
        )

    def _count(self, source: image_sources.AbstractImageSource) -> int:
        most = source.most or self._settings.samples
        return min(self._settings.samples, most)

    def _check(self, source: image_sources.AbstractImageSource) -> None:
        """Checks the first two images, before time is spent on the others."""
        first = next(iter(source.draw(min(2, source.most or 2), seed=0)))
        if first.shape[1:] != self._test.image_shape:
            raise errors.InvalidValue(
                "Samples must have the shape of the data they are compared with",
                received=f"{first.shape[1:]} against {self._test.image_shape} of "
                f"{self._test.name}",
                do="Resize them, or choose another --dataset",
            )
        if self._count(source) < 2:
            raise errors.InvalidValue(
                "A distance needs at least 2 samples",
                received=f"{self._count(source)}",
                do="Pass more samples",
            )


def _in_suite(metrics: Sequence[str]) -> list[str]:
    return [metric for metric in metrics if metric in suite.METRICS]
