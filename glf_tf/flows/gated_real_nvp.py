# SPDX-License-Identifier: Apache-2.0
"""Affine couplings with gated networks, as in the tutorial of the UvA.

Lippe: UvA Deep Learning Tutorials, tutorial 11: Normalizing Flows for image modeling.
https://uvadlc-notebooks.readthedocs.io
"""

__all__ = ["GatedRealNVP"]

import keras

from glf_tf import errors, types
from glf_tf.bijectors import factor_out, image_coupling, squeeze
from glf_tf.flows import flow, image_flow


@keras.saving.register_keras_serializable(package="glf_tf")
class GatedRealNVP(image_flow.AbstractImageFlow):
    """Couplings of a checkerboard, then levels of a squeeze and couplings of channels.

    From the second level of channels on, half of the channels are factored out to
    N(0, I) before the squeeze. The defaults are the tutorial's multi-scale flow; its
    simple one has `couplings=(8,)` and `hidden=(32,)`.

    Deviation: the networks of couplings of channels see the kept half alone, where the
    tutorial's have zeros in place of the other.

    Args:
        event_shape: (height, width, channels).
        couplings: Number of couplings of each level; the first has no squeeze.
        hidden: Number of hidden channels of each level.
        depth: Number of gated blocks of each network.
        recompute: Whether gradients compute inner values again: less memory, more time.
    """

    def __init__(
        self,
        event_shape: types.ImageShape,
        *,
        couplings: tuple[int, ...] = (2, 2, 4),
        hidden: tuple[int, ...] = (32, 48, 64),
        depth: int = 3,
        recompute: bool = False,
        **kwargs,
    ):
        flow.check_sizes(depth=depth)
        self._couplings, self._hidden = tuple(couplings), tuple(hidden)
        _check_sizes(self._couplings, self._hidden)
        image_flow.check_levels(event_shape, len(self._couplings), whole=1)
        self._depth = depth
        super().__init__(event_shape, recompute=recompute, **kwargs)

    def make_steps(self) -> list:
        """Returns new steps; the first one is next to the data."""
        steps, shape, common = [], self.event_shape, {"dtype": self.dtype_policy}
        for level in range(len(self._couplings)):
            name = f"level_{level}"
            if level > 1:
                steps.append(self._factor_out(shape, name, kept=shape[-1] // 2))
                shape = steps[-1].kept_shape
            if level > 0:
                steps.append(squeeze.Squeeze(shape, name=f"{name}_squeeze", **common))
                shape = steps[-1].noise_shape
            steps += [
                self._coupling(shape, name, level, index)
                for index in range(self._couplings[level])
            ]
        return [*steps, self._factor_out(shape, "last", kept=0)]

    def _factor_out(
        self, shape: types.ImageShape, name: str, *, kept: int
    ) -> factor_out.FactorOut:
        return factor_out.FactorOut(
            shape,
            kept=kept,
            is_learned=False,
            name=f"{name}_factor_out",
            dtype=self.dtype_policy,
        )

    def _coupling(
        self, shape: types.ImageShape, name: str, level: int, index: int
    ) -> image_coupling.ImageCoupling:
        halves = ("second", "first") if level else ("first", "second")
        return image_coupling.ImageCoupling(
            shape,
            network={
                "name": "gated",
                "hidden": int(self._hidden[level]),
                "depth": self._depth,
            },
            masking="channels" if level else "checkerboard",
            transforms=halves[index % 2],
            scale="stretched_tanh",
            name=f"{name}_coupling_{index}",
            dtype=self.dtype_policy,
        )


def _check_sizes(couplings: tuple[int, ...], hidden: tuple[int, ...]) -> None:
    sizes = (*couplings, *hidden)
    is_whole = all(isinstance(size, int) and size > 0 for size in sizes)
    if not couplings or len(couplings) != len(hidden) or not is_whole:
        raise errors.InvalidValue(
            "`couplings` and `hidden` must have one positive whole number a level",
            received=f"couplings={couplings}, hidden={hidden}",
            do="Use for instance couplings=(2, 2, 4) and hidden=(32, 48, 64)",
        )
