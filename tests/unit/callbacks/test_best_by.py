# SPDX-License-Identifier: Apache-2.0
"""Which scalars may choose the best checkpoint."""

import pytest

from glf_tf import errors
from glf_tf.callbacks import reports
from tests import descriptors


def allowed(name):
    """The scalars of held-out images that a model of the list offers."""
    with pytest.raises(errors.InvalidValue, match="whose minimum") as caught:
        check(name, "nothing")
    listed = caught.value.do.rpartition(": ")[2].split(", ")
    return {scalar.removeprefix("test/") for scalar in listed}


def check(name, best_by):
    how = {"split": "test", "metric": "fd", "model": descriptors.model(name)}
    reports.check_best_by(best_by, **how)


def test_terms_of_players_choose_no_checkpoint():
    """A critic that is less often right is no sign of a better generator."""
    assert allowed("gan_relativistic") == {"evaluation/fd"}
    assert allowed("began_convolutional") == {"evaluation/fd", "convergence"}


@pytest.mark.parametrize(
    ("name", "term"),
    [("glf", "reconstruction"), ("glf", "nll"), ("wae_gan", "reconstruction")],
)
def test_losses_do(name, term):
    assert term in allowed(name)
    check(name, f"test/{term}")
