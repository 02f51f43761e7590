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
from glf_tf.evaluation import image_sources, likelihoods
from glf_tf.evaluation import settings as settings_lib
from glf_tf.metrics import (
    digest,
    memorization,
    protocol,
    reconstruction,
    reference,
    suite,
    vectors,
)
from glf_tf.metrics.extractors import features
from glf_tf.models import model as model_lib
from glf_tf.tasks import infer, reconstruct


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
            extractor: Makes what makes features; called when a metric needs them.
            settings: The protocol.
            cache_dir: Where statistics of real images are kept; None for nowhere.
        """
        self._train, self._test, self._settings = train, test, settings
        self._make_extractor, self._cache_dir = extractor, cache_dir
        split = train if settings.reference_split == "train" else test
        self._real_images = split.images[: settings.references]

    @property
    def extractor(self) -> features.AbstractExtractor | None:
        """What has made features, None where no metric has needed any so far."""
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
        self, subject: image_sources.AbstractSubject, *, metrics: Sequence[str]
    ) -> list[protocol.Measurement]:
        """Measures samples with some of the suite's metrics, and "copies".

        Raises:
            InvalidValue: Sizes differ from the data's, or there are too few samples.
        """
        self._check(subject)
        found = []
        if in_suite := _in_suite(metrics):
            found += self._measure(subject, metrics=in_suite)
        if "copies" in metrics:
            found += self._copies(subject)
        return found

    def floor(self, *, metrics: Sequence[str] = ()) -> list[protocol.Measurement]:
        """Measures real images of the other split: what a perfect model would get.

        With those of the metrics that are the suite's, or the Frechet distance alone.
        """
        is_test = self._settings.reference_split == "test"
        other = self._train if is_test else self._test
        subject = image_sources.GivenImages(
            other.images, name=f"real {other.split} images"
        )
        return self._measure(subject, metrics=_in_suite(metrics) or ["fd"])

    def model(
        self, model: model_lib.GenerativeModel, *, metrics: Sequence[str]
    ) -> list[protocol.Measurement]:
        """Measures reconstructions and likelihood, for those asked for that there are.

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
        }
        chosen = [wanted[metric] for metric in metrics if metric in wanted]
        return [one for measure in chosen for one in measure(model)]

    def _measure(
        self, subject: image_sources.AbstractSubject, *, metrics: Sequence[str]
    ) -> list[protocol.Measurement]:
        count = self._count(subject)
        with warnings.catch_warnings():
            # The same text is in the measurement's notes.
            warnings.simplefilter("ignore", vectors.SmallSampleWarning)
            return suite.measure(
                metrics,
                draw=lambda seed: self._features(subject, count=count, seed=seed),
                real=self._reference,
                settings=self._protocol(
                    subject, count=count, identity=self._reference.identity
                ),
            )

    def _features(
        self, subject: image_sources.AbstractSubject, *, count: int, seed: types.Seed
    ) -> np.ndarray:
        images = self._images(subject, count=count, seed=seed)
        total = -(-count // image_sources.CHUNK)
        bar = tqdm.tqdm(images, desc=subject.name, total=total, disable=None)
        return np.concatenate([self._reference.extractor(image) for image in bar])

    def _images(
        self, subject: image_sources.AbstractSubject, *, count: int, seed: types.Seed
    ) -> Iterator[np.ndarray]:
        for images in subject.draw(count, seed=seed):
            if self._settings.rounded:
                yield pixels.round_to_uint8(images)
            else:
                yield pixels.to_unit(images, name=subject.name)

    def _copies(
        self, subject: image_sources.AbstractSubject
    ) -> list[protocol.Measurement]:
        count, seed = self._count(subject), self._settings.seed
        found = memorization.check(
            np.concatenate(list(self._images(subject, count=count, seed=seed))),
            train=self._train.images,
            test=self._test.images,
            seed=seed,
        )
        return self._plain(
            found.summary(),
            subject=subject,
            space="pixels",
            count=count,
            rounded=self._settings.rounded,
        )

    def _reconstruction(self, model) -> list[protocol.Measurement]:
        subject, seed = self._reconstructions(model), self._settings.seed
        drawn = np.concatenate(list(subject.draw(subject.most, seed=seed)))
        error = reconstruction.squared_error(self._test.images, reconstructions=drawn)
        numbers = {
            "reconstruction_per_image": error.per_image_unit,
            "reconstruction_per_pixel": error.per_pixel_unit,
            "reconstruction_per_pixel_symmetric": error.per_pixel_symmetric,
        }
        return self._plain(
            numbers, subject=subject, space="pixels", notes=subject.notes
        )

    def _nll(self, model) -> list[protocol.Measurement]:
        model = reconstruct.as_autoencoder(model)
        found = likelihoods.latents(model, self._test)
        subject = self._reconstructions(model)
        return self._plain({"nll": found.nats}, subject=subject, space="latents")

    def _bound(self, model) -> list[protocol.Measurement]:
        count, seed = self._settings.bound_samples, self._settings.seed
        found = likelihoods.bound(model, self._test, num_samples=count, seed=seed)
        numbers = {f"bound_{count}": found.nats}
        subject = self._reconstructions(model)
        return self._plain(numbers, subject=subject, space="pixels")

    def _reconstructions(self, model) -> image_sources.Reconstructions:
        inference = infer.Inference(
            model, chain=self._settings.chain, start=self._settings.start
        )
        return image_sources.Reconstructions(inference, self._test.images)

    def _plain(
        self,
        numbers: dict,
        *,
        subject: image_sources.AbstractSubject,
        space: str,
        count: int | None = None,
        rounded: bool = False,
        notes: tuple[str, ...] = (),
    ) -> list[protocol.Measurement]:
        """Returns measurements of one trial that no extractor took part in.

        Those of reconstructions are of all test images, whatever was asked for.
        """
        identity = {
            "extractor": space,
            "extractor_checksum": "",
            "reference_split": self._settings.reference_split,
            "reference_digest": digest.of_array(self._real_images),
            "references": len(self._real_images),
        }
        asked = self._protocol(
            subject, count=count or len(self._test), identity=identity
        )
        settings = dataclasses.replace(asked, trials=1, rounded=rounded)
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
        self, subject: image_sources.AbstractSubject, *, count: int, identity: dict
    ) -> protocol.Protocol:
        asked = self._settings
        return protocol.Protocol(
            **identity,
            subject=subject.name,
            dataset=self._test.name,
            samples=count,
            # Reconstructions are the same in every trial.
            trials=1 if subject.name == "reconstructions" else asked.trials,
            rounded=asked.rounded,
            crop=asked.crop,
            sampling=subject.sampling,
            seed=asked.seed,
            preset=asked.preset,
        )

    def _count(self, subject: image_sources.AbstractSubject) -> int:
        most = subject.most or self._settings.samples
        return min(self._settings.samples, most)

    def _check(self, subject: image_sources.AbstractSubject) -> None:
        """Looks at the first two images, before time is spent on the others."""
        first = next(iter(subject.draw(min(2, subject.most or 2), seed=0)))
        if first.shape[1:] != self._test.image_shape:
            raise errors.InvalidValue(
                "Samples must have the shape of the data they are compared with",
                received=f"{first.shape[1:]} against {self._test.image_shape} of "
                f"{self._test.name}",
                do="Resize them, or choose another --dataset",
            )
        if self._count(subject) < 2:
            raise errors.InvalidValue(
                "A distance needs at least 2 samples",
                received=f"{self._count(subject)}",
                do="Pass more samples",
            )


def _in_suite(metrics: Sequence[str]) -> list[str]:
    return [metric for metric in metrics if metric in suite.METRICS]
