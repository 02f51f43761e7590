# SPDX-License-Identifier: Apache-2.0
"""Fits of a mixture of 50 components to 60,000 codes of 20 dimensions.

python mixture_worker.py CASE [scikit-learn]

Both libraries fit the same codes until an iteration gains less than 1e-3 nats, in units
of the codes' deviations; the results have the average log-likelihood that was reached.
"""

import sys

import codes as codes_lib
import numpy as np
import worker

_SIZE, _DIM, _COMPONENTS = 60_000, codes_lib.DIM, 50
_TOLERANCE, _MAX_ITERATIONS, _LEAST_VARIANCE = 1e-3, 500, 1e-6


def _ours():
    from glf_tf.priors import mixture

    prior = mixture.MixturePrior(
        _DIM,
        components=_COMPONENTS,
        tolerance=_TOLERANCE,
        max_iterations=_MAX_ITERATIONS,
    )
    z = codes_lib.codes(_SIZE)

    def fit():
        prior.fit(z)
        starts = range(0, _SIZE, 1000)
        return np.mean([prior.log_prob(z[start : start + 1000]) for start in starts])

    return fit


def _scikit_learn():
    from sklearn import mixture

    model = mixture.GaussianMixture(
        _COMPONENTS,
        tol=_TOLERANCE,
        max_iter=_MAX_ITERATIONS,
        reg_covar=_LEAST_VARIANCE,
        random_state=0,
    )
    z = codes_lib.codes(_SIZE)
    return lambda: model.fit(z).score(z)


def _fits():
    fit = _scikit_learn() if "scikit-learn" in sys.argv[2:] else _ours()
    about = {}

    def run(times):
        for _ in range(times):
            about["nats"] = f"{fit():.3f} nats a code"

    return worker.Work(run, 1, about=about)


if __name__ == "__main__":
    worker.serve({"fit_mixture": _fits})
