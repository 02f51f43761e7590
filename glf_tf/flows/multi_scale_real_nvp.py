# SPDX-License-Identifier: Apache-2.0
"""RealNVP on images, in several scales.

Dinh, Sohl-Dickstein, Bengio: Density estimation using Real NVP, 2016, and its released
code. https://arxiv.org/abs/1605.08803
"""

__all__ = ["MultiScaleRealNVP"]

import math
from typing import Literal

import keras

from glf_tf import errors, types
from glf_tf.bijectors import batch_norm, factor_out, image_coupling, squeeze, step
from glf_tf.flows import flow, image_flow


@keras.saving.register_keras_serializable(package="glf_tf")
class MultiScaleRealNVP(image_flow.AbstractImageFlow):
    """Scales of couplings of a checkerboard, a squeeze, and couplings of channels.

    Each scale but the last ends with half of the channels factored out to N(0, I), and
    the next has networks of twice the width. Batch normalisation of the transformed
    half follows each coupling.

    Deviation: moments, and the networks' normalisation, as `BatchNormStep` and
    `ResidualConditioner` say.

    Args:
        event_shape: (height, width, channels).
        levels: Number of scales; the paper halves 32 x 32 pixels until there are 4 x 4,
            and CIFAR-10 once.
        hidden: Number of hidden channels of the first scale; the paper has 32, and 64
            for CIFAR-10.
        depth: Number of residual blocks of each network; the paper has 4 at 32 x 32
            pixels, 2 at 64 x 64 and 8 for CIFAR-10.
        scale: The couplings' log-scale. The paper's is "rescaled_tanh", whose factor
            starts at 0 in couplings of a checkerboard and at 1 in those of channels.
        batch_norm: Whether batch normalisation follows the couplings.
        averaging: Weight of the moving averages among its moments in training.
        scale_l2: Weight, in the loss, of the squares of the learned norms of kernels.
        recompute: Whether gradients compute inner values again: less memory, more time.
            The moving averages of networks then move twice a step.
    """

    def __init__(
        self,
        event_shape: types.ImageShape,
        *,
        levels: int = 2,
        hidden: int = 32,
        depth: int = 4,
        scale: Literal["tanh", "rescaled_tanh", "exp", "none"] = "rescaled_tanh",
        batch_norm: bool = True,
        averaging: float = 0.0,
        scale_l2: float = 0.0,
        recompute: bool = False,
        **kwargs,
    ):
        flow.check_sizes(hidden=hidden, depth=depth)
        _check_l2(scale_l2)
        image_flow.check_levels(event_shape, levels, whole=1)
        _check_averaging(averaging)
        self._levels, self._scale = levels, scale
        self._hidden, self._depth, self._scale_l2 = int(hidden), depth, scale_l2
        self._batch_norm, self._averaging = batch_norm, averaging
        super().__init__(event_shape, recompute=recompute, **kwargs)

    def make_steps(self) -> list:
        """Returns new steps; the first one is next to the data."""
        steps, shape = [], self.event_shape
        for level in range(self._levels):
            name, is_last = f"level_{level}", level == self._levels - 1
            halves = ("second", "first", "second") + ("first",) * is_last
            for index, half in enumerate(halves):
                steps += self._coupling(
                    shape, f"{name}_checkerboard_{index}", level, half, "checkerboard"
                )
            if not is_last:
                steps += self._of_channels(shape, name, level)
                shape = steps[-1].noise_shape
            steps.append(
                factor_out.FactorOut(
                    shape,
                    kept=0 if is_last else shape[-1] // 2,
                    is_learned=False,
                    name=f"{name}_factor_out",
                    dtype=self.dtype_policy,
                )
            )
            shape = steps[-1].kept_shape
        return steps

    def _of_channels(self, shape: types.ImageShape, name: str, level: int) -> list:
        """Returns a squeeze, couplings of channels, and the order to factor out."""
        common = {"dtype": self.dtype_policy}
        steps = [squeeze.Squeeze(shape, name=f"{name}_squeeze", **common)]
        shape = steps[0].noise_shape
        for index, half in enumerate(("second", "first", "second")):
            steps += self._coupling(
                shape, f"{name}_channels_{index}", level + 1, half, "channels"
            )
        return [*steps, squeeze.Reorder(shape, name=f"{name}_reorder", **common)]

    def _coupling(
        self,
        shape: types.ImageShape,
        name: str,
        doublings: int,
        half: str,
        masking: str,
    ) -> list[step.AbstractFlowStep]:
        """Returns a coupling and its batch normalisation."""
        common = {
            "masking": masking,
            "transforms": half,
            "dtype": self.dtype_policy,
        }
        is_checkerboard = masking == "checkerboard"
        network = {
            "name": "residual",
            "hidden": self._hidden * 2**doublings,
            "depth": self._depth,
            "scale_l2": self._scale_l2,
        }
        steps = [
            image_coupling.ImageCoupling(
                shape,
                network=network,
                scale=self._scale,
                rescale_start=0.0 if is_checkerboard else 1.0,
                shows_mask=is_checkerboard,
                name=name,
                **common,
            )
        ]
        if self._batch_norm:
            steps.append(
                batch_norm.BatchNormStep(
                    shape, averaging=self._averaging, name=f"{name}_norm", **common
                )
            )
        return steps


def _check_averaging(averaging: float) -> None:
    if not 0.0 <= averaging < 1.0:
        raise errors.InvalidValue(
            "`averaging`, the weight of moving averages, must be from 0 to below 1",
            received=f"averaging={averaging}",
            do="Use 0 for the moments of the batch alone, or 0.9",
        )


def _check_l2(scale_l2: float) -> None:
    if not 0.0 <= scale_l2 < math.inf:
        raise errors.InvalidValue(
            "`scale_l2` is a weight and must not be negative",
            received=f"scale_l2={scale_l2}",
            do="Use 0 or a positive number",
        )
