# SPDX-License-Identifier: Apache-2.0
"""Parses colours."""

__all__ = ["parse"]

from PIL import ImageColor

from glf_tf import errors


def parse(text: str) -> tuple[int, int, int]:
    """Returns red, green and blue in [0, 255] of "white", "#ffffff" or "255,255,255".

    Raises:
        InvalidValue: It is not a colour, or transparent.
    """
    try:
        if "," in text and "(" not in text:
            found = tuple(int(part) for part in text.split(","))
        else:
            found = ImageColor.getrgb(text)
        if len(found) == 3 and all(0 <= part <= 255 for part in found):
            return found
    except ValueError:
        pass
    raise errors.InvalidValue(
        "A colour is a name, #rrggbb, or three numbers from 0 to 255",
        received=f"background={text!r}",
        do="Pass for instance --dataset.background=white, #808080 or 128,128,128",
    )
