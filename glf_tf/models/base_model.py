# SPDX-License-Identifier: Apache-2.0
"""The base class of all models, whatever their examples are.

A model is a Keras model that owns layers, declares its training in `stages`, with
functions and weights, and draws examples in `_sample`. It does not depend on
optimisers, strategies, paths or flags; the loop does not depend on models.
"""

__all__ = ["AbstractModel"]

import abc
import inspect
from collections.abc import Callable, Mapping

import keras
import tensorflow as tf

from glf_tf import errors, naming, parts, seeds, tracing, types
from glf_tf.data import example_set
from glf_tf.keras_api import trainable
from glf_tf.models import label_inputs, numeric_inputs, signatures
from glf_tf.training import stages as stages_lib

_OTHERS = {
    "images": "Use a model of images, such as --model=glf; `vectors` reads tables",
    "vectors": "Use --model=density, which learns the density of vectors",
}
"""What to do with examples of another kind than the model's."""


class AbstractModel(trainable.Trainable, parts.Part, keras.Model, abc.ABC):
    """A model that draws examples; `GenerativeModel` is the one of images.

    Keras has attributes `losses`, `weights` and `metrics`: the losses of this library
    are called *terms*.

    Attributes:
        example_kind: The class of the sets of examples that it learns from.
        uses_masks: Whether its terms ignore the pixels hidden by a batch's `mask`.
        num_classes: Number of labels that it is conditional on; 0 for none.
        is_guidable: Whether samples may be guided by labels.
        log_prob_meaning: What an exported `log_prob` is, for people.
    """

    part_kind = "model"
    example_kind: type[example_set.AbstractExampleSet]
    uses_masks = False
    num_classes = 0
    is_guidable = False
    log_prob_meaning = "log-density of the examples"

    def __init__(self, *, name: str | None = None):
        """Initializes the model.

        Args:
            name: Name of the Keras model.
        """
        super().__init__(name=name)
        # Keras need not build it: constructors create all variables.
        self.built = True

    def __init_subclass__(cls, **kwargs):
        """Registers a user's model with Keras, by its module, for `.keras` files.

        The models of this library have registered names of their own.
        """
        super().__init_subclass__(**kwargs)
        if not naming.is_ours(cls):
            register = keras.saving.register_keras_serializable
            register(package=cls.__module__, name=cls.__qualname__)(cls)

    @abc.abstractmethod
    def stages(self) -> tuple[stages_lib.Stage, ...]:
        """Returns the training stages, in order, with the model's methods in them."""

    def sample(
        self,
        n: int | tf.Tensor,
        *,
        seed: types.Seed = 0,
        temperature: float = 1.0,
        label: tf.Tensor | int | None = None,
        guidance: float | None = None,
    ) -> tf.Tensor:
        """Returns `n` examples: images in [0, 1], `[n, height, width, channels]`.

        Of a density of vectors they are those, `[n, event_dim]`.

        Args:
            n: Number of examples, which may be 0.
            seed: A stateless seed: the same seed draws the same examples, that
                of the default too.
            temperature: Factor on the standard deviation of the noise. In a graph,
                examples are NaN if it is negative or not finite, or `guidance` is not.
            label: Labels `[n]`, or one of all, for a model that is conditional on them;
                by default they are drawn, all equally likely.
            guidance: Factor on what a label changes, for a model that `is_guidable`: 1
                for none, 2 to 3 for examples that are more typical of it; by default
                the prior's own.

        Raises:
            InvalidType: `n`, the seed or a label is not a whole number.
            InvalidValue: A value is out of range.
            Unsupported: There are labels, and the model takes none; or there is
                guidance, and it cannot be guided.
        """
        n, given = numeric_inputs.count(n), {}
        temperature = numeric_inputs.temperature(temperature)
        if label is not None:
            known = self.num_classes
            given["label"] = label_inputs.labels(label, num_classes=known, count=n)
        if guidance is not None:
            guidance = numeric_inputs.guidance(guidance, is_guidable=self.is_guidable)
            given["guidance"] = guidance
        seed = seeds.make(seed)
        drawn = self._sample(n, seed=seed, temperature=temperature, **given)
        numbers = {"temperature": temperature, "guidance": guidance}
        return numeric_inputs.unfit_to_nan(drawn, **numbers)

    @abc.abstractmethod
    def _sample(
        self, n: int | tf.Tensor, *, seed: types.Seed, temperature: float | tf.Tensor
    ) -> tf.Tensor:
        """Computes `sample` with valid arguments.

        `label` and `guidance` are further ones, each only where it is given.
        """

    @tracing.method
    def traced_sample(
        self,
        n: tf.Tensor,
        *,
        seed: tf.Tensor,
        temperature: tf.Tensor,
        label: tf.Tensor | None = None,
        guidance: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Computes `sample`, traced once for all values."""
        how = {"temperature": temperature, "label": label, "guidance": guidance}
        return self.sample(n, seed=seed, **how)

    @property
    def advice(self) -> Mapping[str, str]:
        """Advice for terms that are not finite: `{term: advice}`.

        For terms that a lower learning rate does not fix.
        """
        return {}

    def check_data(self, data: example_set.AbstractExampleSet) -> None:
        """Checks that a training set is suitable for all stages, before the first one.

        Raises:
            InvalidValue: It is not suitable.
        """
        del data

    def check_labels(self, data: example_set.AbstractExampleSet) -> None:
        """Checks that a set has the labels that the model is conditional on, if any.

        Raises:
            InvalidValue: It has none, or one is out of range.
        """
        if self.num_classes:
            label_inputs.check_labels(data, num_classes=self.num_classes)

    def signatures(self) -> dict[str, Callable]:
        """Returns the signatures of the exported model."""
        return signatures.of_samples(self)

    @classmethod
    def arguments_of(cls, data: example_set.AbstractExampleSet) -> dict:
        """Returns the arguments of the constructor that follow from the training set.

        Those of `sizes_of`, and `num_images` if examples have their own parameters.

        Raises:
            Unsupported: The examples are of another kind, or pixels are hidden, and
                the model does not ignore them.
        """
        if not isinstance(data, cls.example_kind):
            raise errors.Unsupported(
                f"{cls.__name__} learns from {cls.example_kind.noun}",
                received=f"the {data.noun} of {data.name}",
                do=_OTHERS[data.noun],
            )
        if data.masks is not None and not cls.uses_masks:
            raise errors.Unsupported(
                "A model that learns from incomplete images must ignore hidden pixels",
                received=f"{cls.__name__} for {data.name}",
                do="Use for instance --model=lfbm, abp, lebm, sri or lfbm_vae",
            )
        decided = {**cls.sizes_of(data), "num_images": len(data)}
        wanted = inspect.signature(cls).parameters
        return {name: value for name, value in decided.items() if name in wanted}

    @classmethod
    @abc.abstractmethod
    def sizes_of(cls, data: example_set.AbstractExampleSet) -> dict:
        """Returns the size of examples as an argument, such as `image_shape`."""

    def build_from_config(self, config: dict) -> None:
        """Does nothing: the constructor creates all variables."""
        del config
