# SPDX-License-Identifier: Apache-2.0
"""Pictures of the most and the least anomalous images, beside their reconstructions."""

__all__ = ["draw", "of_detection", "of_judgement"]

from collections.abc import Sequence

import numpy as np
from matplotlib import axes as axes_lib
from matplotlib import figure as figure_lib

from glf_tf.evaluation import detection, judging
from glf_tf.evaluation import extremes as extremes_lib
from glf_tf.tasks import infer

_COLUMNS = 4
_ANOMALY, _NORMAL = "#D55E00", "#000000"


_NAME = 26
"""The most letters of an image's name."""

_WIDTH, _HEAD, _SECTION, _ROW, _CAPTION = 9.6, 0.55, 0.3, 1.55, 0.38
"""Lengths in the figure, in inches: of rows, the caption is a part."""


def of_detection(detected: detection.Detection, *, weight: float) -> figure_lib.Figure:
    """Returns the figure of a run's test images.

    Args:
        detected: The run.
        weight: Weight in the scores, of the likelihood or of the first term.
    """
    asked, score = detected.anomaly_set, detected.densities.score(weight=weight)
    return draw(
        asked.images,
        detected.extremes[weight],
        captions=_captions(asked.names, score),
        is_anomaly=asked.is_anomaly,
        title=f"{detected.title}\nscore: {detected.densities.formula(weight)}; "
        "anomalies in orange",
    )


def of_judgement(judged: judging.Judgement) -> figure_lib.Figure:
    """Returns the figure of a user's images."""
    return draw(
        judged.images,
        judged.extremes,
        captions=_captions(judged.names, judged.score, judged.p_values),
        title=judged.title,
    )


def _captions(
    names: Sequence[str], score: np.ndarray, p_values: np.ndarray | None = None
) -> list[str]:
    """Returns what is written under images: name, score and p-value."""
    found = []
    for index, name in enumerate(names):
        short = name if len(name) <= _NAME else f"...{name[3 - _NAME :]}"
        p = "" if p_values is None else f", p = {p_values[index]:.3g}"
        found.append(f"{short}\n{score[index]:.5g}{p}")
    return found


def draw(
    images: np.ndarray,
    extremes: extremes_lib.Extremes,
    *,
    captions: Sequence[str],
    is_anomaly: np.ndarray | None = None,
    title: str = "",
) -> figure_lib.Figure:
    """Returns the figure: the most anomalous images above, the least below.

    Args:
        images: All images, `[size, height, width, channels]`, uint8 or in [0, 1].
        extremes: Which are shown, and their reconstructions, drawn to their right.
        captions: Of all images, by index.
        is_anomaly: bool `[size]`; captions of anomalies are orange. None if it is not
            known.
        title: The title.
    """
    groups = {"most anomalous": extremes.most, "least anomalous": extremes.least}
    rows = [-(-len(indices) // _COLUMNS) for indices in groups.values()]
    height = _HEAD + _SECTION * len(rows) + _ROW * sum(rows)
    figure = figure_lib.Figure(figsize=(_WIDTH, height), dpi=150)
    top, pairs = 1.0 - _HEAD / height, iter(_pairs(images, extremes))
    figure.text(0.5, (1.0 + top) / 2, title, ha="center", va="center", fontsize=10)
    for name, indices in groups.items():
        top -= _SECTION / height
        figure.text(0.02, top + 0.06 / height, name, fontsize=10, weight="bold")
        for place, index in enumerate(indices):
            row, column = divmod(place, _COLUMNS)
            bottom = top - ((row + 1) * _ROW - _CAPTION) / height
            size = (0.94 / _COLUMNS, (_ROW - _CAPTION - 0.05) / height)
            cell = figure.add_axes((0.02 + 0.97 * column / _COLUMNS, bottom, *size))
            is_marked = is_anomaly is not None and is_anomaly[index]
            _draw_pair(cell, next(pairs), captions[index], is_marked=is_marked)
        top -= -(-len(indices) // _COLUMNS) * _ROW / height
    return figure


def _pairs(images: np.ndarray, extremes: extremes_lib.Extremes) -> list[np.ndarray]:
    """Returns each shown image, with its reconstruction to its right."""
    chosen = np.concatenate([extremes.most, extremes.least])
    found = infer.to_unit(images[chosen])
    if extremes.reconstructions is None:
        return list(found)
    gap = np.ones((*found.shape[:2], max(1, found.shape[2] // 14), found.shape[3]))
    return list(np.concatenate([found, gap, extremes.reconstructions], axis=2))


def _draw_pair(
    cell: axes_lib.Axes, pair: np.ndarray, caption: str, *, is_marked: bool
) -> None:
    grey = pair.shape[-1] == 1
    shown = pair[..., 0] if grey else np.clip(pair, 0.0, 1.0)
    cell.imshow(shown, cmap="gray", vmin=0.0, vmax=1.0)
    cell.set_axis_off()
    colour = _ANOMALY if is_marked else _NORMAL
    # The names of users' files may hold what matplotlib takes for mathematics.
    plain = caption.replace("$", r"\$")
    cell.text(
        *(0.5, -0.05, plain),
        transform=cell.transAxes,
        ha="center",
        va="top",
        fontsize=7,
        color=colour,
    )
