# SPDX-License-Identifier: Apache-2.0
"""The density of the noise of a flow that is a prior."""

__all__ = ["make"]

from glf_tf import errors, types
from glf_tf.priors import labelled, mixture, prior, standard_normal


def make(
    spec: types.Prior, *, components: int, num_classes: int, like: prior.AbstractPrior
) -> prior.AbstractPrior:
    """Returns the density of the noise of a prior of the same size.

    Raises:
        InvalidValue: It is a flow itself, or is not learned by its likelihood.
    """
    size = {"latent_dim": like.latent_dim, "num_classes": num_classes}
    made = labelled.make(spec, **size, name="noise")
    if isinstance(made, type(like)) or isinstance(like, type(made)):
        raise errors.InvalidValue(
            "The noise of a flow must not be that of another flow",
            received=type(made).__name__,
            do="Use one flow of more blocks, or for instance noise=student_t",
        )
    if made.term_names != ("nll",):
        raise errors.InvalidValue(
            "The noise of a flow is learned by its likelihood, or fitted",
            received=f"{type(made).__name__}, whose terms are "
            f"{', '.join(made.term_names)}",
            do="Use another density, such as student_t, or it alone as --prior",
        )
    if components and isinstance(made, standard_normal.StandardNormalPrior):
        return mixture.MixturePrior(
            like.latent_dim,
            components=components,
            dtype=like.dtype_policy,
            name="noise",
        )
    return made
