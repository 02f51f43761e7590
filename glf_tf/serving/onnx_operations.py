# SPDX-License-Identifier: Apache-2.0
"""Operations of TensorFlow that tf2onnx does not know, made of those that ONNX has.

    expm1(x) = tanh(x / 2) * (exp(x) + 1)
    log1p(x) = 2 * atanh(x / (2 + x)) if |x| < 1/2, else log(1 + x)
    erfc(x) = 1 - erf(x)

The first two keep all digits of small x; erfc has an error of 1e-7, which is much where
it is small itself.
"""

__all__ = ["HANDLERS"]

from collections.abc import Callable
from typing import Any

import numpy as np

_SMALL = 0.5


class _Maker:
    """Makes nodes of the shape and type of one that they replace."""

    def __init__(self, graph: Any, node: Any):
        self._graph, self._node = graph, node
        self._dtype = graph.get_dtype(node.output[0])
        self._shape = graph.get_shape(node.output[0])
        self.input = node.input[0]

    def make(self, kind: str, *inputs: str, **how) -> str:
        """Returns the output of a new node."""
        return self._graph.make_node(kind, list(inputs), **how).output[0]

    def number(self, value: float) -> str:
        """Returns a constant."""
        from tf2onnx import utils

        name = utils.make_name(self._node.name)
        dtype = utils.map_onnx_to_numpy_type(self._dtype)
        return self._graph.make_const(name, np.asarray(value, dtype)).output[0]

    def finish(self, kind: str, *inputs: str) -> None:
        """Puts a node at the place of the one that is replaced."""
        outputs = self._node.output
        self._graph.remove_node(self._node.name)
        how = {"outputs": outputs, "shapes": [self._shape], "dtypes": [self._dtype]}
        self._graph.make_node(kind, list(inputs), **how)


def _expm1(maker: _Maker) -> None:
    x, make = maker.input, maker.make
    half = make("Tanh", make("Mul", x, maker.number(0.5)))
    maker.finish("Mul", half, make("Add", make("Exp", x), maker.number(1.0)))


def _log1p(maker: _Maker) -> None:
    x, make = maker.input, maker.make
    is_small = make("Less", make("Abs", x), maker.number(_SMALL))
    ratio = make("Div", x, make("Add", x, maker.number(2.0)))
    small = make("Mul", make("Atanh", ratio), maker.number(2.0))
    large = make("Log", make("Add", x, maker.number(1.0)))
    maker.finish("Where", is_small, small, large)


def _erfc(maker: _Maker) -> None:
    maker.finish("Sub", maker.number(1.0), maker.make("Erf", maker.input))


def _handler(made: Callable[[_Maker], None]) -> tuple[Callable, list]:
    """Returns what tf2onnx calls for a node of the kind."""

    def handle(graph, node, name, args):
        del name, args
        made(_Maker(graph, node))

    return handle, []


HANDLERS = {
    "Expm1": _handler(_expm1),
    "Log1p": _handler(_log1p),
    "Erfc": _handler(_erfc),
}
"""As `tf2onnx.convert.from_function` takes them, by operation."""
