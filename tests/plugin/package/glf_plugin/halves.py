# SPDX-License-Identifier: Apache-2.0
"""A flow of two couplings."""

__all__ = ["Halves"]

from glf_tf.bijectors import coupling
from glf_tf.flows import flow


class Halves(flow.AbstractFlow):
    """Transforms the first half given the second, then the second given the first.

    Args:
        hidden: Width of the hidden layers.
    """

    def __init__(self, event_dim: int, *, hidden: int = 16, **kwargs):
        self.hidden = hidden
        super().__init__(event_dim, **kwargs)

    def make_steps(self):
        """Returns new steps; the first one is next to the data."""
        kwargs = {"hidden": self.hidden, "batch_norm": False}
        return [
            coupling.Coupling(self.event_dim, transforms=half, name=half, **kwargs)
            for half in ("first", "second")
        ]
