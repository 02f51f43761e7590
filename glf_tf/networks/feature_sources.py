# SPDX-License-Identifier: Apache-2.0
"""What of a network has features: a Keras model, or a SavedModel's signature."""

__all__ = ["AbstractSource", "Function", "KerasSource", "SavedModelSource"]

import abc
from collections.abc import Callable, Iterable, Mapping

import keras
import numpy as np
import tensorflow as tf

from glf_tf import errors

Function = Callable[[tf.Tensor], Mapping[str, tf.Tensor]]
"""From pixels `[batch, height, width, channels]` to tensors by name."""

_SERVED = "serving_default"
_ANY = (None, None, None, None)


class AbstractSource(abc.ABC):
    """A network as tensors with names, of which some are features.

    Attributes:
        image_shape: (height, width, channels) that it takes, each None for any.
        names: The tensors that may be features, from the first to the last.
    """

    image_shape: tuple[int | None, int | None, int | None]
    names: tuple[str, ...]

    @abc.abstractmethod
    def function(self, names: Iterable[str]) -> Function:
        """Returns a function that computes some of `names`, and no more than needed."""

    @property
    @abc.abstractmethod
    def weights(self) -> list[np.ndarray]:
        """The values of its variables but for states of seeds, in one order."""

    @abc.abstractmethod
    def levels(self, shapes: Mapping[str, tuple[int, ...]]) -> tuple[str, ...]:
        """Returns the tensors that are compared where nobody says which.

        Args:
            shapes: The shapes of the tensors that have pixels, `[batch, height, width,
                channels]`, by name and in order.
        """


class KerasSource(AbstractSource):
    """The layers of a Keras model, or the outputs of one that has no graph of layers.

    Its levels are the last layer of each resolution, from the first layer with weights
    on: what is there before the resolution is reduced.
    """

    def __init__(self, network: keras.layers.Layer, *, is_constant: bool):
        """Initializes the source.

        Args:
            network: A Keras model, or a layer that is built.
            is_constant: Whether to take the present weights as constants, which no
                device and no replica owns.

        Raises:
            InvalidValue: It takes something else than images.
        """
        self._network = network
        self._outputs = _outputs_of_layers(network)
        self.image_shape = (_input_shape(network) or _ANY)[1:]
        self.names = tuple(self._outputs) or ("output",)
        self._values: list[tuple[keras.Variable, tf.Tensor]] = []
        if is_constant:
            variables = [*network.variables]
            self._values = [(v, tf.constant(v.numpy())) for v in variables]

    def function(self, names):
        """Returns a function that computes the outputs of some layers."""
        network, is_whole = self._network, not self._outputs
        if not is_whole:
            outputs = {name: self._outputs[name] for name in names}
            network = keras.Model(self._network.inputs[0], outputs)

        def compute(pixels):
            # In this scope nothing is assigned, and the values are read.
            with keras.StatelessScope(state_mapping=self._values):
                found = network(pixels, training=False)
            return {"output": found} if is_whole else found

        return compute

    @property
    def weights(self):
        """The values of its variables."""
        return [variable.numpy() for variable in self._network.weights]

    def levels(self, shapes):
        """Returns the last layer of each resolution, the finest first."""
        if not self._outputs:
            return tuple(shapes)
        last = {shape[1:3]: name for name, shape in shapes.items()}
        return tuple(last.values())


class SavedModelSource(AbstractSource):
    """The outputs of a SavedModel's signature, all of which are levels."""

    def __init__(self, root: object, *, at: str):
        """Initializes the source.

        Args:
            root: What `tf.saved_model.load` returned.
            at: Where it was.

        Raises:
            InvalidValue: It has no one signature that takes images alone.
        """
        signatures = getattr(root, "signatures", {})
        names = [_SERVED] if _SERVED in signatures else list(signatures)
        inputs = {}
        if len(names) == 1:
            inputs = signatures[names[0]].structured_input_signature[1]
        if len(inputs) != 1:
            raise errors.InvalidValue(
                f"A SavedModel has features by one signature, or {_SERVED}, of images",
                received=f"{at} with {', '.join(signatures) or 'no signature'}"
                + (f" of {', '.join(sorted(inputs))}" if inputs else ""),
                do="Export a model of one input, by keras.Model.export",
            )
        # The root owns the variables.
        self._root, self._signature = root, signatures[names[0]]
        ((self._input, spec),) = inputs.items()
        rank = spec.shape.rank
        if spec.dtype != tf.float32 or rank not in (4, None):
            raise _no_images(f"{at} of inputs {spec.dtype.name} {spec.shape}")
        self.image_shape = tuple(spec.shape)[1:] if rank else _ANY[1:]
        self.names = tuple(sorted(self._signature.structured_outputs, key=_counted))

    def function(self, names):
        """Returns a function that computes some outputs."""
        names = tuple(names)

        def compute(pixels):
            found = self._signature(**{self._input: pixels})
            return {name: found[name] for name in names}

        return compute

    @property
    def weights(self):
        """The values of its variables."""
        return [variable.numpy() for variable in self._signature.variables]

    def levels(self, shapes):
        """Returns all outputs that have pixels."""
        return tuple(shapes)


def _outputs_of_layers(network: keras.layers.Layer) -> dict[str, keras.KerasTensor]:
    """Returns each layer's output, from the first that has weights; none without graph.

    What has no weights before it is the image itself, scaled or padded.
    """
    outputs, has_weights = {}, False
    for layer in getattr(network, "layers", ()):
        has_weights = has_weights or bool(layer.weights)
        try:
            output = layer.output
        except (AttributeError, ValueError):  # of no graph, or of several places in it
            continue
        if has_weights and isinstance(output, keras.KerasTensor):
            outputs[layer.name] = output
    return outputs if _input_shape(network) else {}


def _input_shape(network: keras.layers.Layer) -> tuple[int | None, ...] | None:
    """Returns the shape of a network's input; None if it has no graph of layers.

    Raises:
        InvalidValue: It has several inputs, or other than images.
    """
    inputs = getattr(network, "inputs", None)
    if not inputs:
        return None
    if len(inputs) != 1 or len(inputs[0].shape) != 4:
        shapes = " and ".join(str(tuple(tensor.shape)) for tensor in inputs)
        raise _no_images(f"{network.name} of inputs {shapes}")
    return tuple(inputs[0].shape)


def _counted(name: str) -> tuple[str, int]:
    """Returns a key by which "output_10" comes after "output_9"."""
    stem = name.rstrip("0123456789")
    return stem, int(name[len(stem) :] or 0)


def _no_images(received: str) -> errors.InvalidValue:
    return errors.InvalidValue(
        "A network whose features are compared takes images alone, float32 [batch, "
        "height, width, channels]",
        received=received,
        do="Pass one with such an input",
    )
