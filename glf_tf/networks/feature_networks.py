# SPDX-License-Identifier: Apache-2.0
"""Any network as a fixed function from pixels to features of several levels.

It is a Keras file, the folder of a SavedModel, or in Python a Keras layer. No training
changes it: it is called for inference, so that it drops nothing out and its moving
averages stay.
"""

__all__ = [
    "AbstractFeatureNetwork",
    "FileNetwork",
    "LayerNetwork",
    "Wanted",
    "checked_channels",
    "read",
]

import abc
import concurrent.futures
import contextlib
import dataclasses
import os
import pathlib
from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf

from glf_tf import errors, foreign, types
from glf_tf.networks import feature_sources

SUFFIXES = (".keras", ".h5")
"""Those of Keras' files."""


@dataclasses.dataclass(frozen=True)
class Wanted:
    """Which features of a network are wanted.

    Attributes:
        layers: Names of layers, or of a SavedModel's outputs; () for all its levels.
        levels: Number of its levels, from the first; 0 for all.
    """

    layers: tuple[str, ...] = ()
    levels: int = 0


class AbstractFeatureNetwork(abc.ABC):
    """Features of images, which are read from a file when they are first needed.

    Attributes:
        names: Of the features' levels; () until it is read, if nobody named them.
    """

    names: tuple[str, ...] = ()

    @abc.abstractmethod
    def load(self) -> None:
        """Reads the network, once.

        Raises:
            NotFound: There is no such file.
            InvalidValue: It has no such features of such images.
        """

    @abc.abstractmethod
    def __call__(self, pixels: tf.Tensor) -> list[tf.Tensor]:
        """Returns the features of each level, `[batch, height, width, channels]`.

        Args:
            pixels: `[batch, height, width, channels]`, scaled as the network expects
                it; grey ones are made equal channels if it takes three.
        """


class LayerNetwork(AbstractFeatureNetwork):
    """Features of a Keras layer, with its own variables."""

    def __init__(
        self,
        layer: keras.layers.Layer,
        *,
        image_shape: types.ImageShape,
        wanted: Wanted,
    ):
        """Initializes the network, and the layer's variables if it has none yet.

        Args:
            layer: A Keras layer or model.
            image_shape: (height, width, channels) of the pixels.
            wanted: Its features that are wanted.

        Raises:
            InvalidValue: It has no such features of such images.
        """
        shown = f"{type(layer).__name__} {layer.name}"
        if not layer.built:
            given = keras.KerasTensor((None, *image_shape))
            with _refusing(shown, image_shape=image_shape):
                layer(given, training=False)
        source = feature_sources.KerasSource(layer, is_constant=False)
        self._features = _Features(
            source, shown=shown, image_shape=image_shape, wanted=wanted
        )
        self.names = self._features.names

    def load(self):
        """Does nothing: it is there."""

    def __call__(self, pixels):
        """Returns the features of each level."""
        return self._features(pixels)


class FileNetwork(AbstractFeatureNetwork):
    """Features of a network in a file, which is read when it is first needed.

    It is intentionally not a Keras layer, as `vgg.Network` is not: its weights would be
    in every checkpoint, and a model that only samples would need their file. Those of a
    Keras file are constants.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        *,
        image_shape: types.ImageShape,
        wanted: Wanted,
    ):
        """Initializes the network without reading the file.

        Args:
            path: Of a .keras or .h5 file, or of a SavedModel's folder.
            image_shape: (height, width, channels) of the pixels.
            wanted: Its features that are wanted.
        """
        self._path, self._features = pathlib.Path(path).expanduser(), None
        self._how = {"image_shape": tuple(image_shape), "wanted": wanted}
        self.names = wanted.layers[: wanted.levels or None]

    def load(self):
        """Reads the file, once."""
        if self._features is not None:
            return
        # It may be first needed in a trace, on a replica, or in a scope of Keras: a
        # thread of its own is in none of them.
        with concurrent.futures.ThreadPoolExecutor(max_workers=1) as thread:
            self._features = thread.submit(self._read).result()
        self.names = self._features.names

    def __call__(self, pixels):
        """Returns the features of each level."""
        self.load()
        return self._features(pixels)

    def _read(self) -> "_Features":
        source = read(self._path)
        return _Features(source, shown=str(self._path), **self._how)


class _Features:
    """The features of a source, checked once with an image."""

    def __init__(
        self,
        source: feature_sources.AbstractSource,
        *,
        shown: str,
        image_shape: types.ImageShape,
        wanted: Wanted,
    ):
        self._channels = checked_channels(source, image_shape, shown=shown)
        shape = (2, *image_shape[:2], self._channels)
        # Positive, so that no ReLU of it is dead for sure.
        probe = tf.constant(np.random.RandomState(0).uniform(size=shape), tf.float32)
        with _refusing(shown, image_shape=shape[1:]):
            found = source.function(source.names)(probe)
        shapes = {name: _shape(found[name]) for name in source.names}
        self.names = _chosen(source, shapes, wanted=wanted, shown=shown)
        self._function = source.function(self.names)
        self._check_gradient(probe, shown=shown)

    def __call__(self, pixels: tf.Tensor) -> list[tf.Tensor]:
        if pixels.shape[-1] != self._channels:
            pixels = tf.tile(pixels, [1, 1, 1, self._channels])
        found = self._function(pixels)
        return [tf.cast(found[name], tf.float32) for name in self.names]

    def _check_gradient(self, probe: tf.Tensor, *, shown: str) -> None:
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(probe)
            levels = [tf.reduce_sum(level) for level in self(probe)]
        for name, level in zip(self.names, levels, strict=True):
            try:
                gradient = tape.gradient(level, probe)
            except LookupError:  # an operation without a gradient
                gradient = None
            if gradient is None:
                raise errors.InvalidValue(
                    "Features that are compared have a gradient by the image",
                    received=f"{name} of {shown}, which has none",
                    do="Name other layers by --reconstruction.layers",
                )


def read(path: pathlib.Path) -> feature_sources.AbstractSource:
    """Reads a file or folder.

    Raises:
        NotFound: There is none.
        InvalidValue: It is something else.
    """
    is_saved_model = (path / "saved_model.pb").is_file()
    if not is_saved_model and not (path.is_file() and path.suffix in SUFFIXES):
        kind = "a folder or file of another kind" if path.exists() else "nothing"
        raise errors.NotFound(
            "A network of features is a .keras or .h5 file, or a SavedModel's folder",
            received=f"{kind} at {path}",
            do="Pass the path of one, or vgg16 as --reconstruction.network; "
            "tools/train_features.py trains one",
        )
    try:
        if is_saved_model:
            root = tf.saved_model.load(str(path))
            return feature_sources.SavedModelSource(root, at=str(path))
        network = keras.saving.load_model(path, compile=False, safe_mode=True)
        return feature_sources.KerasSource(network, is_constant=True)
    except errors.UserError:
        raise
    except Exception as error:  # of Keras, HDF5 and TensorFlow
        raise errors.InvalidValue(
            "The file of a network is complete, and its classes are registered",
            received=f"{path}: {foreign.reason(error)[:200]}",
            do="Save it again by keras.Model.save; import the module that registers "
            "its own classes first",
        ) from error


def checked_channels(
    source: feature_sources.AbstractSource,
    image_shape: types.ImageShape,
    *,
    shown: str,
) -> int:
    """Returns the number of channels that a network is given of images."""
    *own, channels = source.image_shape
    sides = zip(own, image_shape[:2], strict=True)
    if any(side not in (None, found) for side, found in sides):
        raise _refused(image_shape, received=f"{shown} for {own[0]} x {own[1]} pixels")
    if channels in (None, image_shape[-1]):
        return image_shape[-1]
    if image_shape[-1] == 1:
        return channels
    raise errors.InvalidValue(
        f"The network must take images of {image_shape[-1]} channels",
        received=f"{shown} of {channels} channels",
        do="Pass another network or `inputs`; only grey images get more channels",
    )


def _chosen(
    source: feature_sources.AbstractSource,
    shapes: dict[str, tuple[int, ...]],
    *,
    wanted: Wanted,
    shown: str,
) -> tuple[str, ...]:
    """Returns the names of the wanted features."""
    spatial = {
        name: shape
        for name, shape in shapes.items()
        if len(shape) == 4 and max(shape[1:3]) > 1
    }
    if not spatial:
        raise errors.InvalidValue(
            "A network whose features are compared has layers [batch, height, width, "
            "channels] of more than one pixel",
            received=f"{shown} with {', '.join(map(str, shapes.values()))}"[:300],
            do="Pass a convolutional network",
        )
    for name in wanted.layers:
        if name not in spatial:
            raise errors.InvalidValue(
                "`layers` are layers of the network that have pixels",
                received=f"{name}, of {shown}",
                do=errors.suggestion(name, spatial),
            )
    names = wanted.layers or source.levels(spatial)
    if wanted.levels > len(names):
        raise errors.InvalidValue(
            f"`levels` must be at most {len(names)}, those of the network",
            received=f"levels={wanted.levels}",
            do="Use fewer, or 0 for all",
        )
    return names[: wanted.levels or len(names)]


def _shape(output: object) -> tuple[int, ...]:
    """Returns the shape of a tensor; () of several."""
    return tuple(output.shape) if tf.is_tensor(output) else ()


@contextlib.contextmanager
def _refusing(shown: str, *, image_shape: types.ImageShape) -> Iterator[None]:
    """Says in one line that a network does not take such images."""
    try:
        yield
    except errors.UserError:
        raise
    except Exception as error:  # of the user's layers
        received = f"{shown}: {foreign.reason(error)[:200]}"
        raise _refused(image_shape, received=received) from error


def _refused(image_shape: types.ImageShape, *, received: str) -> errors.InvalidValue:
    shape = ", ".join(map(str, image_shape))
    return errors.InvalidValue(
        f"The network must accept images [batch, {shape}]; nothing is resized",
        received=received,
        do="Pass a network for such images, or a --reconstruction.pad",
    )
