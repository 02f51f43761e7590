# SPDX-License-Identifier: Apache-2.0
"""The kinds of part: where the built-in ones lie, and what announces others."""

__all__ = ["KINDS", "Kind"]

import dataclasses
import importlib
import pathlib

_PACKAGE = pathlib.Path(__file__).parents[1]


@dataclasses.dataclass(frozen=True)
class Kind:
    """A kind of part.

    Attributes:
        name: Such as "flow".
        folder: The folder of the package that holds the built-in ones.
        base_class: What every part of the kind is a subclass of, `module:Class` below
            the folder.
        group: The group of entry points by which packages announce theirs.
    """

    name: str
    folder: str
    base_class: str
    group: str

    @property
    def path(self) -> pathlib.Path:
        """The folder."""
        return _PACKAGE / self.folder

    @property
    def base(self) -> type:
        """The base class, which is imported."""
        module, _, name = self.base_class.partition(":")
        return getattr(importlib.import_module(f"glf_tf.{self.folder}.{module}"), name)

    @property
    def bases(self) -> tuple[type, ...]:
        """Of which a plug-in is a subclass: encoders and decoders are Keras layers."""
        if self.name != "network":
            return (self.base,)
        return (self.base, importlib.import_module("keras").layers.Layer)


KINDS = {
    kind.name: kind
    for kind in (
        Kind("dataset", "datasets", "dataset:AbstractDataset", "glf_tf.datasets"),
        Kind("model", "models", "model:GenerativeModel", "glf_tf.models"),
        Kind("network", "networks", "network:AbstractNetwork", "glf_tf.networks"),
        Kind("flow", "flows", "flow:AbstractFlow", "glf_tf.flows"),
        Kind("prior", "priors", "prior:AbstractPrior", "glf_tf.priors"),
        Kind("inference", "inference", "sampler:AbstractSampler", "glf_tf.samplers"),
        Kind(
            "reconstruction",
            "objectives",
            "reconstruction:AbstractReconstruction",
            "glf_tf.reconstructions",
        ),
        Kind("mask", "masks", "mask:AbstractMask", "glf_tf.masks"),
    )
}
"""Each kind of part, by its name."""
