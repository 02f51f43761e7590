# SPDX-License-Identifier: Apache-2.0
"""Charts of a page: a term a chart, of training and of held-out images together."""

__all__ = ["charts", "terms"]

import io
from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib import figure as figure_lib

from glf_tf.plotting import panels
from glf_tf.report import runs as runs_lib
from glf_tf.training import board

_TRAINED, _HELD_OUT = "epoch/", ("test/", "validation/")
_EVALUATED = "evaluation/"


def terms(runs: Sequence[runs_lib.Run]) -> list[str]:
    """Returns the names of charts: terms that were tested first, then the others."""
    names = {name for run in runs for name in run.history.names}
    trained = {n.removeprefix(_TRAINED) for n in names if n.startswith(_TRAINED)}
    trained.discard(board.SPEED)
    tested = {term for term in trained if any(f"{h}{term}" in names for h in _HELD_OUT)}
    evaluated = sorted(name for name in names if name.startswith(_EVALUATED))
    return [*sorted(tested), *sorted(trained - tested), *evaluated]


def charts(runs: Sequence[runs_lib.Run]) -> dict[str, str]:
    """Returns SVG elements by the name of their term; of those that have two points."""
    drawn = {term: _chart(runs, term) for term in terms(runs)}
    return {term: svg for term, svg in drawn.items() if svg}


def _chart(runs: Sequence[runs_lib.Run], term: str) -> str:
    figure = figure_lib.Figure(figsize=(4.6, 2.9), layout="constrained")
    axes = figure.subplots()
    most = 0
    for index, run in enumerate(runs):
        colour = panels.colour(index)
        for name, style in _lines(term):
            curve = run.history.curve(name)
            shown = np.isfinite(curve.values)
            most = max(most, int(np.sum(shown)))
            axes.plot(curve.epochs[shown], curve.values[shown], style, color=colour)
    if most < 2:
        return ""
    axes.set_xlabel("epochs")
    axes.locator_params(axis="x", integer=True)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    return _svg(figure)


def _lines(term: str) -> list[tuple[str, str]]:
    """Returns the scalars of a term, with the style of their lines."""
    if term.startswith(_EVALUATED):
        return [(term, "-")]
    held_out = [(f"{prefix}{term}", "--") for prefix in _HELD_OUT]
    return [(f"{_TRAINED}{term}", "-"), *held_out]


def _svg(figure: figure_lib.Figure) -> str:
    """Returns the element alone; equal figures give equal texts."""
    stream = io.StringIO()
    how = {"svg.fonttype": "none", "svg.hashsalt": "glf_tf"}
    with mpl.rc_context(how):
        figure.savefig(stream, format="svg", metadata={"Date": None})
    text = stream.getvalue()
    return text[text.index("<svg") :]
