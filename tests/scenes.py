# SPDX-License-Identifier: Apache-2.0
"""Pictures of one scene in every kind of file that people bring, right and wrong.

Red rises to the right, green downwards, and blue fills the upper left quarter; grey
rises to the right.
"""

import io
import struct
import zlib

import numpy as np
from PIL import Image, ImageCms

SIZE = 64
_ROW, _COLUMN = np.mgrid[:SIZE, :SIZE]
_IN_CORNER = (_ROW < SIZE // 2) & (_COLUMN < SIZE // 2)
GREY = (_COLUMN * 255 // (SIZE - 1)).astype(np.uint8)
COLOURS = np.stack(
    [GREY, _ROW * 255 // (SIZE - 1), np.where(_IN_CORNER, 255, 0)], -1
).astype(np.uint8)
_IS_CLEAR = _COLUMN < SIZE // 2
ON_WHITE = np.where(_IS_CLEAR[..., None], 255, COLOURS)
GREY_ON_WHITE = np.where(_IS_CLEAR, 255, GREY)
_ALPHA = np.where(_IS_CLEAR, 0, 255).astype(np.uint8)
_WIDE = GREY.astype(np.uint16) * 257
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def encoded(picture, kind="PNG", **options) -> bytes:
    """Returns a file's content."""
    if isinstance(picture, np.ndarray):
        picture = Image.fromarray(picture)
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def png(values: np.ndarray, *, kind: int, depth=16, extra=b"") -> bytes:
    """Returns a PNG file of values that Pillow does not write."""
    header = struct.pack(">IIBBBBB", values.shape[1], len(values), depth, kind, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    parts = chunk(b"IHDR", header), extra, chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts) + chunk(b"IEND", b"")


def chunk(name: bytes, data: bytes) -> bytes:
    """Returns a part of a PNG file."""
    checksum = struct.pack(">I", zlib.crc32(name + data))
    return struct.pack(">I", len(data)) + name + data + checksum


def right() -> dict[str, tuple[bytes, np.ndarray, float]]:
    """Returns by name: the content, the pixels it should give, and how exactly."""
    return {**_plain(), **_clear(), **_wide(), **_turned(), **_first()}


def _plain():
    scene = Image.fromarray(COLOURS)
    exact = {
        "plain.png": encoded(scene),
        "UPPER.PNG": encoded(scene),
        "plain.bmp": encoded(scene, "BMP"),
        "plain.ppm": encoded(scene, "PPM"),
        "plain.pbm": encoded(scene, "PPM"),
        "plain.tif": encoded(scene, "TIFF"),
        "plain.tga": encoded(scene, "TGA"),
        "plain.ico": encoded(scene, "ICO", sizes=[(SIZE, SIZE)]),
        "plain.jp2": encoded(scene, "JPEG2000"),
        "plain.webp": encoded(scene, "WEBP", lossless=True),
        "png_named.jpg": encoded(scene),
        "cmyk.tif": encoded(scene.convert("CMYK"), "TIFF"),
    }
    jpeg = encoded(scene, "JPEG", quality=95, subsampling=0)
    near = {
        "plain.jpg": jpeg,
        "plain.jfif": jpeg,
        "plain.jpe": jpeg,
        "jpg_named.png": jpeg,
        "progressive.jpg": encoded(scene, "JPEG", quality=95, progressive=True),
        "cmyk.jpg": encoded(scene.convert("CMYK"), "JPEG", quality=95),
        "plain.avif": encoded(scene, "AVIF", quality=95, subsampling="4:4:4"),
    }
    few = {
        "palette.png": encoded(scene.quantize(256)),
        "lab.tif": encoded(_lab(scene), "TIFF"),
    }
    grey = {"grey.png": encoded(GREY), "grey.pgm": encoded(GREY, "PPM")}
    return {
        **{name: (content, COLOURS, 0) for name, content in exact.items()},
        **{name: (content, COLOURS, 6) for name, content in near.items()},
        **{name: (content, COLOURS, 20) for name, content in few.items()},
        **{name: (content, _three(GREY), 0) for name, content in grey.items()},
    }


def _lab(scene: Image.Image) -> Image.Image:
    profiles = [ImageCms.createProfile(name) for name in ("sRGB", "LAB")]
    return ImageCms.profileToProfile(scene, *profiles, outputMode="LAB")


def _clear():
    """Transparency in every form in which files say it."""
    rgba = np.dstack([COLOURS, _ALPHA])
    half = np.dstack([COLOURS, np.full_like(_ALPHA, 128)])
    on_half = np.rint(COLOURS * (128 / 255) + 255 * (127 / 255))
    indices = np.asarray(Image.fromarray(COLOURS).quantize(255))
    palette = Image.fromarray(np.where(_IS_CLEAR, 0, np.maximum(indices, 1)))
    palette.putpalette(Image.fromarray(COLOURS).quantize(255).getpalette())
    key = tuple(int(value) for value in COLOURS[0, 0])
    without_key = np.where((key == COLOURS).all(-1)[..., None], 255, COLOURS)
    la = np.dstack([GREY, _ALPHA])
    wide_la = np.dstack([_WIDE, np.where(_IS_CLEAR, 0, 65535)])
    wide_key = chunk(b"tRNS", b"\0\0")
    black_is_clear = np.where(GREY == 0, 255, GREY)
    return {
        "rgba.png": (encoded(rgba), ON_WHITE, 0),
        "rgba.webp": (encoded(rgba, "WEBP", lossless=True), ON_WHITE, 0),
        "rgba.tif": (encoded(rgba, "TIFF"), ON_WHITE, 0),
        "la.png": (encoded(la), _three(GREY_ON_WHITE), 0),
        "la16.png": (png(wide_la, kind=4), _three(GREY_ON_WHITE), 0),
        "half.png": (encoded(half), on_half, 1),
        "palette_alpha.png": (encoded(palette, transparency=0), ON_WHITE, 12),
        "palette_alpha.gif": (encoded(palette, "GIF", transparency=0), ON_WHITE, 12),
        "palette_bytes.png": (
            encoded(palette, transparency=bytes([0] + [255] * 254)),
            ON_WHITE,
            12,
        ),
        "rgb_trns.png": (encoded(COLOURS, transparency=key), without_key, 0),
        "l_trns.png": (encoded(GREY, transparency=0), _three(black_is_clear), 0),
        "g16_trns.png": (
            png(_WIDE, kind=0, extra=wide_key),
            _three(black_is_clear),
            0,
        ),
    }


def _wide():
    in_file = _WIDE.astype(">u2").tobytes()
    return {
        "g16.png": (encoded(_WIDE), _three(GREY), 0),
        "g16.tif": (encoded(_WIDE, "TIFF"), _three(GREY), 0),
        "g16.pgm": (b"P5\n64 64\n65535\n" + in_file, _three(GREY), 0),
        "rgb16.png": (png(COLOURS.astype(np.uint16) * 257, kind=2), COLOURS, 0),
        "g12in16.png": (encoded(GREY.astype(np.uint16) * 16), _three(GREY // 16), 1),
        "onebit.png": (
            encoded(Image.fromarray(_ALPHA).convert("1")),
            _three(_ALPHA),
            0,
        ),
    }


def _turned():
    found = {}
    for orientation, turn in _TURNS.items():
        exif = Image.Exif()
        exif[0x0112] = orientation
        turned = Image.fromarray(COLOURS).transpose(turn)
        wide = Image.fromarray(_WIDE).transpose(turn)
        jpeg = encoded(turned, "JPEG", quality=95, subsampling=0, exif=exif)
        found |= {
            f"exif{orientation}.jpg": (jpeg, COLOURS, 6),
            f"exif{orientation}.png": (encoded(turned, exif=exif), COLOURS, 0),
            f"exif{orientation}_g16.png": (encoded(wide, exif=exif), _three(GREY), 0),
        }
    return found


def _first():
    more = {
        "save_all": True,
        "append_images": [Image.new("RGB", (SIZE, SIZE), "red")],
    }
    scene = Image.fromarray(COLOURS)
    return {
        "anim.gif": (encoded(scene, "GIF", **more), COLOURS, 20),
        "anim.webp": (encoded(scene, "WEBP", lossless=True, **more), COLOURS, 0),
        "apng.png": (encoded(scene, **more), COLOURS, 0),
        "multipage.tif": (encoded(scene, "TIFF", **more), COLOURS, 0),
        "mpo.jpg": (
            encoded(scene, "MPO", quality=95, subsampling=0, **more),
            COLOURS,
            6,
        ),
    }


def _three(grey: np.ndarray) -> np.ndarray:
    return np.repeat(grey[..., None], 3, axis=-1)


def wrong() -> dict[str, tuple[bytes, str]]:
    """Returns by name: the content, and a word of the reason why it is refused."""
    whole, jpeg = encoded(COLOURS), encoded(COLOURS, "JPEG", quality=95)
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 0xFF
    header = struct.pack(">IIBBBBB", 60000, 60000, 8, 0, 0, 0, 0)
    huge = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    huge += chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    return {
        "float01.tif": (encoded(np.float32(GREY / 255), "TIFF"), "32-bit floats"),
        "float255.tif": (encoded(np.float32(GREY), "TIFF"), "32-bit floats"),
        "int32.tif": (encoded(np.int32(GREY) * 257, "TIFF"), "whole numbers"),
        "zero.png": (b"", "an empty file"),
        "trunc.jpg": (jpeg[: len(jpeg) * 2 // 3], "truncated"),
        "trunc.png": (whole[: len(whole) * 2 // 3], ""),
        "trunc_iend.png": (whole[:-12], ""),
        "badcrc.png": (bytes(flipped), ""),
        "text.png": (b"hello\n", "not a picture"),
        "html.jpg": (b"<!DOCTYPE html><html>404</html>", "not a picture"),
        "heic.jpg": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(99), "HEIC"),
        "huge.png": (huge, "60000x60000 pixels|decompression bomb"),
    }


RIGHT, WRONG = right(), wrong()
