# SPDX-License-Identifier: Apache-2.0
"""Measures samples, reconstructions and real images under one protocol."""

__all__ = ["METRICS", "Settings", "Evaluation", "supported", "log", "table"]

import dataclasses
import functools
import math
import warnings
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import tensorflow as tf
import tqdm

from glf_tf import errors, seeds, types
from glf_tf.data import image_set, pipeline, pixels
from glf_tf.evaluation import image_sources
from glf_tf.experiments import folder as folder_lib
from glf_tf.inference import sampler
from glf_tf.metrics import (
    digest,
    likelihood,
    memorization,
    protocol,
    reconstruction,
    reference,
    suite,
    vectors,
)
from glf_tf.metrics.extractors import features
from glf_tf.models import autoencoder, latent, variational
from glf_tf.models import model as model_lib
from glf_tf.tasks import infer, reconstruct
from glf_tf.training import summaries

METRICS = (
    *suite.METRICS,
    "floor",
    "reconstruction_fd",
    "reconstruction",
    "nll",
    "bound",
    "copies",
)
"""What can be asked for: the suite's measures of samples, and

floor              the same measures, of real images of the other split
reconstruction_fd  the same measures, of reconstructions: what no prior can beat
reconstruction     squared error of test images
nll                of the test images' latents, in nats
bound              on -log p(image) of the test images, in nats: importance-weighted,
                   for variational models whose decoder is a density
copies             how near samples come to training images
"""


@dataclasses.dataclass(frozen=True)
class Settings:
    """The protocol that is asked for.

    Attributes:
        samples: Images a trial.
        reference_split: "train" or "test".
        references: How many real images; None for all.
        trials: Independent draws.
        rounded: Whether samples are rounded to uint8.
        seed: Of samples, subsets and clusterings.
        crop: How the real images were cropped and resized, for the record.
        preset: Name of the preset that these are, for the record.
        bound_samples: Samples of the posterior an image, for "bound".
        chain: How latents of reconstructions are found; None for the model's own way.
        start: Where such chains start; one of `infer.STARTS`.
    """

    samples: int = 10_000
    reference_split: str = "test"
    references: int | None = None
    trials: int = 1
    rounded: bool = True
    seed: int = 0
    crop: str = ""
    preset: str = ""
    bound_samples: int = 50
    chain: sampler.AbstractSampler | None = None
    start: str = "auto"

    @classmethod
    def of_preset(cls, name: str, **others) -> "Settings":
        """Returns the settings of a named preset.

        Raises:
            InvalidValue: There is none of that name.
        """
        chosen = dataclasses.asdict(protocol.preset(name))
        return cls(**chosen, preset=name, **others)


class Evaluation:
    """Measures images against one data set, with one extractor."""

    def __init__(
        self,
        *,
        train: image_set.ImageSet,
        test: image_set.ImageSet,
        extractor: Callable[[], features.AbstractExtractor],
        settings: Settings,
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
        subject = self._reconstructions(model)
        log_prob = self._of_test_images(
            lambda image, index: model.log_prob(model.encode(image))
        )
        found = likelihood.negative_log_likelihood(log_prob, dim=model.latent_dim)
        return self._plain({"nll": found.nats}, subject=subject, space="latents")

    def _bound(self, model) -> list[protocol.Measurement]:
        if not isinstance(model, variational.AbstractVariational):
            raise errors.Unsupported(
                "A bound of log p(x) is that of a variational model",
                received=type(model).__name__,
                do="Leave bound out of --metrics",
            )
        count, seed = self._settings.bound_samples, self._settings.seed
        log_prob = self._of_test_images(
            lambda image, index: model.log_likelihood_bound(
                image, seed=seeds.fold(seed, index), num_samples=count
            )
        )
        dim = math.prod(self._test.image_shape)
        found = likelihood.negative_log_likelihood(log_prob, dim=dim)
        numbers = {f"bound_{count}": found.nats}
        subject = self._reconstructions(model)
        return self._plain(numbers, subject=subject, space="pixels")

    def _of_test_images(self, function: Callable) -> np.ndarray:
        """Returns a number an image, from a function of images and their batch."""
        traced = tf.function(function, autograph=False, reduce_retracing=True)
        batches = pipeline.evaluation_batches(
            self._test, batch_size=image_sources.CHUNK
        )
        return np.concatenate(
            [traced(one["image"], tf.constant(i)) for i, one in enumerate(batches)]
        )

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
        settings = dataclasses.replace(
            self._protocol(
                subject,
                count=count or len(self._test),
                identity={
                    "extractor": space,
                    "extractor_checksum": "",
                    "reference_split": self._settings.reference_split,
                    "reference_digest": digest.of_array(self._real_images),
                    "references": len(self._real_images),
                },
            ),
            trials=1,
            rounded=rounded,
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


def supported(model: model_lib.GenerativeModel | None) -> tuple[str, ...]:
    """Returns the metrics that a model has; those of samples alone where it is None."""
    missing = set()
    if not isinstance(model, latent.AbstractLatentModel):
        missing |= {"reconstruction_fd", "reconstruction"}
    if not isinstance(model, autoencoder.AbstractAutoencoder):
        missing.add("nll")
    is_variational = isinstance(model, variational.AbstractVariational)
    if not is_variational or not model.reconstruction.is_likelihood:
        missing.add("bound")
    return tuple(metric for metric in METRICS if metric not in missing)


def _in_suite(metrics: Sequence[str]) -> list[str]:
    return [metric for metric in metrics if metric in suite.METRICS]


def log(
    folder: folder_lib.Folder,
    measurements: Sequence[protocol.Measurement],
    *,
    step: int,
) -> None:
    """Writes means to a run's TensorBoard, at the step of the model they are of."""
    values = {
        f"evaluation/{one.title}/{one.protocol.subject}": one.mean
        for one in measurements
    }
    summaries.Summaries(folder.path).scalars(values, step=step)


def table(measurements: Sequence[protocol.Measurement]) -> str:
    """Returns measurements as a table for people."""
    rows = [
        (
            one.title,
            f"{one.mean:.4g}" + ("" if one.std is None else f" ± {one.std:.2g}"),
            one.protocol.subject + ("" if one.protocol.sampling == "plain" else "*"),
            f"{one.protocol.samples:,} against {one.protocol.references:,} "
            f"{one.protocol.reference_split}",
        )
        for one in measurements
    ]
    head = ("measure", "value", "of", "images")
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in [head, *rows]]
    notes = sorted({note for one in measurements for note in one.notes})
    if any(one.protocol.sampling == "authors" for one in measurements):
        notes.append("* sampled as the GLF authors' script does")
    return "\n".join(lines + notes)
