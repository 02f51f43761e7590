# SPDX-License-Identifier: Apache-2.0
"""Glow on images.

Kingma, Dhariwal: Glow: Generative Flow with Invertible 1x1 Convolutions, 2018, and its
released code. https://arxiv.org/abs/1807.03039
"""

__all__ = ["Glow"]

from typing import Literal

import keras

from glf_tf import seeds, types
from glf_tf.bijectors import actnorm, factor_out, image_coupling, linear, squeeze, step
from glf_tf.flows import flow, image_flow


@keras.saving.register_keras_serializable(package="glf_tf")
class Glow(image_flow.AbstractImageFlow):
    """Levels of a squeeze, and of steps of `ActNorm`, 1x1 convolution and coupling.

    After each level but the last, half of the channels are factored out.

    Deviation: the 1x1 convolutions are learned as LU factors by default, which the
        release has as an option. The scale is bounded on both sides by default;
        "sigmoid" is the release's with a minimum of 0.001, "none" its additive
        coupling, of which it drew its pictures.

    Args:
        event_shape: (height, width, channels).
        levels: Number of levels; the paper has 3 for 32 x 32 pixels.
        blocks: Number of steps in each level; the paper has 32.
        hidden: Number of hidden channels of the couplings; the paper has 512.
        scale: The couplings' log-scale.
        linear: What the 1x1 convolutions learn: LU factors, or the matrix itself.
        learned_prior: Whether mean and deviation of what is factored out are learned.
        order: The order of the squeezed channels.
        rotation_seed: The convolution of step k, counted through all levels, starts as
            the rotation of seed `rotation_seed + k`.
        recompute: Whether gradients compute inner values again: less memory, more time.
    """

    def __init__(
        self,
        event_shape: types.ImageShape,
        *,
        levels: int = 2,
        blocks: int = 8,
        hidden: int = 64,
        scale: Literal["tanh", "sigmoid", "exp", "none"] = "tanh",
        linear: linear.Parameters = "lu",
        learned_prior: bool = True,
        order: squeeze.Order = "colour",
        rotation_seed: int = 0,
        recompute: bool = False,
        **kwargs,
    ):
        flow.check_sizes(blocks=blocks, hidden=hidden)
        seeds.check_not_negative(rotation_seed=rotation_seed)
        image_flow.check_levels(event_shape, levels)
        self._levels, self._blocks, self._hidden = levels, blocks, int(hidden)
        self._scale, self._learned_prior = scale, learned_prior
        self._linear = linear
        self._order, self._rotation_seed = order, rotation_seed
        super().__init__(event_shape, recompute=recompute, **kwargs)

    def make_steps(self) -> list:
        """Returns new steps; the first one is next to the data."""
        steps, shape = [], self.event_shape
        for level in range(self._levels):
            name, common = f"level_{level}", {"dtype": self.dtype_policy}
            first = squeeze.Squeeze(
                shape, order=self._order, name=f"{name}_squeeze", **common
            )
            shape = first.noise_shape
            steps.append(first)
            for block in range(self._blocks):
                number = level * self._blocks + block
                steps += self._block(shape, f"{name}_block_{block}", number)
            last = factor_out.FactorOut(
                shape,
                kept=shape[-1] // 2 if level < self._levels - 1 else 0,
                is_learned=self._learned_prior,
                name=f"{name}_factor_out",
                **common,
            )
            shape = last.kept_shape
            steps.append(last)
        return steps

    def _block(
        self, shape: types.ImageShape, name: str, number: int
    ) -> list[step.AbstractFlowStep]:
        common = {"dtype": self.dtype_policy}
        return [
            actnorm.ActNorm(shape, name=f"{name}_actnorm", **common),
            linear.Linear(
                shape,
                parameters=self._linear,
                seed=self._rotation_seed + number,
                name=f"{name}_linear",
                **common,
            ),
            image_coupling.ImageCoupling(
                shape,
                network={"name": "glow", "hidden": self._hidden},
                scale=self._scale,
                name=f"{name}_coupling",
                **common,
            ),
        ]
