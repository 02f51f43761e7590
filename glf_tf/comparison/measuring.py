# SPDX-License-Identifier: Apache-2.0
"""Measures the trained models of a comparison under one protocol."""

__all__ = ["Measuring", "SAMPLES", "of_dataset"]

import contextlib
import dataclasses
import datetime
import functools
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from glf_tf import catalogue, errors, files
from glf_tf.comparison import cost as cost_lib
from glf_tf.comparison import folder as folder_lib
from glf_tf.comparison import inferring as inferring_lib
from glf_tf.comparison import job as job_lib
from glf_tf.comparison import record as record_lib
from glf_tf.comparison import training_scalars
from glf_tf.data import image_set, pixels
from glf_tf.data import paths as paths_lib
from glf_tf.evaluation import evaluation, image_sources
from glf_tf.evaluation import settings as settings_lib
from glf_tf.experiments import restore
from glf_tf.inference import sampler
from glf_tf.metrics import protocol
from glf_tf.metrics.extractors import choice as extractor_lib
from glf_tf.metrics.extractors import features
from glf_tf.models import chains
from glf_tf.models import model as model_lib
from glf_tf.tasks import sample

SAMPLE_METRICS = ("fd", "precision_recall")
MODE_METRICS = (*SAMPLE_METRICS, "modes")
"""What is measured if a classifier finds what the channels of images are stacked of."""

OTHER_METRICS = ("fd",)
"""What is measured by further extractors."""

MODEL_METRICS = ("reconstruction_fd", "reconstruction")

OTHER_MODEL_METRICS = ("reconstruction_fd",)
"""What is measured by further extractors, where encoders differ."""

SAMPLES = "comparison_samples.npy"
"""The file of a few samples in a run's folder, uint8 `[PICTURED, h, w, channels]`."""

PICTURED = 36
"""Number of samples in a picture."""

_REAL = "real_images.json"


class Measuring:
    """The protocol of a comparison: data, extractor and settings.

    Attributes:
        needs_one_dataset: All runs are of one data set, unless each recovers training
            images of its own.
    """

    def __init__(
        self,
        *,
        train: image_set.ImageSet,
        test: image_set.ImageSet,
        extractor: features.AbstractExtractor,
        settings: settings_lib.Settings,
        others: Sequence[features.AbstractExtractor] = (),
        validation: image_set.ImageSet | None = None,
        inferring: inferring_lib.Inferring | None = None,
        scalars: Sequence[str] = (),
        cache_dir=None,
    ):
        """Initializes the protocol.

        Args:
            train: The training images.
            test: The test images, or images that were held out, in their place.
            extractor: The feature extractor.
            settings: Counts and trials.
            others: Further extractors, by which distances alone are measured.
            validation: Images that were held out, for models that share an encoder:
                then the likelihoods of their codes, and of those of `test`, compare.
            inferring: How chains find latents, and what they tell of hidden pixels;
                None for the models' own way, and nothing hidden.
            scalars: Scalars of training, such as "epoch/nll", whose last values count.
            cache_dir: Folder that caches statistics of real images; None for no cache.
        """
        self.train, self.test = train, test
        self.settings, self.extractor = settings, extractor
        self.others, self.validation = tuple(others), validation
        self._inferring, self._scalars = inferring, tuple(scalars)
        self.needs_one_dataset = inferring is None or not inferring.recovered
        self._make = functools.partial(
            evaluation.Evaluation, train=train, cache_dir=cache_dir
        )
        has_modes = train.channel_set is not None and isinstance(
            extractor, features.AbstractClassifier
        )
        self._metrics = MODE_METRICS if has_modes else SAMPLE_METRICS
        self._evaluated = functools.cache(self._evaluated_by)

    def _evaluation(
        self,
        extractor: features.AbstractExtractor,
        *,
        chain: sampler.AbstractSampler | None = None,
    ) -> evaluation.Evaluation:
        return self._evaluated(extractor, chain)

    def _evaluated_by(self, extractor, chain) -> evaluation.Evaluation:
        how = {"extractor": lambda: extractor, "classifier": lambda: extractor}
        settings = dataclasses.replace(self.settings, chain=chain)
        return self._make(test=self.test, settings=settings, **how)

    @functools.cached_property
    def identity(self) -> dict[str, object]:
        """Everything that determines a measurement but the model, as JSON values."""
        further, settings = {}, dataclasses.asdict(self.settings)
        if "modes" not in self._metrics:
            del settings["mode_samples"]  # of no effect, and not in older records
        if self.others:
            further["others"] = [[each.name, each.checksum] for each in self.others]
            if self.validation is None:
                further["other_metrics"] = [*OTHER_METRICS, *OTHER_MODEL_METRICS]
        if self.validation is not None:
            further["validation"] = self.validation.digest
        if self._inferring is not None:
            further["inferring"] = self._inferring.identity
        if self._scalars:
            further["scalars"] = list(self._scalars)
        return {
            **further,
            "version": protocol.VERSION,
            **settings,
            "extractor": self.extractor.name,
            "extractor_checksum": self.extractor.checksum,
            "train": self.train.digest,
            "test": self.test.digest,
        }

    @property
    def text(self) -> str:
        """A description of the protocol in one line."""
        asked = self.settings
        split = self.train if asked.reference_split == "train" else self.test
        by = map(extractor_lib.described, (self.extractor, *self.others))
        return (
            f"{' and '.join(by)}; {asked.samples:,} samples "
            f"against {len(split.images[: asked.references]):,} {split.split} images "
            f"of {split.name}; trials: {asked.trials}"
        )

    def real_images(self, folder: folder_lib.Folder) -> list[protocol.Measurement]:
        """Returns the measurements of real images of the other split, made once."""
        kept = folder.read_json(_REAL) or {}
        if kept.get("evaluation") == self.identity:
            return protocol.from_json(kept["measurements"])
        found = self._evaluation(self.extractor).floor(metrics=self._metrics)
        for other in self.others:
            found += self._evaluation(other).floor(metrics=OTHER_METRICS)
        kept = {"evaluation": self.identity, "measurements": protocol.to_json(found)}
        folder.write(_REAL, json.dumps(kept, indent=2) + "\n")
        return found

    def measure(self, job: job_lib.Job) -> record_lib.Result:
        """Measures a trained model, and saves a few samples.

        Raises:
            UserError: The model cannot be loaded, or its samples are not images.
        """
        model = restore.load_model(job.folder.path)
        measuring = self._evaluation(self.extractor)
        drawn = image_sources.ModelSamples(model)
        found = measuring.samples(drawn, metrics=self._metrics)
        for other in self.others:
            found += self._evaluation(other).samples(drawn, metrics=OTHER_METRICS)
        # Models without latents cannot reconstruct.
        with contextlib.suppress(errors.Unsupported):
            found += self._reconstructions(model)
        if self._inferring is not None and isinstance(model, chains.InfersLatents):
            how = {"run": job.folder.path, "test": self.test}
            found += self._inferring.measure(model, **how)
        if self.validation is not None:
            found += self._likelihoods(model)
        found += training_scalars.last(job.folder.path, self._scalars, train=self.train)
        drawn = next(sample.sample(model, PICTURED, seed=self.settings.seed))
        with files.replacing(job.folder.path / SAMPLES) as stream:
            np.save(stream, pixels.rounded(drawn))
        return record_lib.Result(
            measurements=tuple(found),
            cost=cost_lib.of(
                model, job=job, data=self.train, is_shared=self.validation is not None
            ),
            date=datetime.date.today().isoformat(),
        )

    def _reconstructions(
        self, model: model_lib.GenerativeModel
    ) -> list[protocol.Measurement]:
        """Measures reconstructions; by one extractor, where all models have the same.

        Raises:
            Unsupported: The model has no latents.
        """
        by = self._inferring
        chain = None if by is None else by.of_reconstructions(model)
        measuring = self._evaluation(self.extractor, chain=chain)
        found = measuring.model(model, metrics=MODEL_METRICS)
        for other in self.others if self.validation is None else ():
            measuring = self._evaluation(other, chain=chain)
            found += measuring.model(model, metrics=OTHER_MODEL_METRICS)
        return found

    def _likelihoods(
        self, model: model_lib.GenerativeModel
    ) -> list[protocol.Measurement]:
        """Measures the density of codes of held-out images, and of test images."""
        found = []
        by_split = {images.split: images for images in (self.validation, self.test)}
        for images in by_split.values():
            how = {"test": images, "settings": self.settings}
            by = self._make(extractor=lambda: self.extractor, **how)
            (nll,) = by.model(model, metrics=("nll",))
            source = f"{images.split} latents"
            how = dataclasses.replace(nll.protocol, source=source)
            found.append(dataclasses.replace(nll, protocol=how))
        return found


def of_dataset(
    spec: Mapping,
    *,
    paths: paths_lib.DataPaths,
    extractors: Sequence[str],
    settings: settings_lib.Settings,
    inception_graph: str = "",
    has_likelihoods: bool = False,
    inferred: Mapping[str, Any] | None = None,
    scalars: Sequence[str] = (),
) -> Measuring:
    """Returns the protocol of a comparison on a data set.

    Args:
        spec: The specification of the data set.
        paths: Where data and caches are.
        extractors: Names of the extractors, the main one first.
        settings: Counts and trials; by its `reference_split` what is held out takes
            the place of the test images.
        inception_graph: File of the 2015 graph.
        has_likelihoods: Whether models share an encoder, so that the likelihoods of
            codes compare.
        inferred: Options of `Inferring`; None for none.
        scalars: Scalars of training whose last values count.
    """
    dataset = catalogue.build("dataset", spec, paths=paths)
    # What training hides is each run's own, and nothing is hidden of test images.
    left_out = ("name", "mask") if (inferred or {}).get("recovered") else ("name",)
    options = ", ".join(f"{key}={spec[key]}" for key in spec if key not in left_out)
    held_out = "validation" if settings.reference_split == "validation" else "test"
    data = {"train": dataset.load("train"), "test": dataset.load(held_out)}
    inferring = None
    if inferred is not None:
        shape = data["test"].image_shape
        inferring = inferring_lib.Inferring(shape, paths=paths, **inferred)
    extractor, *others = (
        extractor_lib.make(name, **data, paths=paths, inception_graph=inception_graph)
        for name in extractors
    )
    return Measuring(
        **data,
        extractor=extractor,
        others=others,
        validation=dataset.load_for_training()[1] if has_likelihoods else None,
        inferring=inferring,
        scalars=scalars,
        settings=dataclasses.replace(settings, crop=options),
        cache_dir=paths.cache_dir / "statistics",
    )
