# SPDX-License-Identifier: Apache-2.0
"""The latent flow of LFBM: steps of Glow, on vectors and without levels.

Xie, Zhu, Xu, Li, Li: A Tale of Two Latent Flows: Learning Latent Space Normalizing Flow
with Short-run Langevin Flow for Approximate Inference, 2023, and its released code.
https://arxiv.org/abs/2301.09300
Kingma, Dhariwal: Glow: Generative Flow with Invertible 1x1 Convolutions, 2018.
https://arxiv.org/abs/1807.03039
"""

__all__ = ["GlowVector"]

import keras

from glf_tf import seeds
from glf_tf.bijectors import actnorm, glow_coupling, linear, step
from glf_tf.flows import flow


@keras.saving.register_keras_serializable(package="glf_tf")
class GlowVector(flow.AbstractFlow):
    """Steps of `ActNorm`, a `Linear` map and a `GlowCoupling`, from data to noise.

    Args:
        event_dim: Size of the vectors.
        blocks: Number of steps.
        hidden: Width of the couplings' networks.
        rotation_seed: The linear map of step k starts as the rotation of seed
            `rotation_seed + k`.
    """

    def __init__(
        self,
        event_dim: int,
        *,
        blocks: int = 5,
        hidden: int = 64,
        rotation_seed: int = 0,
        **kwargs,
    ):
        flow.check_sizes(blocks=blocks, hidden=hidden)
        seeds.check_not_negative(rotation_seed=rotation_seed)
        self._blocks, self._hidden = blocks, hidden
        self._rotation_seed = rotation_seed
        super().__init__(event_dim, **kwargs)

    def make_steps(self) -> list[step.AbstractFlowStep]:
        """Returns new steps; the first one is next to the data."""
        return [step for block in range(self._blocks) for step in self._block(block)]

    def _block(self, block: int) -> list[step.AbstractFlowStep]:
        name, common = f"block_{block}", {"dtype": self.dtype_policy}
        return [
            actnorm.ActNorm(self.event_dim, name=f"{name}_actnorm", **common),
            linear.Linear(
                self.event_dim,
                seed=self._rotation_seed + block,
                name=f"{name}_linear",
                **common,
            ),
            glow_coupling.GlowCoupling(
                self.event_dim,
                hidden=self._hidden,
                condition_dim=self.condition_dim,
                name=f"{name}_coupling",
                **common,
            ),
        ]
