# SPDX-License-Identifier: Apache-2.0
"""Names for the kinds of values that travel between the parts of the library."""

__all__ = [
    "Tensor",
    "Seed",
    "Batch",
    "Terms",
    "ImageShape",
    "Path",
    "PathName",
    "FixedNetwork",
    "PartOf",
    "Model",
    "Dataset",
    "Network",
    "Flow",
    "Prior",
    "Sampler",
    "Reconstruction",
    "Mask",
    "Sharpening",
]

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Any

import tensorflow as tf

Tensor = tf.Tensor
"""A tensor, or anything that `tf.convert_to_tensor` takes."""

Seed = tf.Tensor | tuple[int, int] | int
"""A stateless seed: an int32 tensor of shape `[2]`, a pair, or an int (see `seeds`)."""

Batch = Mapping[str, tf.Tensor]
"""`image` [batch, height, width, channels] float32 in [0, 1], or `vector` [batch,
event_dim] float32; `index` [batch] int64;
`label` [batch] int64 where the data set has labels; `mask` [batch, height, width, 1],
1 for visible pixels, where some are hidden."""

Terms = dict[str, tf.Tensor]
"""Named loss terms, each of shape [batch] or []; smaller is better."""

ImageShape = tuple[int, int, int]
"""(height, width, channels)."""


@dataclasses.dataclass(frozen=True)
class PathName:
    """Marks a text that is a path.

    Attributes:
        or_layer: Whether it may also be a Keras layer, which only Python can give.
    """

    or_layer: bool = False


Path = Annotated[str, PathName()]
"""A path as text; tools take it with `~` for the home folder."""

FixedNetwork = Annotated[Any, PathName(or_layer=True)]
"""A network that is not trained: a path, a name, or a Keras layer."""


@dataclasses.dataclass(frozen=True)
class PartOf:
    """Marks an argument that holds a part, whatever the argument is called.

    Attributes:
        kind: The kind of the part, one of `catalogue.KINDS`.
    """

    kind: str


# A part is given by name, by name with options (`{"name": "mlp", "hidden": [200]}`), or
# as an object; which classes an object may have depends on its kind, hence `Any`.
Model = Annotated[Any, PartOf("model")]
"""A model."""

Dataset = Annotated[Any, PartOf("dataset")]
"""A data set."""

Network = Annotated[Any, PartOf("network")]
"""A family of encoders and decoders."""

Flow = Annotated[Any, PartOf("flow")]
"""A normalizing flow."""

Prior = Annotated[Any, PartOf("prior")]
"""A density of the latents."""

Sampler = Annotated[Any, PartOf("inference")]
"""A sampler of Markov chains, which infers latents."""

Reconstruction = Annotated[Any, PartOf("reconstruction")]
"""A reconstruction term."""

Mask = Annotated[Any, PartOf("mask")]
"""A mask, which says what pixels are hidden."""

Sharpening = Annotated[Any, PartOf("sharpening")]
"""A way of training a finished model's decoder on."""
