# SPDX-License-Identifier: Apache-2.0
"""Tests of features: anybody's function, in batches, checked."""

import numpy as np
import pytest
import tensorflow as tf

from glf_tf.metrics.extractors import features


def means(images):
    return images.mean(axis=(1, 2))


def extractor(function=means, *, dim=3, batch_size=4):
    return features.FunctionExtractor(
        function, name="means", dim=dim, batch_size=batch_size
    )


def test_function_sees_batches_of_floats_in_unit_range():
    seen = []

    def function(images):
        seen.append(images)
        return means(images)

    pixels = np.random.default_rng(0).integers(0, 256, [10, 2, 2, 3]).astype(np.uint8)
    result = extractor(function)(pixels)
    assert [len(batch) for batch in seen] == [4, 4, 2]
    assert all(batch.dtype == np.float32 for batch in seen)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, pixels.mean(axis=(1, 2)) / 255, rtol=1e-6)


def test_stream_takes_pieces_of_any_size():
    pixels = np.random.default_rng(1).random([11, 2, 2, 3])
    pieces = iter([pixels[:1], pixels[1:8], pixels[8:]])
    result = list(extractor().stream(pieces))
    assert max(map(len, result)) == 4
    np.testing.assert_array_equal(np.concatenate(result), extractor()(pixels))


def test_function_may_return_tensors():
    result = extractor(lambda x: tf.reduce_mean(x, axis=[1, 2]))(np.ones([5, 2, 2, 3]))
    np.testing.assert_array_equal(result, np.ones([5, 3]))


def test_unflattened_features_are_refused():
    with pytest.raises(ValueError, match="size, dim"):
        extractor(lambda images: images)(np.zeros([2, 2, 2, 3]))


def test_another_width_than_stated_is_refused():
    with pytest.raises(ValueError, match="dim=7"):
        extractor(dim=7)(np.zeros([2, 2, 2, 3]))


def test_nan_features_are_refused():
    with pytest.raises(ValueError, match="finite"):
        extractor(lambda images: means(images) * np.nan)(np.ones([2, 2, 2, 3]))


def test_images_out_of_range_are_refused():
    with pytest.raises(ValueError, match=r"floats in \[0, 1\]"):
        extractor()(np.full([2, 2, 2, 3], 200.0))


def test_the_name_of_the_inception_graph_is_taken():
    with pytest.raises(ValueError, match="FID"):
        features.FunctionExtractor(means, name=features.INCEPTION, dim=3)
