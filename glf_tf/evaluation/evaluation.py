# SPDX-License-Identifier: Apache-2.0
"""Measures samples, reconstructions and real images under one protocol."""

__all__ = ["Evaluation"]

import functools
import warnings
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from glf_tf import errors, progress, types
from glf_tf.data import image_set, pixels
from glf_tf.evaluation import (
    image_sources,
    label_accuracies,
    mode_counts,
    model_metrics,
    records,
)
from glf_tf.evaluation import settings as settings_lib
from glf_tf.metrics import memorization, protocol, reference, suite, vectors
from glf_tf.metrics.extractors import features
from glf_tf.models import model as model_lib


class Evaluation:
    """Measures images against one data set, with one extractor.

    Attributes:
        of_models: Measures what a model itself has, without an extractor.
    """

    def __init__(
        self,
        *,
        train: image_set.ImageSet,
        test: image_set.ImageSet,
        extractor: Callable[[], features.AbstractExtractor],
        settings: settings_lib.Settings,
        cache_dir=None,
        classifier: Callable[[], features.AbstractClassifier] | None = None,
    ):
        """Initializes the evaluation.

        Args:
            train: The training images.
            test: The test images, or images that were held out, in their place.
            extractor: Returns the feature extractor; called when a metric needs it.
            settings: The protocol.
            cache_dir: Folder that caches statistics of real images; None for no cache.
            classifier: Returns a classifier of the training images, for "modes" and
                "label_accuracy".
        """
        self._train, self._test, self._settings = train, test, settings
        self._make_extractor, self._cache_dir = extractor, cache_dir
        self._make_classifier = classifier
        split = train if settings.reference_split == "train" else test
        self._real_images = split.examples[: settings.references]
        self._records = records.Records(
            settings, test=test, references=self._real_images
        )
        self.of_models = model_metrics.ModelMetrics(
            self._records, train=train, test=test
        )

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
        """Measures samples with the given metrics of the suite, "modes" and "copies".

        Raises:
            InvalidValue: Sizes differ from the data's, or there are too few samples.
            Unsupported: There are no labels, and so no modes.
        """
        if not isinstance(self._test, image_set.ImageSet):
            return _refuse_samples(metrics, noun=self._test.noun)
        self._check(source)
        found = []
        if in_suite := _in_suite(metrics):
            found += self._measure(source, metrics=in_suite)
        if "modes" in metrics:
            found += self._modes(source)
        if "copies" in metrics:
            found += self._copies(source)
        return found

    def floor(self, *, metrics: Sequence[str] = ()) -> list[protocol.Measurement]:
        """Measures real images of the other split: the score of a perfect model.

        Uses the given metrics of the suite, or the Frechet distance if there are none;
        and "modes", if it is given.
        """
        is_train = self._settings.reference_split == "train"
        other = self._test if is_train else self._train
        source = image_sources.GivenImages(
            other.images, name=f"real {other.split} images"
        )
        modes = self._modes(source) if "modes" in metrics else []
        in_suite = _in_suite(metrics) or ([] if modes else ["fd"])
        return (self._measure(source, metrics=in_suite) if in_suite else []) + modes

    def model(
        self, model: model_lib.GenerativeModel, *, metrics: Sequence[str]
    ) -> list[protocol.Measurement]:
        """Measures reconstructions and likelihoods, as far as `metrics` names them.

        Raises:
            Unsupported: The model has no latents, or for "nll" no encoder.
        """
        wanted = {
            "reconstruction_fd": lambda model: self._measure(
                self.of_models.reconstructions(model),
                metrics=_in_suite(metrics) or ["fd"],
            ),
            "label_accuracy": self._label_accuracy,
            **self.of_models.by_name,
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
                settings=self._records.protocol(
                    source, count=count, identity=self._reference.identity
                ),
            )

    def _features(
        self, source: image_sources.AbstractImageSource, *, count: int, seed: types.Seed
    ) -> np.ndarray:
        images = self._images(source, count=count, seed=seed)
        found = []
        with progress.bar(f"measure {source.name}", total=count, unit="image") as bar:
            for some in images:
                found.append(self._reference.extractor(some))
                bar.update(len(some))
        return np.concatenate(found)

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
        return self._records.plain(
            found.summary(),
            source=source,
            space="pixels",
            count=count,
            rounded=self._settings.rounded,
        )

    def _modes(
        self, source: image_sources.AbstractImageSource
    ) -> list[protocol.Measurement]:
        asked = self._settings
        mode_counts.check(self._train)  # before a classifier is trained
        classifier = self._classifier("The modes of samples are")
        count = min(asked.mode_samples, source.most or asked.mode_samples)
        found = mode_counts.of_images(
            self._images(source, count=count, seed=asked.seed),
            classifier=classifier,
            train=self._train,
        )
        return self._records.plain(
            {"modes_covered": found.covered, "modes_kl": found.kl},
            source=source,
            space=classifier.name,
            count=count,
            rounded=asked.rounded,
            notes=mode_counts.notes(found, classifier=classifier, samples=count),
        )

    def _classifier(self, what_is: str) -> features.AbstractClassifier:
        """Returns the classifier.

        Raises:
            Unsupported: There is none.
        """
        if self._make_classifier is None:
            raise errors.Unsupported(
                f"{what_is} found by a classifier",
                received="an Evaluation without one",
                do="Pass classifier=, or leave modes and label_accuracy out of the "
                "metrics",
            )
        return self._make_classifier()

    def _label_accuracy(self, model) -> list[protocol.Measurement]:
        """Measures whether a classifier finds the labels that samples are to have."""
        label_accuracies.check(model, self._train)  # before a classifier is trained
        classifier = self._classifier("The labels of samples are")
        asked = self._settings
        each = max(1, asked.samples // model.num_classes)
        how = {"temperature": asked.temperature, "guidance": asked.guidance}
        source = image_sources.ModelSamples(model, **how)
        shares = label_accuracies.of_samples(
            source,
            classifier=classifier,
            train=self._train,
            samples=each,
            seed=asked.seed,
        )
        accuracy = classifier.accuracy
        return self._records.plain(
            {"label_accuracy": np.mean(shares), "label_accuracy_of_worst": min(shares)},
            source=source,
            space=classifier.name,
            count=each * len(shares),
            notes=(
                f"label accuracy is of {each} samples of each label; the classifier "
                f"finds {100 * accuracy:.2f} % of those of {self._test.split} images",
            ),
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


def _refuse_samples(metrics: Sequence[str], *, noun: str) -> list:
    """Returns no measurements of samples that are no images.

    Raises:
        Unsupported: A metric is asked for that compares images.
    """
    of_images = [metric for metric in metrics if metric not in settings_lib.OF_VECTORS]
    if of_images:
        raise errors.Unsupported(
            "Samples are compared by features of images",
            received=f"{', '.join(of_images)} of a model of {noun}",
            do=f"Use --metrics={','.join(settings_lib.OF_VECTORS)}, or some of them",
        )
    return []


def _in_suite(metrics: Sequence[str]) -> list[str]:
    return [metric for metric in metrics if metric in suite.METRICS]
