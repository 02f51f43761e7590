# SPDX-License-Identifier: Apache-2.0
"""The names of extractors, which flags check before TensorFlow is loaded."""

__all__ = ["EXTRACTORS", "HELP", "File", "check", "file_of"]

import dataclasses

from glf_tf import errors

EXTRACTORS = ("auto", "classifier", "random_convolutional", "inception")
"""Those that the library has."""

_KINDS = ("keras", "saved_model")
_SCALES = ("unit", "symmetric", "bytes", "caffe", "imagenet")  # of `pixel_scales`

HELP = (
    f"{', '.join(EXTRACTORS)}; or a network of your own, keras:FILE:SCALE or "
    "saved_model:FOLDER:SCALE, where SCALE says how it expects pixels "
    f"({', '.join(_SCALES)}), with :LAYER for another output than its last"
)
"""What a flag says of its values."""


@dataclasses.dataclass(frozen=True)
class File:
    """An extractor from a file.

    Attributes:
        kind: "keras" or "saved_model".
        path: The file or folder.
        scale: How it expects pixels; one of `pixel_scales.SCALES`.
        layer: The layer or output that is the features; "" for the last.
    """

    kind: str
    path: str
    scale: str
    layer: str = ""


def check(name: str) -> None:
    """Checks the name of an extractor.

    Raises:
        InvalidValue: It is neither known nor a file with a scale.
    """
    if name not in EXTRACTORS and file_of(name) is None:
        raise errors.InvalidValue(
            "An extractor is a known one, or keras:FILE:SCALE or "
            "saved_model:FOLDER:SCALE",
            received=f"extractor={name!r}",
            do=errors.suggestion(name, EXTRACTORS),
        )


def file_of(name: str) -> File | None:
    """Returns what a name says of a file; None if it is that of no file.

    Raises:
        InvalidValue: It has the form of one, but no scale.
    """
    kind, *rest = name.split(":")
    if kind not in _KINDS or not rest:
        return None
    if not 2 <= len(rest) <= 3 or rest[1] not in _SCALES or "" in rest:
        raise errors.InvalidValue(
            f"An extractor from a file is {kind}:PATH:SCALE or {kind}:PATH:SCALE:LAYER",
            received=f"extractor={name!r}",
            do=f"State how it expects pixels: {', '.join(_SCALES)}",
        )
    return File(kind, *rest)
