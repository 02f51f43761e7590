# SPDX-License-Identifier: Apache-2.0
"""Image sets: what may be left out."""

import numpy as np

from glf_tf.data import image_set


def test_labels_and_source_may_be_left_out():
    data = image_set.ImageSet("noise", "train", np.zeros((3, 8, 8, 1), np.uint8))
    assert data.labels is None
    assert data.source == ""
    assert set(data.take(2).identity) == {"images", "digest"}
