# SPDX-License-Identifier: Apache-2.0
import io

import numpy as np
import pytest
from PIL import Image

from glf_tf import errors
from glf_tf.data import pictures
from tests import samples


def encoded(picture: Image.Image, kind: str = "PNG", **options) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def stripes(height: int = 6, width: int = 10) -> np.ndarray:
    """Colour pictures whose columns and rows all differ."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows * 20, columns * 20, rows + columns], -1).astype(np.uint8)


def test_centre_is_kept():
    pixels = stripes(6, 10)
    found = pictures.square(encoded(Image.fromarray(pixels)), size=6).pixels
    np.testing.assert_array_equal(found, pixels[:, 2:8])


def test_crop_is_kept():
    pixels = stripes(7, 10)
    found = pictures.square(encoded(Image.fromarray(pixels)), size=4, crop=4).pixels
    np.testing.assert_array_equal(found, pixels[1:5, 3:7])


def test_celeb_a_is_cropped_as_in_the_papers():
    pixels = np.zeros((218, 178, 3), np.uint8)
    pixels[29:189, 9:169] = 255
    found = pictures.square(encoded(Image.fromarray(pixels)), size=64, crop=160).pixels
    assert found.min() == 255


def test_resize_is_antialiased():
    """One pixel in two is white: without a filter the result would be 0 or 255."""
    pixels = np.zeros((64, 64), np.uint8)
    pixels[::2] = 255
    found = pictures.square(encoded(Image.fromarray(pixels)), size=8, channels=1).pixels
    assert abs(int(found[4, 4, 0]) - 127) < 10


def test_one_channel_is_grey():
    found = pictures.square(
        encoded(Image.fromarray(stripes())), size=5, channels=1
    ).pixels
    assert found.shape == (5, 5, 1)


def test_grey_becomes_three_equal_channels():
    grey = Image.fromarray(stripes()[..., 0])
    found = pictures.square(encoded(grey), size=5).pixels
    assert found.shape == (5, 5, 3)
    np.testing.assert_array_equal(found[..., 0], found[..., 2])


def test_exif_orientation_is_respected():
    exif = Image.Exif()
    exif[0x0112] = 6  # To be turned clockwise by a quarter for display.
    pixels = stripes(6, 6)
    data = encoded(Image.fromarray(pixels), exif=exif)
    found = pictures.square(data, size=6).pixels
    np.testing.assert_array_equal(found, np.rot90(pixels, k=-1))


def test_transparent_is_white():
    clear = Image.new("RGBA", (4, 4), (10, 20, 30, 0))
    assert pictures.square(encoded(clear), size=4).pixels.min() == 255


def test_sixteen_bits_are_scaled():
    wide = Image.fromarray(np.full((4, 4), 0x8000, np.uint16))
    assert np.unique(pictures.square(encoded(wide), size=4).pixels) == [0x80]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK"])
def test_every_usual_mode_is_read(mode):
    picture = Image.fromarray(stripes()).convert(mode)
    data = encoded(picture, "TIFF")
    assert pictures.square(data, size=4).pixels.shape == (4, 4, 3)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no picture",
        samples.jpeg((40, 40), seed=0)[:-200],
        encoded(Image.fromarray(stripes()))[:60],
        encoded(Image.fromarray(np.zeros((4, 4), np.float32)), "TIFF"),
    ],
)
def test_broken_picture_is_named(tmp_path, data):
    file = tmp_path / "broken.jpg"
    file.write_bytes(data)
    with pytest.raises(errors.Damaged, match="broken.jpg"):
        pictures.square(file, size=4)


def test_too_small_for_the_crop_is_refused():
    with pytest.raises(errors.InvalidValue, match="10x6 pixels are less than crop=8"):
        pictures.square(encoded(Image.fromarray(stripes())), size=4, crop=8, name="x")
