# SPDX-License-Identifier: Apache-2.0
"""Densities of a user's arrays: fitted, scored and sampled in three calls.

    from glf_tf.densities import FlowDensity

    density = FlowDensity("neural_spline").fit(x, validation=0.1, patience=20)
    density.log_prob(x)  # [size], nats
    density.sample(100, seed=0)  # [100, event_dim]

The model behind it, for `tf.GradientTape` and tools, is `models.density.Density`.
"""

__all__ = ["FlowDensity"]

import numbers
import pathlib
import random
import zipfile
from collections.abc import Callable, Mapping
from typing import Self

import keras
import numpy as np
import tensorflow as tf

from glf_tf import catalogue, errors, parts, types
from glf_tf.data import python_vectors, vector_set
from glf_tf.flows import flow as flow_lib
from glf_tf.keras_api import arguments
from glf_tf.models import density, inputs, label_inputs
from glf_tf.priors import prior as prior_lib
from glf_tf.tasks import sample

_AT_ONCE = 4096


class FlowDensity:
    """A density of vectors, by a flow or by any other prior of the library.

    It is a `models.density.Density`, made by `fit` in the size of its rows, which are
    standardised; that model is `model`, with gradients, TensorFlow's tensors and
    `export`.

    Attributes:
        model: The model; None before `fit`.
        history: The terms by epoch, as of Keras' `History`; None before `fit`. A prior
            that is fitted without gradients has those of held-out rows, once.
    """

    def __init__(
        self,
        flow: types.Flow | types.Prior = "neural_spline",
        *,
        standardize: bool = True,
    ):
        """Initializes the density, which has no size yet.

        Args:
            flow: A flow, or a prior such as flow_matching or mixture: a name, a
                specification such as `{"name": "real_nvp", "blocks": 6}`, or an object,
                whose weights the first `fit` starts from.
            standardize: Whether coordinates are standardised by the rows of `fit`.

        Raises:
            InvalidValue: There is no flow on vectors and no prior of that name.
        """
        self._prior = _prior_of(flow)
        self._is_used = False
        self._standardize = standardize
        self._columns: list[str] | None = None
        self.model: density.Density | None = None
        self.history: dict[str, list[float]] | None = None

    def fit(
        self,
        x: object,
        y: object = None,
        *,
        validation: object = 0.1,
        patience: int = 20,
        epochs: int = 200,
        batch_size: int = 256,
        seed: int = 0,
        verbose: int | str = 0,
        **settings: object,
    ) -> Self:
        """Learns the density of rows, anew at each call; returns itself.

        Args:
            x: Real numbers `[size, event_dim]`, such as an array of NumPy. Of a frame
                of pandas, the columns' names must be the same in later calls.
            y: Labels `[size]`, whole numbers from 0 of which each has rows, that the
                density depends on; None for a density without labels. They count as
                equally likely, whatever their shares of the rows.
            validation: The fraction of rows, chosen at random, on which the density is
                only measured; or such rows themselves, with their labels as a pair if
                there are labels; 0 for none.
            patience: Epochs without a better likelihood on them that end the training,
                whose result is the best epoch's density; not used without them.
            epochs: Epochs at most; priors that are fitted need none.
            batch_size: Rows a step; all where there are fewer.
            seed: Of weights, rows that are held out, and order. The same seed gives the
                same density.
            verbose: 0 for silence; a line an epoch otherwise.
            **settings: Of the optimiser, as `compile` takes them: `learning_rate`,
                `schedule`, `ema_decay` and others; `clip_norm` is 5 unless it is given.

        Raises:
            InvalidType: `x` has no numbers, or `y` no whole ones.
            InvalidValue: The rows are too few, not finite, or constant in a column; or
                an option is out of range.
            Diverged: A term became NaN or infinite.
            Unsupported: There are labels, and the prior depends on none.
        """
        seed = arguments.whole("seed", seed)
        batch_size = arguments.whole("batch_size", batch_size, least=1)
        data, names = python_vectors.read(x, y), python_vectors.column_names(x)
        other = validation[0] if isinstance(validation, tuple) else validation
        python_vectors.check_columns(other, names=names)
        train, held_out = _divided(
            data, validation, seed=seed, has_labels=y is not None
        )
        made = self._made(data, seed=seed)
        made.compile(**{"clip_norm": 5.0, **settings})
        history = made.fit(
            train,
            batch_size=min(batch_size, len(train)),
            epochs=epochs,
            validation_data=held_out,
            patience=patience if held_out is not None else 0,
            seed=seed,
            verbose=verbose,
        )
        self.model, self.history = made, history.history
        self._columns = names
        return self

    def log_prob(self, x: object, *, label: object = None) -> np.ndarray:
        """Returns the log-density of rows in nats, float32 `[size]`.

        Args:
            x: Real numbers `[size, event_dim]`.
            label: Their labels `[size]`, or one of all; by default it is the density
                whatever the label is.

        Raises:
            InvalidType, InvalidValue, Unsupported: See `models.density.Density`.
        """
        model, x = self._fitted(), self._rows(x)
        if label is None:
            return _in_batches(model.traced_log_prob, x)
        known = label_inputs.labels(label, num_classes=model.num_classes, count=len(x))
        return _in_batches(
            lambda x, label: model.traced_log_prob(x, label=label), x, known.numpy()
        )

    def sample(
        self,
        n: int,
        *,
        seed: types.Seed = 0,
        temperature: float = 1.0,
        label: object = None,
        guidance: float | None = None,
    ) -> np.ndarray:
        """Returns `n` rows drawn from the density, float32 `[n, event_dim]`.

        Args:
            n: Number of rows.
            seed: A stateless seed: the same seed draws the same rows.
            temperature: Factor on the standard deviation of the noise.
            label: Labels `[n]`, or one of all, for a density with labels; by default
                they are drawn, all equally likely.
            guidance: Factor on what a label changes, for a prior that can be guided,
                such as flow_matching with its `label_dropout`.

        Raises:
            InvalidType, InvalidValue, Unsupported: See `models.density.Density`.
        """
        model, n = self._fitted(), arguments.whole("n", n, least=1)
        how = {"seed": seed, "temperature": temperature, "guidance": guidance}
        if label is not None:
            known = label_inputs.labels(label, num_classes=model.num_classes, count=n)
            how["labels"] = known.numpy()
        return np.concatenate(list(sample.sample(model, n, **how)))

    def label_log_probs(self, x: object) -> np.ndarray:
        """Returns `log p(y | x)` of each label by Bayes' rule, `[size, num_classes]`.

        Raises:
            InvalidType, InvalidValue, Unsupported: See `models.density.Density`.
        """
        return _in_batches(self._fitted().label_log_probs, self._rows(x))

    def save(self, path: str | pathlib.Path) -> None:
        """Saves the density as a `.keras` file, with its standardisation.

        Raises:
            Unsupported: The name has another ending; nothing is written.
            NotFound: There is no folder for it; nothing is written.
        """
        self._fitted().save(path)

    @classmethod
    def load(cls, path: str | pathlib.Path) -> Self:
        """Returns the density of a file of `save`.

        Raises:
            NotFound: There is no such file.
            InvalidType: It has another model.
            Damaged: It is no file of Keras, or not all of one.
        """
        if not pathlib.Path(path).is_file():
            raise errors.NotFound(
                "A density is loaded from a file", received=path, do="Check the path"
            )
        try:
            # What Keras would have to run is refused.
            model = keras.saving.load_model(path, safe_mode=True)
        except (ValueError, KeyError, OSError) as error:
            if zipfile.is_zipfile(path):
                raise
            raise errors.Damaged(
                "A density is loaded from a whole file of `save`",
                received=f"{path}, which is no file of Keras",
                do="Save it again, or read data by fit",
            ) from error
        if not isinstance(model, density.Density):
            raise errors.InvalidType(
                "A density is loaded from a file of `save`",
                received=f"{path}, which has a {type(model).__name__}",
                do="Load it by keras.saving.load_model",
            )
        spec = parts.specification("prior", model.prior)
        found = cls(spec, standardize=model.get_config()["standardize"])
        found.model = model
        return found

    def _made(self, data: vector_set.VectorSet, *, seed: int) -> density.Density:
        classes = 0 if data.labels is None else _classes(data.labels)
        state = random.getstate()
        random.seed(seed)  # Keras draws the seeds of initial weights there
        prior = _anew(self._prior) if self._is_used else self._prior
        self._is_used = True
        try:
            return density.Density(
                data.event_dim,
                prior=prior,
                standardize=self._standardize,
                num_classes=classes,
            )
        finally:
            random.setstate(state)

    def _rows(self, x: object) -> np.ndarray:
        """Returns rows of numbers, of the model's size and finite."""
        python_vectors.check_columns(x, names=self._columns)
        model, x = self._fitted(), python_vectors.rows(x)
        inputs.latents(x, dim=model.event_dim, name="Vectors")
        return x

    def _fitted(self) -> density.Density:
        if self.model is None:
            raise errors.InvalidValue(
                "A density is fitted before it is used",
                received="a FlowDensity without rows",
                do="Call fit(x) first",
            )
        return self.model


def _classes(labels: np.ndarray) -> int:
    """Returns the number of labels.

    Raises:
        InvalidValue: They are not 0, 1, 2 and so on.
    """
    found = np.unique(labels)
    if not np.array_equal(found, np.arange(len(found))):
        raise errors.InvalidValue(
            "Labels are numbered from 0, and each has rows",
            received=f"{len(found)} labels from {found[0]} to {found[-1]}",
            do="Number them: numpy.unique(y, return_inverse=True)[1]",
        )
    return len(found)


def _anew(prior: object) -> object:
    """Returns a prior, or the specification of one, with no weights of an object."""
    if isinstance(prior, Mapping):
        return {key: _anew(value) for key, value in prior.items()}
    if isinstance(prior, parts.Part):
        return type(prior).from_config(prior.get_config())
    return prior


def _prior_of(flow: object) -> object:
    """Returns the prior that is given, or that of a flow.

    Raises:
        InvalidValue: There is none on vectors of that name.
    """
    is_named = isinstance(flow, (str, Mapping))
    if not is_named:
        is_flow = isinstance(flow, flow_lib.AbstractFlow)
        return {"name": "flow", "flow": flow} if is_flow else flow
    name = catalogue.name_of(flow)
    if name in catalogue.known("prior") or (":" in name and _is_prior(name)):
        return flow
    if ":" not in name and not _is_flow_on_vectors(name):
        flows = filter(_is_flow_on_vectors, catalogue.known("flow"))
        raise errors.InvalidValue(
            "A density is a flow on vectors, or another prior",
            received=f"{name!r}",
            do=errors.suggestion(name, [*flows, *catalogue.known("prior")]),
        )
    return {"name": "flow", "flow": flow}


def _is_flow_on_vectors(name: str) -> bool:
    """Returns whether a name is that of a flow on vectors, or of a plug-in."""
    if name in catalogue.names("flow"):
        return flow_lib.takes(catalogue.load("flow", name), "event_dim")
    return name in catalogue.known("flow")


def _is_prior(name: str) -> bool:
    """Returns whether `module:Class` is a prior, and no flow."""
    try:
        return issubclass(catalogue.load("prior", name), prior_lib.AbstractPrior)
    except errors.InvalidValue:
        return False


def _divided(
    data: vector_set.VectorSet, validation: object, *, seed: int, has_labels: bool
) -> tuple[vector_set.VectorSet, vector_set.VectorSet | None]:
    """Returns the rows to learn from, and those to validate on or None."""
    if not isinstance(validation, numbers.Real):
        pair = (validation, None)
        if has_labels:
            if not isinstance(validation, tuple) or len(validation) != 2:
                raise errors.InvalidValue(
                    "Rows to validate a density with labels on have labels, too",
                    received="validation without them",
                    do="Pass a pair: validation=(rows, labels)",
                )
            pair = validation
        return data, python_vectors.read(*pair, split="test")
    is_fraction = 0.0 <= validation < 1.0  # NaN is none
    count = round(validation * len(data)) if is_fraction else 0
    if not is_fraction or (validation and not 0 < count < len(data)):
        raise errors.InvalidValue(
            "`validation` is a fraction that leaves rows on both sides, or rows",
            received=f"validation={validation} of {len(data)} rows",
            do="Use for instance 0.1, or 0 for none",
        )
    if not count:
        return data, None
    order = np.random.default_rng(seed).permutation(len(data))
    return data.select(np.sort(order[count:])), data.select(np.sort(order[:count]))


def _in_batches(function: Callable, *arrays: np.ndarray) -> np.ndarray:
    """Returns what a function of tensors gives for arrays, at least one batch."""
    starts = range(0, max(len(arrays[0]), 1), _AT_ONCE)
    pieces = ([array[start : start + _AT_ONCE] for array in arrays] for start in starts)
    return np.concatenate([function(*map(tf.constant, piece)) for piece in pieces])
