# SPDX-License-Identifier: Apache-2.0
"""Tests of glf_tf.metrics.auprc: by hand and against scikit-learn."""

import numpy as np
import pytest
import sklearn.metrics

from glf_tf.metrics import auprc


def test_detection_scores_agree_with_scikit_learn():
    rng = np.random.default_rng(2)
    labels = rng.random(500) < 0.1
    score = rng.normal(size=500) + labels
    result = auprc.scores(labels, score=score)
    assert result.average_precision == pytest.approx(
        sklearn.metrics.average_precision_score(labels, score)
    )
    assert result.auroc == pytest.approx(sklearn.metrics.roc_auc_score(labels, score))
    precision, recall, _ = sklearn.metrics.precision_recall_curve(labels, score)
    assert result.trapezoid == pytest.approx(sklearn.metrics.auc(recall, precision))
    assert result.chance == pytest.approx(labels.mean())
    assert result.count == 500


def test_average_precision_of_four_by_hand():
    result = auprc.scores([1, 0, 1, 0], score=[4.0, 3.0, 2.0, 1.0])
    # Anomalies at ranks 1 and 3: precisions 1 and 2/3.
    assert result.average_precision == pytest.approx(5 / 6)
    assert result.auroc == pytest.approx(3 / 4)


def test_the_worst_score_comes_near_the_floor():
    labels = np.arange(20_000) < 2000
    result = auprc.scores(labels, score=labels * -1.0 + np.linspace(0, 0.1, 20_000))
    assert result.average_precision == pytest.approx(result.floor, abs=1e-3)
    assert result.floor == pytest.approx(0.0518, abs=1e-4)
    assert result.auroc == 0


@pytest.mark.parametrize(
    ("labels", "score", "word"),
    [
        ([0, 1], [0.0, 1.0, 2.0], "one shape"),
        ([0, 1], [0.0, np.nan], "finite"),
        ([0, 0], [0.0, 1.0], "both anomalies"),
        ([0, 2], [0.0, 1.0], "nothing else"),
    ],
)
def test_detection_scores_refuse_bad_input(labels, score, word):
    with pytest.raises(ValueError, match=word):
        auprc.scores(labels, score=score)
