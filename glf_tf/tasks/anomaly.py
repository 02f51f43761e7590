# SPDX-License-Identifier: Apache-2.0
"""Anomaly scores of images, from a model's densities, or of the model's own.

Xie, Zhu, Xu, Li, Li: A Tale of Two Latent Flows: Learning Latent Space Normalizing Flow
with Short-run Langevin Flow for Approximate Inference, 2023, section 4.3.
https://arxiv.org/abs/2301.09300
"""

__all__ = [
    "LogDensities",
    "OwnScores",
    "Scorer",
    "check_weight",
    "log_densities",
    "own_scores",
    "ranks",
]

import dataclasses
import math
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from glf_tf import errors, seeds, types
from glf_tf.inference import sampler
from glf_tf.models import codes, image_flow, scoring
from glf_tf.models import model as model_lib
from glf_tf.tasks import infer


@dataclasses.dataclass(frozen=True)
class LogDensities:
    """The two parts of log p(x, z) at the latents inferred from images, in nats.

    They are exact if the reconstruction term is a likelihood and the prior is
    normalised; a missing constant does not change the order of scores. A flow on images
    has log p(x) itself.

    Attributes:
        log_likelihood: log p(x | z), float64 `[size]`; of a flow on images log p(x).
        log_prior: log p(z), float64 `[size]`; of a flow on images 0.
        latents: z, `[size, latent_dim]`; None of a flow on images.
    """

    log_likelihood: np.ndarray
    log_prior: np.ndarray
    latents: np.ndarray | None = None

    def score(self, *, weight: float = 1.0) -> np.ndarray:
        """Returns `-(weight * log p(x | z) + log p(z))`, `[size]`.

        Larger for anomalies. With a Gaussian decoder of pixels in [-1, 1], `weight = 2
        sigma^2` gives the plain squared error the weight 1.

        Raises:
            InvalidValue: The weight is negative or not finite.
        """
        check_weight(weight)
        return -(weight * self.log_likelihood + self.log_prior)

    @property
    def columns(self) -> Mapping[str, np.ndarray]:
        """Both parts by name, `[size]`."""
        return {"log_likelihood": self.log_likelihood, "log_prior": self.log_prior}

    def formula(self, weight: float) -> str:
        """Returns how a score is computed, for readers."""
        return f"-({weight:g} log p(x | z) + log p(z))"


@dataclasses.dataclass(frozen=True)
class OwnScores:
    """The terms of a model's own score, larger for anomalies.

    Attributes:
        columns: The terms by name, float64 `[size]`.
    """

    columns: Mapping[str, np.ndarray]

    def score(self, *, weight: float = 1.0) -> np.ndarray:
        """Returns the sum of the terms with a weight of the first one, `[size]`.

        Raises:
            InvalidValue: The weight is negative or not finite.
        """
        check_weight(weight)
        first, *others = self.columns.values()
        return weight * first + sum(others)

    def formula(self, weight: float) -> str:
        """Returns how a score is computed, for readers."""
        first, *others = self.columns
        return " + ".join([f"{weight:g} {first}", *others])


class Scorer:
    """What a model's scores of images are made of: densities, or terms of its own.

    Attributes:
        model: The model.
        description: How latents are inferred, or which score of its own a model has.
    """

    def __init__(
        self,
        model: model_lib.GenerativeModel,
        *,
        chain: sampler.AbstractSampler | None = None,
        start: str = "auto",
        score: str | None = None,
    ):
        """Initializes the scorer.

        Args:
            model: The model.
            chain: Sampler of the latents; None for the model's default.
            start: Where its chains start; one of `infer.STARTS`.
            score: One of the scores of a model that has its own; None for its default.

        Raises:
            InvalidValue: There is no such score.
            Unsupported: The model has no density of images and latents, nor a score of
                its own; or what is asked for is of the other kind.
        """
        self.model, self._score = model, score
        if isinstance(model, scoring.ScoresAnomalies):
            _refuse_chains(model, chain=chain, start=start)
            self._score, self._inference = model.checked_score(score), None
            self.description = f"score={self._score}"
            return
        if score is not None:
            raise errors.Unsupported(
                "A model without a score of its own is scored by its densities",
                received=f"score={score} for {type(model).__name__}",
                do="Leave --score out, or use --model=bigan",
            )
        self._inference = infer.Inference(model, chain=chain, start=start)
        if not isinstance(model, image_flow.ImageFlow):
            infer.as_latent_model(model)
        self.description = self._inference.description

    def __call__(
        self, images: np.ndarray, *, seed: types.Seed = 0
    ) -> LogDensities | OwnScores:
        """Returns the parts of the scores of images.

        Args:
            images: `[size, height, width, channels]`, uint8 or floats in [0, 1].
            seed: A stateless seed of the chains.

        Raises:
            InvalidValue: The images have another shape than the model's, or there are
                none.
            Diverged: A chain diverged.
        """
        if len(images) == 0:
            raise errors.InvalidValue(
                "Scoring needs images",
                received=f"{images.shape}, which has none",
                do="Pass at least one",
            )
        if self._inference is None:
            return own_scores(self.model, images, score=self._score)
        return log_densities(self._inference, images, seed=seed)

    def reconstructions(
        self,
        images: np.ndarray,
        parts: LogDensities | OwnScores,
        *,
        chosen: np.ndarray,
    ) -> np.ndarray | None:
        """Returns what the model makes of some of the images that it scored.

        Args:
            images: All of them, `[size, height, width, channels]`.
            parts: The parts of their scores, whose latents are decoded.
            chosen: The indices of some, `[count]`.

        Returns:
            made: `[count, height, width, channels]` in [0, 1]; None if the model finds
                no latents of images, or if those of a flow on images are the images.
        """
        if self._inference is not None:
            known = parts.latents
            return None if known is None else self._inference.decode(known[chosen])
        if not isinstance(self.model, codes.EncodesImages):
            return None
        return infer.Inference(self.model).reconstruct(images[chosen])


def _refuse_chains(
    model: scoring.ScoresAnomalies,
    *,
    chain: sampler.AbstractSampler | None,
    start: str,
) -> None:
    if chain is not None or start != "auto":
        raise errors.Unsupported(
            "A model with a score of its own infers no latents by chains for it",
            received=f"{type(model).__name__} with a chain, or its start",
            do="Leave --inference and --start out",
        )


def own_scores(
    model: scoring.ScoresAnomalies, images: np.ndarray, *, score: str | None = None
) -> OwnScores:
    """Returns the terms of a model's own score of images.

    Args:
        model: The model.
        images: `[size, height, width, channels]`, uint8 or floats in [0, 1].
        score: The name of one of its scores; None for the one that it has chosen.

    Raises:
        InvalidValue: The images have another shape than the model's, or there is no
            such score.
    """
    score, found = model.checked_score(score), []
    # AutoGraph would hide errors that tell the user what to do.
    terms_of = tf.function(
        lambda image: model.anomaly_terms(image, score=score),
        input_signature=[tf.TensorSpec([None, *images.shape[1:]], tf.float32)],
        autograph=False,
    )
    for start in range(0, len(images), infer.CHUNK):
        found.append(terms_of(infer.to_unit(images[start : start + infer.CHUNK])))
    return OwnScores(
        {
            name: np.concatenate([part[name] for part in found]).astype(np.float64)
            for name in found[0]
        }
    )


def log_densities(
    inference: infer.Inference, images: np.ndarray, *, seed: types.Seed = 0
) -> LogDensities:
    """Returns the log-densities of images at inferred latents.

    Args:
        inference: How latents are inferred.
        images: `[size, height, width, channels]`, uint8 or floats in [0, 1].
        seed: A stateless seed of the chains.

    Raises:
        InvalidValue: The images have another shape than the model's.
        Unsupported: Chains are set for a flow on images.
        Diverged: A chain diverged.
    """
    model = inference.model
    if isinstance(model, image_flow.ImageFlow):
        return _of_images(inference, images, seed=seed)

    def both(asked: types.Batch) -> tf.Tensor:
        log_prior = tf.cast(model.log_prob(asked["start"]), tf.float64)
        log_joint = model.log_joint(asked["image"], asked["start"])
        return tf.stack([tf.cast(log_joint, tf.float64) - log_prior, log_prior])

    found = []
    latents = inference.latents(images, seed=seed)
    for start in range(0, len(images), infer.CHUNK):
        part = slice(start, start + infer.CHUNK)
        asked = {"image": infer.to_unit(images[part]), "start": latents[part]}
        found.append(inference.call(both, asked))
    return LogDensities(*np.concatenate(found, axis=1), latents=latents)


def _of_images(
    inference: infer.Inference, images: np.ndarray, *, seed: types.Seed
) -> LogDensities:
    """Returns log p(x) of a flow on images, by one draw of noise an image."""
    if inference.is_set:
        raise errors.Unsupported(
            "A flow on images has the density of images themselves, without chains",
            received=inference.description,
            do="Leave --inference and --start out",
        )
    model, found = inference.model, []

    def log_prob(asked: types.Batch) -> tf.Tensor:
        return model.log_prob(asked["image"], seed=asked["seed"])

    for number, start in enumerate(range(0, len(images), infer.CHUNK)):
        image = infer.to_unit(images[start : start + infer.CHUNK])
        asked = {"image": image, "seed": seeds.fold(seed, number)}
        found.append(inference.call(log_prob, asked))
    whole = np.concatenate(found).astype(np.float64)
    return LogDensities(log_likelihood=whole, log_prior=np.zeros_like(whole))


def ranks(score: np.ndarray, *, normal: np.ndarray) -> np.ndarray:
    """Returns the fraction of normal images that score lower, in [0, 1], per image.

    For normal images it is uniform; for anomalies it is near 1.

    Args:
        score: `[size]`.
        normal: The scores of known normal images, `[others]`.
    """
    return np.searchsorted(np.sort(normal), score) / len(normal)


def check_weight(weight: float) -> None:
    """Checks the weight of the likelihood in a score.

    Raises:
        InvalidValue: It is negative or not finite.
    """
    if not 0.0 <= weight < math.inf:
        raise errors.InvalidValue(
            "The weight of the likelihood must be 0 or positive",
            received=f"weight={weight}",
            do="Use 1 for the model's own log p(x, z)",
        )
