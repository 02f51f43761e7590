# SPDX-License-Identifier: Apache-2.0
"""The kinds of part: their folders, base classes and groups of entry points."""

__all__ = ["KINDS", "Kind"]

import dataclasses
import importlib
import pathlib

from glf_tf import errors

_PACKAGE = pathlib.Path(__file__).parents[1]


@dataclasses.dataclass(frozen=True)
class Kind:
    """A kind of part.

    Attributes:
        name: Such as "flow".
        folder: The folder of the built-in ones in the package.
        base_class: The base class of all parts of the kind, as `module:Class` in the
            folder.
        group: The group of entry points in which packages declare theirs.
        decided: Arguments that are decided by what a part belongs to: none of its
            options, even if they have a default.
    """

    name: str
    folder: str
    base_class: str
    group: str
    decided: tuple[str, ...] = ()

    @property
    def path(self) -> pathlib.Path:
        """The folder."""
        return _PACKAGE / self.folder

    @property
    def base(self) -> type:
        """Imports and returns the base class."""
        module, _, name = self.base_class.partition(":")
        return getattr(importlib.import_module(f"glf_tf.{self.folder}.{module}"), name)

    @property
    def bases(self) -> tuple[type, ...]:
        """Base classes of plug-ins: encoders and decoders may be Keras layers."""
        if self.name != "network":
            return (self.base,)
        return (self.base, importlib.import_module("keras").layers.Layer)


class _Kinds(dict[str, Kind]):
    """The kinds by name; another name is refused in one line."""

    def __missing__(self, name: str) -> Kind:
        meant = [kind for kind in self if self[kind].group == f"glf_tf.{name}s"]
        raise errors.InvalidValue(
            f"The kind of a part must be one of {', '.join(self)}",
            received=f"kind={name!r}",
            do=f"Use {meant[0]!r}" if meant else errors.suggestion(name, self),
        )


KINDS = _Kinds(
    (kind.name, kind)
    for kind in (
        Kind(
            "dataset",
            "datasets",
            "dataset:AbstractDataset",
            "glf_tf.datasets",
            decided=("paths",),
        ),
        Kind(
            "model",
            "models",
            "base_model:AbstractModel",
            "glf_tf.models",
            decided=("image_shape", "event_dim"),
        ),
        Kind("network", "networks", "network:AbstractNetwork", "glf_tf.networks"),
        Kind(
            "flow",
            "flows",
            "flow:AbstractFlow",
            "glf_tf.flows",
            decided=("event_dim", "event_shape", "condition_dim"),
        ),
        Kind(
            "prior",
            "priors",
            "prior:AbstractPrior",
            "glf_tf.priors",
            decided=("latent_dim", "num_classes", "shape"),
        ),
        Kind("inference", "inference", "sampler:AbstractSampler", "glf_tf.samplers"),
        Kind(
            "reconstruction",
            "objectives",
            "reconstruction:AbstractReconstruction",
            "glf_tf.reconstructions",
            decided=("image_shape",),
        ),
        Kind(
            "mask",
            "masks",
            "mask:AbstractMask",
            "glf_tf.masks",
            decided=("image_shape",),
        ),
        Kind(
            "sharpening",
            "sharpening",
            "sharpening:AbstractSharpening",
            "glf_tf.sharpenings",
            decided=("image_shape",),
        ),
    )
)
"""The kinds of part, by name."""
