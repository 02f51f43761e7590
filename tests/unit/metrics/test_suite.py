# SPDX-License-Identifier: Apache-2.0
"""Tests of glf_tf.metrics.suite: all numbers, honest names, honest protocols."""

import dataclasses

import numpy as np
import pytest

from glf_tf.metrics import protocol, reference, suite, vectors
from glf_tf.metrics.extractors import features


@pytest.fixture(scope="module")
def real():
    pixels = np.random.default_rng(0).integers(0, 256, [80, 4, 4, 1]).astype(np.uint8)
    extractor = features.FunctionExtractor(
        lambda x: x.reshape(len(x), -1)[:, :6], name="corner", dim=6, checksum="c"
    )
    return reference.Reference(pixels, extractor=extractor, split="test")


def settings(real, **changes):
    fields = {
        "source": "samples",
        "dataset": "noise",
        "samples": 50,
        "trials": 2,
        "rounded": False,
        "crop": "",
        "sampling": "plain",
        "seed": 1,
    }
    return protocol.Protocol(**(real.identity | fields | changes))


def draw(seed):
    return vectors.generator(seed).random([50, 6])


def test_every_metric_yields_numbers_with_titles(real):
    numbers = suite.compute(list(suite.METRICS), samples=draw(0), real=real, seed=0)
    assert set(numbers) == {
        "fd",
        "fd_infinity",
        "kid",
        "prd_f_8",
        "prd_f_1_8",
        "precision",
        "recall",
        "density",
        "coverage",
    }
    for key, value in numbers.items():
        assert isinstance(value, float)
        assert np.isfinite(value)
        assert suite.title(key, extractor="corner").endswith("-corner")


def test_only_the_2015_graph_makes_a_fid():
    assert suite.title("fd", extractor=features.INCEPTION) == "FID"
    assert suite.title("kid", extractor=features.INCEPTION) == "KID"
    title = suite.title("fd", extractor="classifier(mnist)")
    assert title == "FD-classifier(mnist)"


def test_measure_runs_independent_trials(real):
    seen = []

    def noting_draw(seed):
        seen.append(draw(seed))
        return seen[-1]

    measurements = suite.measure(
        ["fd", "precision_recall"], draw=noting_draw, real=real, settings=settings(real)
    )
    assert len(seen) == 2
    assert not np.array_equal(seen[0], seen[1])
    assert [item.metric for item in measurements] == [
        "fd",
        "precision",
        "recall",
        "density",
        "coverage",
    ]
    assert all(len(item.values) == 2 for item in measurements)
    assert measurements[0].title == "FD-corner"


def test_measure_repeats_with_its_seed(real):
    def values(seed):
        (one,) = suite.measure(
            ["kid"], draw=draw, real=real, settings=settings(real, seed=seed)
        )
        return one.values

    assert values(1) == values(1)
    assert values(1) != values(2)


def test_too_few_samples_are_noted_in_the_measurement(real):
    few = settings(real, samples=5, trials=1)
    with pytest.warns(vectors.SmallSampleWarning):
        fd, kid = suite.measure(
            ["fd", "kid"], draw=lambda seed: draw(seed)[:5], real=real, settings=few
        )
    assert "biased" in fd.notes[0]
    assert kid.notes == ()


def test_unknown_metric_suggests_the_closest(real):
    with pytest.raises(ValueError, match="Did you mean kid"):
        suite.compute(["kidd"], samples=draw(0), real=real, seed=0)


@pytest.mark.parametrize(
    "changes",
    [
        {"extractor": "inception-2015-12-05"},
        {"extractor_checksum": "d"},
        {"reference_digest": "e"},
        {"references": 81},
    ],
)
def test_a_protocol_that_tells_another_story_is_refused(real, changes):
    false = dataclasses.replace(settings(real), **changes)
    with pytest.raises(ValueError, match="must name the extractor"):
        suite.measure(["fd"], draw=draw, real=real, settings=false)


def test_another_count_than_stated_is_refused(real):
    with pytest.raises(ValueError, match="50 samples, samples=60"):
        suite.measure(["fd"], draw=draw, real=real, settings=settings(real, samples=60))
