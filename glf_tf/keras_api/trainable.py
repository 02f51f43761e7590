# SPDX-License-Identifier: Apache-2.0
"""`fit` and `evaluate`: all stages, by the one loop.

    history = model.fit(images, epochs=10)
    model.evaluate(test_images, metrics=["fd"])

Arguments are those of Keras, as far as a loop of stages has a use for them.
"""

__all__ = ["Trainable"]

import pathlib
from collections.abc import Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from glf_tf import errors, naming
from glf_tf.data import example_set, pixels, python_arrays
from glf_tf.datasets import given as given_lib
from glf_tf.keras_api import arguments, compiling, refusals, saving
from glf_tf.metrics import reference, suite
from glf_tf.metrics.extractors import random_convolutional
from glf_tf.training import fitting, measuring
from glf_tf.training import options as options_lib

_AT_ONCE = 500


class Trainable(compiling.Compiled, saving.Saved):
    """The methods of a Keras model by which it is trained, measured and served."""

    def fit(
        self,
        x: object,
        y: object = None,
        batch_size: int | None = None,
        epochs: int | Mapping[str, int] = 1,
        verbose: int | str = "auto",
        callbacks: Sequence[object] = (),
        validation_split: float = 0.0,
        validation_data: object = None,
        shuffle: bool = True,
        *,
        seed: int = 0,
        patience: int = 0,
        workdir: str | pathlib.Path | None = None,
        resume: bool = False,
        reports: Mapping[str, object] | None = None,
        **others: object,
    ) -> keras.callbacks.History:
        """Trains the model through all its stages.

        A second call goes on with the weights; optimisers and stages begin anew. With
        a folder, a training that was broken off goes on exactly by `resume`.

        Args:
            x: Images `[size, height, width, channels]`, uint8 or floats in [0, 1]; a
                finite `tf.data.Dataset` or an `ImageSet`, see `data.python_arrays`; of
                a density of vectors, real numbers `[size, event_dim]`; or a data set,
                as an object, a specification or a name.
            y: Labels `[size]` for a model that is conditional on them, unless `x` has
                them; None otherwise, as images are their own target.
            batch_size: Images a step; 64, or all where there are fewer.
            epochs: Epochs of every stage, or by stage, such as `{"": 10, "flow": 5}`.
                A model of two stages runs a number twice: `epochs=3` of GLF's default
                are 3 of "joint" and 3 of "flow".
            verbose: 0 for silence; a line an epoch otherwise.
            callbacks: Keras' or ours; `stop_training` is heard at an epoch's end, and
                ends all stages.
            validation_split: Fraction of the images, the last ones, to measure the
                terms on instead of training; without `workdir`.
            validation_data: Images, as `x`, or a pair of images and labels, to measure
                the terms on after each epoch; of a data set, its test split.
            shuffle: True: every epoch has an order of its own, which the seed decides.
            seed: Decides the order of the images and every random number.
            patience: Epochs without a smaller loss on the validation data that end a
                stage, whose result are then the weights of its best epoch; 0 for all
                epochs. With `workdir`, it is one of `reports`.
            workdir: A folder for all that tools/train.py leaves: run.json, checkpoints,
                TensorBoard's events, pictures, a SavedModel; see
                `experiments.fitting.fit`. The tools then take it. None for none.
            resume: Whether to go on with the run in the folder, if there is one, from
                its newest checkpoint; callbacks of Keras begin anew.
            reports: How often the folder's run reports, such as `{"save_every": 5}`:
                fields of `experiments.plan.Reports`.
            **others: None: other arguments of Keras' `fit` are refused.

        Returns:
            history: `history.history` has each term an epoch, `loss`, what they are
                weighed to, and both with `val_` before on the validation data;
                `history.stages` the name of each epoch's stage.

        Raises:
            InvalidValue: Images or options do not fit the model.
            InvalidType: They are of another kind.
            Unsupported: A target is given to a model that is not conditional on
                labels, or a callback that cannot work.
            Busy, Damaged, Occupied, Stopped: See `experiments.fitting.fit`.
            Diverged: A term left the finite numbers.
        """
        arguments.no_others(self.fit, others)
        refusals.order(shuffle)
        refusals.run_options(
            workdir,
            resume=resume,
            reports=reports,
            validation_split=validation_split,
            patience=patience,
        )
        naming.adopt_own(self)
        given, validation = self._divided(x, y, validation_data, validation_split)
        patience = arguments.patience(patience, has_validation=validation is not None)
        how = {
            "options": options_lib.Training(
                epochs=arguments.epochs(epochs),
                batch_size=min(64, len(given.examples))
                if batch_size is None
                else arguments.whole("batch_size", batch_size, least=1),
                seed=arguments.whole("seed", seed),
                jit_compile=self._compiles,
                gradient_norms=self._has_norms,
            ),
            "settings": self._settings,
            "validation_data": validation,
            "callbacks": _as_list(callbacks),
            "is_silent": arguments.is_silent(verbose),
        }
        with self._strategy().scope():
            if workdir is None:
                return fitting.fit(self, given.examples, patience=patience, **how)
            # The one import that points up: a method of a model, as users of Keras
            # expect it, does what only experiments can.
            from glf_tf.experiments import fitting as in_folder

            how |= {"workdir": workdir, "resume": resume, "reports": reports}
            return in_folder.fit(self, given.examples, dataset=given.dataset, **how)

    def evaluate(
        self,
        x: object,
        y: object = None,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        *,
        metrics: Sequence[str] = (),
        seed: int = 0,
        return_dict: bool = True,
        **others: object,
    ) -> dict[str, float]:
        """Returns the terms' averages over images, and metrics of samples.

        Args:
            x: Images, as for `fit`.
            y: Labels, as for `fit`.
            batch_size: Images at once; 500 if None.
            verbose: As for `fit`; nothing is shown.
            metrics: Keys of `metrics.suite`, such as "fd": as many samples as images
                are compared by features that need no labels and no download.
            seed: Of the samples.
            return_dict: True.
            **others: None: other arguments of Keras' `evaluate` are refused.

        Returns:
            numbers: By name; a term that several stages have is the last one's. Terms
                that only training images have are left out.

        Raises:
            InvalidValue: Images do not fit the model, or a metric is unknown.
            Unsupported: A target is given to a model that is not conditional on labels.
        """
        others |= {} if return_dict else {"return_dict": return_dict}
        arguments.no_others(self.evaluate, others)
        refusals.metric_names(metrics)
        arguments.is_silent(verbose)
        seed = arguments.whole("seed", seed)
        batch_size = _AT_ONCE if batch_size is None else batch_size
        batch_size = arguments.whole("batch_size", batch_size, least=1)
        data = self._read(x, y, split="test").examples
        self.check_labels(data)
        with self._strategy().scope():
            measure = measuring.Measure(self, data, batch_size=batch_size)
            found = {}
            for stage in self.stages():
                found |= measure(stage.name)
        if metrics:
            found |= self._compared(data, metrics, seed=seed, batch_size=batch_size)
        return found

    def _compared(self, data, metrics, *, seed, batch_size) -> dict[str, float]:
        """Returns metrics of as many samples as there are images.

        Raises:
            Unsupported: The examples are vectors.
        """
        refusals.sample_metrics(data.noun)
        extractor = random_convolutional.RandomConvolutional(data.image_shape[-1])
        real = reference.Reference(data.images, extractor=extractor, split=data.split)
        drawn = []
        for start in range(0, len(data), batch_size):
            count = min(batch_size, len(data) - start)
            images = np.asarray(self.sample(count, seed=(seed, start)))
            drawn.append(extractor(pixels.round_to_uint8(images)))
        samples = np.concatenate(drawn)
        return suite.compute(metrics, samples=samples, real=real, seed=seed)

    def _strategy(self) -> tf.distribute.Strategy:
        """Returns the strategy that the model was made in."""
        own = self.distribute_strategy
        is_made_outside = self._distribute_strategy is None
        if tf.distribute.has_strategy() and (
            is_made_outside or own is not tf.distribute.get_strategy()
        ):
            raise errors.Unsupported(
                "A model is used in the strategy that it was made in",
                received=f"the scope of a {type(tf.distribute.get_strategy()).__name__}"
                f", and a model that was made outside of it",
                do="Make or load the model within `with strategy.scope():`",
            )
        return own

    def _divided(
        self, x: object, y: object, validation_data: object, fraction: float
    ) -> tuple[given_lib.Given, example_set.AbstractExampleSet | None]:
        """Returns what to train on, and examples to validate on or None."""
        held_out = None
        if fraction and validation_data is None:
            given = given_lib.read(x, split="train", kind=self.example_kind)
            examples = self._labelled(given, y).examples
            (x, held_out), y = arguments.held_out(examples, fraction), None
        given = self._read(x, y, split="train")
        if validation_data is not None:
            examples, labels = arguments.validation(validation_data)
            held_out = self._read(examples, labels, split="test").examples
        for examples in (given.examples, held_out):
            if examples is not None:
                self.check_labels(examples)
        return given, held_out

    def _read(self, x: object, y: object, *, split: str) -> given_lib.Given:
        """Returns a set of examples that fits the model."""
        given = given_lib.read(x, split=split, kind=self.example_kind)
        given = self._labelled(given, y)
        wanted = type(self).arguments_of(given.examples)
        if split != "train":
            wanted.pop("num_images", None)
        for name, value in wanted.items():
            self._check_made_for(name, value)
        return given

    def _labelled(self, given: given_lib.Given, y: object) -> given_lib.Given:
        """Returns examples with the labels that are given beside them, if any are."""
        if y is None:
            return given
        if not self.num_classes or given.examples.labels is not None:
            refusals.target(is_second=self.num_classes > 0)
        return given._replace(examples=python_arrays.labelled(given.examples, y))


def _as_list(callbacks: object) -> list:
    if callbacks is None:
        return []
    return list(callbacks) if isinstance(callbacks, (list, tuple)) else [callbacks]
