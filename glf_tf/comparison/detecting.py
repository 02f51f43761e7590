# SPDX-License-Identifier: Apache-2.0
"""Measures how well the trained models of a comparison find anomalies."""

__all__ = ["METRICS", "Detecting"]

import datetime
import hashlib
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from glf_tf import catalogue
from glf_tf.comparison import cost as cost_lib
from glf_tf.comparison import folder as folder_lib
from glf_tf.comparison import job as job_lib
from glf_tf.comparison import record as record_lib
from glf_tf.data import paths as paths_lib
from glf_tf.evaluation import anomaly_sets, detection, selection
from glf_tf.experiments import restore
from glf_tf.inference import sampler
from glf_tf.metrics import protocol
from glf_tf.models import codes, image_flow, scoring
from glf_tf.models import model as model_lib

METRICS = {
    "average_precision": "average precision",
    "auroc": "AUROC",
    "chance": "chance",
}
"""What is measured of each chosen checkpoint, with its title."""

_SPEED = "scored_per_second"


class Detecting:
    """The protocol of a comparison by anomalies, those of each run's own data set.

    A run leaves a class out of training and scores images with and without it. All
    checkpoints that it kept are scored: the measures are of the first, the last, the
    best by validation, and the best on the very images, which no choice may look at.

    Attributes:
        needs_one_dataset: Each run has anomalies of its own.
    """

    needs_one_dataset = False

    def __init__(
        self,
        *,
        paths: paths_lib.DataPaths,
        weight: float = 1.0,
        chain: Mapping[str, Any] | None = None,
        seed: int = 0,
    ):
        """Initializes the protocol.

        Args:
            paths: Where the data are.
            weight: Weight of the likelihood. A model's own score is as in its options.
            chain: The specification of the sampler that infers latents for models
                without an encoder; None for each model's own.
            seed: Of chains.
        """
        self._paths, self._weight, self._seed = paths, weight, seed
        self._spec = dict(chain or {})
        self._chain: sampler.AbstractSampler | None = (
            catalogue.build("inference", self._spec) if self._spec else None
        )

    @property
    def identity(self) -> dict[str, object]:
        """Everything that determines a measurement but model and data."""
        how = {"weight": self._weight, "chain": self._spec, "seed": self._seed}
        return {"anomalies": 2, "version": protocol.VERSION, **how}

    @property
    def text(self) -> str:
        """A description of the protocol in one line."""
        found = (
            "anomalies are the class that training left out, scored with a weight of "
            f"{self._weight:g} of the likelihood, or by a model's own score; chance is "
            "their share of the images"
        )
        if not self._spec:
            return found
        given = {key: value for key, value in self._spec.items() if key != "name"}
        options = ", ".join(f"{key}={value}" for key, value in given.items())
        by = f"{self._spec['name']}({options})"
        return f"{found}; models without an encoder infer latents by {by}"

    def real_images(self, folder: folder_lib.Folder) -> list[protocol.Measurement]:
        """Returns no measurement: images have no score without a model."""
        del folder
        return []

    def measure(self, job: job_lib.Job) -> record_lib.Result:
        """Measures a trained model.

        Raises:
            UserError: The model cannot be loaded, or scores no images.
        """
        run = job.folder.path
        images = anomaly_sets.of_run(run, paths=self._paths)
        model = restore.load_model(run)
        weight = 1.0 if isinstance(model, scoring.ScoresAnomalies) else self._weight
        chain = None if _has_scores_by_itself(model) else self._chain
        how = {"weights": (weight,), "chain": chain, "seed": self._seed}
        started = time.perf_counter()
        found = selection.by_checkpoint(run, images, **how)
        seconds = time.perf_counter() - started
        scored = len({known.step for known in found}) * len(images.images)
        measured = [
            self._measurement(metric, title, chosen, weight=weight)
            for chosen in selection.choices(found)
            for metric, title in METRICS.items()
        ]
        speed = self._of(_SPEED, "scored/s", scored / seconds, found[-1], source="all")
        train = restore.load_data(run, "train", paths=self._paths)
        return record_lib.Result(
            measurements=(*measured, speed),
            cost=cost_lib.of(model, job=job, data=train),
            date=datetime.date.today().isoformat(),
        )

    def _measurement(
        self, metric: str, title: str, chosen: detection.Detection, *, weight: float
    ) -> protocol.Measurement:
        value = getattr(chosen.scores(weight), metric)
        return self._of(metric, title, value, chosen, source=chosen.checkpoint)

    def _of(
        self, metric: str, title: str, value: float, chosen, *, source: str
    ) -> protocol.Measurement:
        images = chosen.anomaly_set
        how = protocol.Protocol(
            source=source,
            dataset=images.title,
            reference_split="test",
            reference_digest=_digest(images),
            references=len(images.images),
            samples=max(2, int(np.sum(images.is_anomaly))),
            rounded=True,
            seed=self._seed,
        )
        notes = _notes(chosen)
        return protocol.Measurement(
            metric=metric, title=title, values=(value,), protocol=how, notes=notes
        )


def _has_scores_by_itself(model: model_lib.GenerativeModel) -> bool:
    """Returns whether a model scores images without a chain."""
    kinds = (scoring.ScoresAnomalies, codes.EncodesImages, image_flow.ImageFlow)
    return isinstance(model, kinds)


def _notes(chosen: detection.Detection) -> Sequence[str]:
    if chosen.checkpoint != selection.ON_TEST:
        return ()
    return (f"{selection.ON_TEST} is chosen on the images that it is measured on",)


def _digest(images: anomaly_sets.AnomalySet) -> str:
    sha = hashlib.sha256(np.ascontiguousarray(images.images).tobytes())
    sha.update(np.packbits(images.is_anomaly).tobytes())
    return sha.hexdigest()[:16]
