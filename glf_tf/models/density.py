# SPDX-License-Identifier: Apache-2.0
"""A density of vectors: any prior of this library, learned from rows of numbers."""

__all__ = ["Density"]

from collections.abc import Mapping

import keras
import numpy as np
import tensorflow as tf

from glf_tf import checks, errors, tracing, types
from glf_tf.bijectors import standardize as standardize_lib
from glf_tf.data import vector_columns, vector_set
from glf_tf.flows import flow as flow_lib
from glf_tf.models import (
    base_model,
    inputs,
    label_inputs,
    noises,
    signatures,
    vector_signatures,
)
from glf_tf.priors import labelled
from glf_tf.priors import prior as prior_lib
from glf_tf.training import stages as stages_lib


@keras.saving.register_keras_serializable(package="glf_tf")
class Density(noises.DecodesNoise, base_model.AbstractModel):
    """A density of vectors `[batch, event_dim]`, with no autoencoder.

        log p(x) = log prior((x - mean) / deviation) - sum(log deviation)

    with mean and deviation of each coordinate in the training set, which are set once,
    before the first training, and saved with the model. The prior is fitted, or learned
    by gradients, as on the codes of an autoencoder.

    Args:
        event_dim: Number of coordinates.
        prior: The density of the standardised vectors.
        standardize: Whether coordinates are standardised.
        num_classes: Number of labels, 0 to `num_classes - 1`, that the density depends
            on; 0 for none.
    """

    example_kind = vector_set.VectorSet

    def __init__(
        self,
        event_dim: int,
        *,
        prior: types.Prior = "flow",
        standardize: bool = True,
        num_classes: int = 0,
        name: str | None = "density",
    ):
        super().__init__(name=name)
        self.event_dim = checks.at_least("event_dim", int(event_dim), 1)
        self.num_classes = checks.at_least("num_classes", num_classes, 0)
        self.standardization = _Standardization(self.event_dim, name="standardization")
        self._is_standardized = standardize
        self._prior = labelled.make(
            prior, latent_dim=self.event_dim, num_classes=num_classes
        )
        self.built = True

    @property
    def prior(self) -> prior_lib.AbstractPrior:
        """The density of the standardised vectors."""
        return self._prior

    @classmethod
    def sizes_of(cls, data: vector_set.VectorSet) -> dict:
        """Returns `event_dim`."""
        return {"event_dim": data.event_dim}

    def check_data(self, data: vector_set.VectorSet) -> None:
        """Checks that there are rows enough, and that every coordinate varies.

        Raises:
            InvalidValue: There are not, also of a label; or one is constant, or varies
                too little or too much for float32.
        """
        if self.num_classes and data.labels is not None:
            how = {"num_classes": self.num_classes}
            labelled.check_counts(
                data.labels, at_least=self.prior.least_codes_of_label, **how
            )
        least = max(self.event_dim + 1, self.prior.least_codes)
        if len(data) < least:
            raise errors.InvalidValue(
                f"This density of {self.event_dim} coordinates needs at least {least} "
                "rows",
                received=f"{len(data)} in {data.name}",
                do="Use more rows, fewer coordinates, or fewer components of a mixture",
            )
        vector_columns.check(data)

    def stages(self) -> tuple[stages_lib.Stage, ...]:
        """Returns the stage "density", and "noise" if noise is fitted after it.

        A prior without gradients has a stage without updates, which is measured on rows
        that are held out.
        """
        if not self.prior.trainable_variables:
            fitted = {"prepare": self._fit, "measured": {"nll": self._nll}}
            return (stages_lib.Stage("density", **fitted),)
        learned = stages_lib.Stage.of(
            "density",
            stages_lib.Group("density", layers=(self.prior,)),
            terms=self._terms,
            weights=dict.fromkeys(self.prior.term_names, 1.0),
            prepare=self._start,
        )
        if not self.prior.fits_noise:
            return (learned,)
        return learned, stages_lib.Stage("noise", prepare=self._fit_noise)

    def _fit(self, data: vector_set.VectorSet) -> None:
        z, given = self._standardized_all(data)
        if isinstance(self.prior, prior_lib.Fitted):
            self.prior.fit(z, **given)

    def _start(self, data: vector_set.VectorSet) -> None:
        z, given = self._standardized_all(data)
        if self.prior.starts:
            self.prior.start(z, **given)
        self.prior.fit_noise(z, **given)

    def _fit_noise(self, data: vector_set.VectorSet) -> None:
        z, given = self._standardized_all(data)
        self.prior.fit_noise(z, **given)

    def _standardized_all(
        self, data: vector_set.VectorSet
    ) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Returns all standardised vectors, and their labels as keywords if any."""
        x = tf.constant(data.vectors)
        if self._is_standardized:
            self.standardization.start(x)
        given = {"label": data.labels} if self.num_classes else {}
        return self.standardization.bijector().inverse(x).numpy(), given

    def _terms(
        self, batch: types.Batch, *, seed: tf.Tensor, training: bool
    ) -> types.Terms:
        """Returns the prior's terms, `[batch]`; "nll" in nats of the vectors."""
        z, log_det = self._standardized(batch["vector"])
        how = {"seed": seed, "training": training}
        if self.num_classes:
            how["label"] = batch["label"]
        terms = self.prior.terms(z, **how)
        return terms | ({"nll": terms["nll"] - log_det} if "nll" in terms else {})

    def _nll(self, batch: types.Batch, *, seed: tf.Tensor) -> tf.Tensor:
        return self._terms(batch, seed=seed, training=False)["nll"]

    def log_prob(
        self, x: tf.Tensor, *, label: tf.Tensor | int | None = None
    ) -> tf.Tensor:
        """Returns the log-density of vectors in nats, `[batch]`.

        Args:
            x: Floats, `[batch, event_dim]`.
            label: Their labels `[batch]`, or one of all, that a conditional density is
                given; by default it is the density whatever the label is.

        Raises:
            InvalidType: The vectors are not floats, or labels no whole numbers.
            InvalidValue: They are not `[batch, event_dim]`, or not finite; or labels
                are out of range, or others in number than the vectors.
            Unsupported: There are labels, and the density takes none.
        """
        x, given = self._checked(x), {}
        if label is not None:
            known, count = self.num_classes, tf.shape(x)[0]
            given["label"] = label_inputs.labels(label, num_classes=known, count=count)
        z, log_det = self._standardized(x)
        return self.prior.log_prob(z, **given) + log_det

    # TensorFlow keeps one trace per model, as long as the model exists.
    @tracing.method
    def traced_log_prob(
        self, x: tf.Tensor, *, label: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Computes `log_prob`, traced once for all batches."""
        return self.log_prob(x, label=label)

    def label_log_probs(self, x: tf.Tensor) -> tf.Tensor:
        """Returns `log p(y | x)` of each label, `[batch, num_classes]`.

        By Bayes' rule; before a vector is seen, all labels are equally likely.

        Raises:
            InvalidType, InvalidValue: As `log_prob`.
            Unsupported: The density is not conditional on labels.
        """
        label_inputs.check_conditional(
            self.num_classes, received="a density without them"
        )
        z = self.standardized(x)
        return tf.nn.log_softmax(self.prior.log_prob_of_labels(z))

    def forward(self, eps: tf.Tensor) -> tf.Tensor:
        """Returns the vectors of noise, `[batch, event_dim]`.

        Raises:
            InvalidType, InvalidValue: As `log_prob`.
            Unsupported: The prior is no map of noise.
        """
        eps = inputs.latents(eps, dim=self.event_dim, name="Noise")
        return self._from_standardized(self._noise_prior().forward(eps))

    def inverse(self, x: tf.Tensor) -> tf.Tensor:
        """Returns the noise of vectors, `[batch, event_dim]`.

        Raises:
            InvalidType, InvalidValue: As `log_prob`.
            Unsupported: The prior is no map of noise.
        """
        prior = self._noise_prior()
        return prior.inverse(self.standardized(x))

    def _noise_prior(self) -> prior_lib.AbstractNoisePrior:
        if not self.prior.has_noise_space:
            raise errors.Unsupported(
                "Vectors have a noise under a prior that is a map of it",
                received=type(self.prior).__name__,
                do="Use a flow without labels, such as prior=flow",
            )
        return self.prior

    def standardized(self, x: tf.Tensor) -> tf.Tensor:
        """Returns standardised vectors `[batch, event_dim]`, what the prior is of.

        Raises:
            InvalidType, InvalidValue: As `log_prob`.
        """
        return self._standardized(self._checked(x))[0]

    def _checked(self, x: tf.Tensor) -> tf.Tensor:
        x = inputs.latents(x, dim=self.event_dim, name="Vectors")
        return tf.cast(x, tf.float32)

    def _standardized(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns standardised vectors, and the log-determinant of the map to them."""
        bijector = self.standardization.bijector()
        log_det = bijector.inverse_log_det_jacobian(x, event_ndims=1)
        return bijector.inverse(x), tf.cast(log_det, tf.float32)

    def _from_standardized(self, z: tf.Tensor) -> tf.Tensor:
        z = tf.cast(z, tf.float32)
        return self.standardization.bijector().forward(z)

    @property
    def is_guidable(self) -> bool:
        """Whether samples of the prior may be guided by labels."""
        return self.prior.is_guidable

    def _sample(self, n, *, seed, temperature, **given):
        """Returns vectors drawn from the prior, on the scale of the data."""
        drawn = self.prior.sample(n, seed=seed, temperature=temperature, **given)
        return self._from_standardized(drawn)

    @property
    def noise_dim(self) -> int:
        """Number of draws of N(0, 1) that the prior makes a vector of; 0 for none."""
        return self.prior.normal_dim

    def _decode_noise(self, noise, *, temperature, **given):
        how = {"temperature": temperature, **given}
        return self._from_standardized(self.prior.from_normal(noise, **how))

    def signatures(self) -> Mapping:
        """Returns the signatures of samples, noise, densities, and labels."""
        found = super().signatures() | signatures.of_noise(self)
        return found | vector_signatures.of_densities(self)

    def call(self, x, training=False):
        """Returns `log_prob`, for Keras: `predict` gives that of many vectors."""
        del training
        return self.log_prob(x)


class _Standardization(flow_lib.AbstractStartedFlow):
    """The step from vectors to standardised ones, which starts once."""

    is_selectable = False

    def make_steps(self):
        """Returns the step."""
        return [standardize_lib.Standardize(self.event_dim, name="standardize")]
