# SPDX-License-Identifier: Apache-2.0
"""What is measured of a model itself: likelihoods, calibration, reconstructions."""

__all__ = ["ModelMetrics"]

import dataclasses
import math
from collections.abc import Callable, Mapping

import numpy as np

from glf_tf.data import image_set
from glf_tf.evaluation import (
    calibrations,
    image_sources,
    inverses,
    label_accuracies,
    likelihoods,
    records,
)
from glf_tf.metrics import histograms, protocol, reconstruction
from glf_tf.models import density
from glf_tf.models import model as model_lib
from glf_tf.tasks import infer


class ModelMetrics:
    """Measures models on the images of one data set.

    Attributes:
        ranks: How the prior of the last model was calibrated; None if not measured.
    """

    def __init__(
        self,
        recorded: records.Records,
        *,
        train: image_set.ImageSet,
        test: image_set.ImageSet,
    ):
        """Initializes the metrics.

        Args:
            recorded: Makes measurements of numbers.
            train: The training images.
            test: The test images.
        """
        self._records, self._train, self._test = recorded, train, test
        self.ranks: calibrations.Ranks | None = None

    @property
    def by_name(self) -> Mapping[str, Callable]:
        """The metrics: functions of a model that return measurements."""
        return {
            "reconstruction": self._reconstruction,
            "nll": self._nll,
            "calibration": self._calibration,
            "bound": self._bound,
            "bits_per_dim": self._bits_per_dim,
            "inverse_error": self._inverse_error,
            "bayes": self._bayes,
        }

    def reconstructions(self, model) -> image_sources.Reconstructions:
        """Returns a model's reconstructions of the test images."""
        inference = infer.Inference(
            model,
            chain=self._records.settings.chain,
            start=self._records.settings.start,
        )
        return image_sources.Reconstructions(inference, self._test.images)

    def _source(self, model) -> image_sources.AbstractImageSource:
        """Returns what is noted as measured, where no image is drawn."""
        if isinstance(model, density.Density):
            return image_sources.ModelSamples(model)
        return self.reconstructions(model)

    def _reconstruction(self, model) -> list[protocol.Measurement]:
        source, seed = self.reconstructions(model), self._records.settings.seed
        drawn = np.concatenate(list(source.draw(source.most, seed=seed)))
        error = reconstruction.squared_error(self._test.images, reconstructions=drawn)
        numbers = {
            "reconstruction_per_image": error.per_image_unit,
            "reconstruction_per_pixel": error.per_pixel_unit,
            "reconstruction_per_pixel_symmetric": error.per_pixel_symmetric,
        }
        return self._records.plain(
            numbers, source=source, space="pixels", notes=source.notes
        )

    def _nll(self, model) -> list[protocol.Measurement]:
        found = likelihoods.latents(model, self._test)
        error, notes = likelihoods.solver_error(model, self._test), ()
        if error is not None:
            notes = (
                f"nll is that of a solver: twice its steps change it by {error:.1g}",
            )
        source = self._source(model)
        how = {"of": self._scored(model), "notes": notes}
        return self._records.plain(
            {"nll": found.nats}, source=source, space="latents", **how
        )

    def _calibration(self, model) -> list[protocol.Measurement]:
        """Measures regions of highest density, and coordinates, on test latents."""
        asked, count = self._records.settings, len(self._test)
        draws = asked.samples
        self.ranks = calibrations.ranks(
            model, self._test, num_draws=draws, seed=asked.seed
        )
        regions = self.ranks.regions
        distances = [found.distance for found in self.ranks.coordinates]
        numbers = {
            "calibration_error": regions.error,
            "calibration_bias": regions.bias,
            "calibration_distance": regions.distance,
            "calibration_distance_of_coordinates": np.mean(distances),
            "calibration_distance_of_worst_coordinate": max(distances),
        }
        # 1.36 is the 95 % point of Kolmogorov's distribution.
        by_chance = 1.36 * math.sqrt(1.0 / count + 1.0 / draws)
        notes = (
            f"calibration is of ranks among {draws} draws of the prior: a distance up "
            f"to {by_chance:.3f} is chance in 19 of 20 cases; a bias below 0 is that "
            "of too narrow a density",
        )
        how = {"of": self._scored(model), "notes": notes}
        source = self._source(model)
        return self._records.plain(numbers, source=source, space="latents", **how)

    def _bound(self, model) -> list[protocol.Measurement]:
        count, seed = self._records.settings.bound_samples, self._records.settings.seed
        found = likelihoods.bound(model, self._test, num_samples=count, seed=seed)
        numbers = {f"bound_{count}": found.nats}
        source, notes = self.reconstructions(model), ()
        if model.sharpening is not None:
            notes = (
                "bound is that of a sharpened decoder, which is no mean of images",
            )
        how = {"of": self._test_images, "notes": notes}
        return self._records.plain(numbers, source=source, space="pixels", **how)

    def _bits_per_dim(self, model) -> list[protocol.Measurement]:
        """Measures a flow on images, and what counting alone reaches."""
        found = self.bits_per_dim(model, self._test, of=self._test_images)
        step = 2 ** (8 - model.bits)
        images = [data.images // step * step for data in (self._train, self._test)]
        numbers = {
            "bits_per_dim_of_pixels": histograms.per_pixel(*images),
            "bits_per_dim_of_neighbours": histograms.given_neighbours(*images),
        }
        source = self.reconstructions(model)
        how = {"of": self._test_images, "notes": found[0].notes}
        return found + self._records.plain(
            numbers, source=source, space="pixels", **how
        )

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
        asked = self._records.settings
        draws = asked.dequantization_draws
        if images is not self._test:
            # Labels of another data set may mean something else.
            images = dataclasses.replace(images, labels=None)
        has_labels = model.num_classes > 0 and images.labels is not None
        found = likelihoods.bits_per_dim(
            model, images, num_draws=draws, seed=asked.seed
        )
        noise = type(model.dequantization).__name__.lower()
        note = (
            f"bits are of {model.latent_dim} numbers an image, of {model.bits} bits"
            f"{', given labels' * has_labels}; {draws} draws of {noise} noise"
        )
        return self._records.plain(
            {f"bits_per_dim_{draws}_draws": found.bits_per_dim},
            source=self.reconstructions(model),
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
            seed=self._records.settings.seed,
        )
        notes = (f"errors of the inverse are in levels, of {model.bits} bits",)
        source, rows = self.reconstructions(model), []
        for name, error in found.items():
            numbers = {
                f"inverse_error_{key}": getattr(error, key)
                for key in ("max", "median", "nonfinite")
            }
            how = {"of": name, "count": error.count, "notes": notes}
            rows += self._records.plain(numbers, source=source, space="pixels", **how)
        return rows

    def _bayes(self, model) -> list[protocol.Measurement]:
        """Measures a model of images given labels as a classifier of test images."""
        is_right = label_accuracies.of_bayes_rule(model, self._test)
        numbers = {"bayes_accuracy": np.mean(is_right)}
        source = image_sources.ModelSamples(model)
        return self._records.plain(
            numbers, source=source, space="pixels", of=self._test_images
        )

    @property
    def _test_images(self) -> str:
        return f"{self._test.split} images"

    def _scored(self, model) -> str:
        """Returns what the likelihood is of."""
        is_density = isinstance(model, density.Density)
        return f"{self._test.split} {'vectors' if is_density else 'latents'}"
