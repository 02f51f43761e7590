# SPDX-License-Identifier: Apache-2.0
"""Maps of densities: where colours are, and what they mean."""

import numpy as np

from glf_tf.data import plane
from glf_tf.tasks import density_map

SQUARE = density_map.Frame(np.full(2, -4.0), np.full(2, 4.0))
CELL = 2  # pixels


def darkness(panel):
    return 1.0 - panel.mean(axis=-1)


def cloud(x, y, deviation=0.2):
    return plane.Clouds(np.array([[x, y]]), deviation=deviation)


def test_up_is_up_and_right_is_right():
    made = cloud(2.0, 3.0)
    panels = density_map.panels(made, made.sample(5000, seed=0), seed=1, frame=SQUARE)
    assert panels.shape == (3, 192, 192, 3)
    for panel in panels:
        row, column = np.unravel_index(darkness(panel).argmax(), panel.shape[:2])
        # Six eighths to the right, one eighth from the top.
        assert abs(column / 192 - 0.75) < 0.04
        assert abs(row / 192 - 0.125) < 0.04


def test_a_colour_is_the_same_density_in_all_panels():
    made = plane.Checkerboard()
    x = made.sample(50_000, seed=0)
    data, density, samples = density_map.panels(made, x, seed=1, frame=SQUARE)
    dark = darkness(density) > 0.5
    assert dark.mean() == 0.5
    for points in (data, samples):
        assert (darkness(points)[~dark] == 0.0).all()
        assert abs(darkness(points)[dark].mean() - darkness(density)[dark].mean()) < 0.1
    assert (data != samples).any()


def test_the_frame_holds_the_data():
    x = np.array([[0.0, 5.0], [10.0, 5.0]], np.float32)
    frame = density_map.around(x)
    np.testing.assert_allclose(frame.low, [-1.0, -1.0])
    np.testing.assert_allclose(frame.high, [11.0, 11.0])


def test_panels_are_side_by_side():
    made = cloud(0.0, 0.0)
    picture = density_map.draw(made, made.sample(100, seed=0), seed=1)
    assert picture.dtype == np.uint8
    assert picture.shape == (192, 3 * 192 + 2 * 2, 3)
