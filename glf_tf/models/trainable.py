# SPDX-License-Identifier: Apache-2.0
"""What a user of Keras tries: `compile`, `fit`, `evaluate`, `predict`, `export`.

    history = model.fit(images, epochs=10)      # all stages, by the one loop
    model.evaluate(test_images, metrics=["fd"])
    model.save("glf.keras")
    model.export("serving/1")

What Keras' own loop would do, one loss and one optimiser for all, is refused.
"""

__all__ = ["Trainable"]

import pathlib
from collections.abc import Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from glf_tf import errors, export
from glf_tf.data import pixels
from glf_tf.datasets import given as given_lib
from glf_tf.metrics import reference, suite
from glf_tf.metrics.extractors import random_convolutional
from glf_tf.models import compiling, refusals
from glf_tf.training import fitting, measuring
from glf_tf.training import options as options_lib

_AT_ONCE = 500


class Trainable:
    """The methods of a Keras model by which it is trained, measured and served."""

    _settings = options_lib.Optimizers()
    _compiles = False
    optimizer = None
    """Keras' callbacks look for it; each group of variables has its own in `fit`."""

    def compile(
        self,
        optimizer: None = None,
        loss: None = None,
        metrics: None = None,
        *,
        jit_compile: bool = False,
        run_eagerly: bool = False,
        **settings: object,
    ) -> None:
        """Sets how `fit` trains; without it, `fit` has the defaults.

        A `.keras` file keeps the settings: `fit` of a loaded model trains with them. It
        keeps no state of optimisers, with which each `fit` begins anew.

        Args:
            optimizer: None: each group of variables has an optimiser.
            loss: None: the model has its own terms.
            metrics: None: see `evaluate`.
            jit_compile: Whether XLA compiles the forward and backward passes.
            run_eagerly: False.
            **settings: Fields of `training.options.Optimizers`: a value for all groups,
                or by group, such as `learning_rate={"": 1e-3, "flow": 5e-4}`.

        Raises:
            Unsupported: Something is given of what Keras' own loop does.
            InvalidValue: There is no such setting, or it is out of range.
        """
        refusals.settings(optimizer=optimizer, loss=loss, metrics=metrics)
        if run_eagerly:
            raise errors.Unsupported(
                "The loop runs traced functions",
                received="run_eagerly=True",
                do="Call tf.config.run_functions_eagerly(True) to look inside",
            )
        self._settings = compiling.settings_of(settings)
        self._compiles, self.compiled = bool(jit_compile), True

    def get_compile_config(self) -> dict | None:
        """Returns the arguments of `compile` that are no defaults; None without it."""
        if not self.compiled:
            return None
        return {"jit_compile": self._compiles, **compiling.given_of(self._settings)}

    def compile_from_config(self, config: Mapping) -> None:
        """Calls `compile` with what `get_compile_config` returned."""
        self.compile(**config)

    def fit(
        self,
        x: object,
        y: None = None,
        *,
        epochs: int | Mapping[str, int] = 1,
        batch_size: int | None = None,
        validation_data: object = None,
        callbacks: Sequence[object] = (),
        seed: int = 0,
        verbose: int | str = "auto",
        workdir: str | pathlib.Path | None = None,
        resume: bool = False,
        reports: Mapping[str, object] | None = None,
    ) -> keras.callbacks.History:
        """Trains the model through all its stages.

        A second call goes on with the weights; optimisers and stages begin anew. With
        a folder, a training that was broken off goes on exactly by `resume`.

        Args:
            x: Images `[size, height, width, channels]`, uint8 or floats in [0, 1]; a
                finite `tf.data.Dataset` or an `ImageSet`, see `data.python_arrays`; or
                a data set, as an object, a specification or a name.
            y: None: images are their own target.
            epochs: Epochs of every stage, or by stage, such as `{"": 10, "flow": 5}`.
            batch_size: Images a step; 64, or all where there are fewer.
            validation_data: Images, as `x`, to measure the terms on after each epoch;
                of a data set, its test split.
            callbacks: Keras' or ours; `stop_training` is heard at an epoch's end, and
                ends all stages.
            seed: Decides the order of the images and every random number.
            verbose: 0 for silence; a line an epoch otherwise.
            workdir: A folder for all that tools/train.py leaves: run.json, checkpoints,
                TensorBoard's events, pictures, a SavedModel; see
                `experiments.fitting.fit`. The tools then take it. None for none.
            resume: Whether to go on with the run in the folder, if there is one, from
                its newest checkpoint; callbacks of Keras begin anew.
            reports: How often the folder's run reports, such as `{"save_every": 5}`:
                fields of `experiments.plan.Reports`.

        Returns:
            history: `history.history` has each term an epoch, `loss`, what they are
                weighed to, and both with `val_` before on the validation data;
                `history.stages` the name of each epoch's stage.

        Raises:
            InvalidValue: Images or options do not fit the model.
            InvalidType: They are of another kind.
            Unsupported: A target is given, or a callback that cannot work.
            Busy, Damaged, Occupied, Stopped: See `experiments.fitting.fit`.
            Diverged: A term left the finite numbers.
        """
        refusals.target(y)
        refusals.run_options(workdir, resume=resume, reports=reports)
        given = self._read(x, split="train")
        if validation_data is not None:
            validation_data = self._read(validation_data, split="test").images
        how = {
            "options": options_lib.Training(
                epochs=epochs if isinstance(epochs, Mapping) else {"": epochs},
                batch_size=min(64, len(given.images))
                if batch_size is None
                else batch_size,
                seed=seed,
                jit_compile=self._compiles,
            ),
            "settings": self._settings,
            "validation_data": validation_data,
            "callbacks": _as_list(callbacks),
            "is_silent": verbose == 0,
        }
        with self._strategy().scope():
            if workdir is None:
                return fitting.fit(self, given.images, **how)
            # The one import that points up: a method of a model, as users of Keras
            # expect it, does what only experiments can.
            from glf_tf.experiments import fitting as in_folder

            how |= {"workdir": workdir, "resume": resume, "reports": reports}
            return in_folder.fit(self, given.images, dataset=given.dataset, **how)

    def evaluate(
        self,
        x: object,
        y: None = None,
        *,
        metrics: Sequence[str] = (),
        batch_size: int = _AT_ONCE,
        seed: int = 0,
    ) -> dict[str, float]:
        """Returns the terms' averages over images, and metrics of samples.

        Args:
            x: Images, as for `fit`.
            y: None.
            metrics: Keys of `metrics.suite`, such as "fd": as many samples as images
                are compared by features that need no labels and no download.
            batch_size: Images at once.
            seed: Of the samples.

        Returns:
            numbers: By name; a term that several stages have is the last one's. Terms
                that only training images have are left out.

        Raises:
            InvalidValue: Images do not fit the model, or a metric is unknown.
            Unsupported: A target is given.
        """
        refusals.target(y)
        data = self._read(x, split="test").images
        with self._strategy().scope():
            measure = measuring.Measure(self, data, batch_size=batch_size)
            found = {}
            for stage in self.stages():
                found |= measure(stage.name)
        if metrics:
            found |= self._compared(data, metrics, seed=seed, batch_size=batch_size)
        return found

    def _compared(self, data, metrics, *, seed, batch_size) -> dict[str, float]:
        """Returns metrics of as many samples as there are images."""
        extractor = random_convolutional.RandomConvolutional(data.image_shape[-1])
        real = reference.Reference(data.images, extractor=extractor, split=data.split)
        drawn = []
        for start in range(0, len(data), batch_size):
            count = min(batch_size, len(data) - start)
            images = np.asarray(self.sample(count, seed=(seed, start)))
            drawn.append(extractor(pixels.round_to_uint8(images)))
        samples = np.concatenate(drawn)
        return suite.compute(metrics, samples=samples, real=real, seed=seed)

    def predict(self, x: object, *args, **kwargs) -> np.ndarray:
        """Returns reconstructions, in batches, as Keras does what `call` returns.

        Raises:
            Unsupported: The model has no encoder.
        """
        if type(self).call is keras.Model.call:
            raise errors.Unsupported(
                "Models with an encoder predict reconstructions",
                received=type(self).__name__,
                do="Use tools/reconstruct.py, whose chains need none",
            )
        return super().predict(x, *args, **kwargs)

    def export(
        self,
        filepath: str | pathlib.Path,
        format: str = "tf_saved_model",  # noqa: A002 - Keras' name
    ) -> tuple[str, ...]:
        """Writes a SavedModel with all signatures of `glf_tf.export`.

        Args:
            filepath: An empty folder, or an export of ours, which it replaces.
            format: "tf_saved_model".

        Returns:
            signatures: The names of the signatures.

        Raises:
            Unsupported: Another format is asked for.
            Occupied: The folder holds something else.
        """
        if format != "tf_saved_model":
            raise errors.Unsupported(
                "Models are exported as a SavedModel",
                received=f"format={format!r}",
                do='Leave it out, or use format="tf_saved_model"',
            )
        return export.export(self, pathlib.Path(filepath))

    def train_step(self, *args, **kwargs):
        """Is refused: a step of a stage has updates and optimisers of its own."""
        del args, kwargs
        refusals.steps("train_step")

    test_step = train_step

    def train_on_batch(self, *args, **kwargs):
        """Is refused, as `train_step` is."""
        del args, kwargs
        refusals.steps("train_on_batch")

    def test_on_batch(self, *args, **kwargs):
        """Is refused: `evaluate` measures."""
        del args, kwargs
        refusals.steps("test_on_batch")

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

    def _read(self, x: object, *, split: str) -> given_lib.Given:
        """Returns a set of images that fits the model."""
        given = given_lib.read(x, split=split)
        wanted = {"image_shape": given.images.image_shape}
        if split == "train":
            wanted = type(self).arguments_of(given.images)
        for name, value in wanted.items():
            own = getattr(self, name, value)
            if own != value:
                raise errors.InvalidValue(
                    f"The model was made for {name}={own}",
                    received=f"images of {name}={value}",
                    do=f"Make it with {name}={value}, or pass other images",
                )
        return given


def _as_list(callbacks: object) -> list:
    if callbacks is None:
        return []
    return list(callbacks) if isinstance(callbacks, (list, tuple)) else [callbacks]
