# SPDX-License-Identifier: Apache-2.0
"""Figures and tables of anomaly detection: ROC and precision-recall curves."""

__all__ = ["alarms_text", "draw", "table", "to_json"]

import json
from collections.abc import Sequence

import sklearn.metrics
from matplotlib import axes as axes_lib
from matplotlib import figure as figure_lib

from glf_tf.evaluation import detection, selection
from glf_tf.plotting import panels as panels_lib

_ON_TEST = (
    f"{selection.ON_TEST}: chosen on the test images, anomalies included; not what a "
    "detector chosen without them finds"
)


def draw(
    detections: Sequence[detection.Detection], *, weight: float
) -> figure_lib.Figure:
    """Returns the figure: a line per run, a colour per group, dotted lines for chance.

    Args:
        detections: The runs.
        weight: Weight in the scores, of the likelihood or of the first term.
    """
    shown = [run for run in detections if weight in run.weights]
    groups = [group for group in detection.groups(shown) if group.weight == weight]
    # The legend has a line per group below the axes, so the figure grows with it.
    size = (9.6, 4.6 + 0.21 * len(groups))
    figure = figure_lib.Figure(figsize=size, dpi=150, layout="constrained")
    roc, precision = figure.subplots(1, 2)
    _name_axes(roc, "ROC", "false positive rate", "true positive rate")
    _name_axes(precision, "precision and recall", "recall", "precision")
    roc.plot([0, 1], [0, 1], color="#888888", linestyle="dotted")
    places = [(group.identity, group.checkpoint) for group in groups]
    drawn = set()
    for run in shown:
        index = places.index((run.identity, run.checkpoint))
        label = None if index in drawn else _label(groups[index])
        drawn.add(index)
        _draw_run(roc, precision, run, weight=weight, index=index, label=label)
    handles, labels = precision.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", frameon=False)
    formulas = dict.fromkeys(run.densities.formula(weight) for run in shown)
    figure.suptitle(f"score: {', '.join(formulas)}", fontsize=11)
    return figure


def table(groups: Sequence[detection.Group]) -> str:
    """Returns the groups' measures as a text table, one group per line.

    A last line says which checkpoints were chosen on the test images, if any were.
    """
    head = ("anomalies", "weight", "checkpoint", "runs", *detection.NUMBERS)
    rows = [
        (
            group.title,
            f"{group.weight:g}",
            group.checkpoint,
            str(len(group.seeds)),
            *(_number(group, name) for name in detection.NUMBERS),
        )
        for group in groups
    ]
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in [head, *rows]
    ]
    if any(group.checkpoint == selection.ON_TEST for group in groups):
        lines.append(_ON_TEST)
    return "\n".join(line.rstrip() for line in lines)


def alarms_text(
    detections: Sequence[detection.Detection], *, false_alarms: float
) -> str:
    """Returns what thresholds report, a line for each detection and weight.

    Args:
        detections: The runs.
        false_alarms: The rate of false alarms that is asked for.
    """
    lines = []
    for found in detections:
        for weight in found.weights:
            alarms = found.alarms(weight, false_alarms=false_alarms)
            head = f"{found.run.name}, {found.checkpoint}, weight {weight:g}"
            lines.append(f"{head}: {alarms.summary()}")
    return "\n".join(lines)


def to_json(
    detections: Sequence[detection.Detection],
    groups: Sequence[detection.Group],
    *,
    false_alarms: float | None = None,
) -> str:
    """Returns all results as JSON: of each group and each run.

    Args:
        detections: The runs.
        groups: Groups of them; see `detection.groups`.
        false_alarms: The rate of false alarms of thresholds; None for none.
    """
    described = {
        "groups": [_group_of(group) for group in groups],
        "runs": [_run_of(found, false_alarms) for found in detections],
    }
    return json.dumps(described, indent=2)


def _group_of(group: detection.Group) -> dict:
    numbers = {
        name: {
            "mean": group.mean(name),
            "deviation": group.deviation(name),
            "values": list(group.values[name]),
        }
        for name in detection.NUMBERS
    }
    head = {
        "title": group.title,
        "weight": group.weight,
        "checkpoint": group.checkpoint,
        "is_chosen_on_test": group.checkpoint == selection.ON_TEST,
        "seeds": list(group.seeds),
        "steps": list(group.steps),
    }
    return {**head, **numbers}


def _run_of(found: detection.Detection, false_alarms: float | None) -> dict:
    return {
        "run": str(found.run),
        "title": found.title,
        "seed": found.seed,
        "checkpoint": found.checkpoint,
        "step": found.step,
        "latents": found.inferred_by,
        "images": len(found.anomaly_set.names),
        "scores": [_scores_of(found, w, false_alarms) for w in found.weights],
    }


def _scores_of(
    found: detection.Detection, weight: float, false_alarms: float | None
) -> dict:
    scores = found.scores(weight)
    numbers = {name: getattr(scores, name) for name in detection.NUMBERS}
    if false_alarms is not None:
        alarms = found.alarms(weight, false_alarms=false_alarms)
        numbers["alarms"] = alarms.to_dict()
    return {"weight": weight, **numbers}


def _draw_run(
    roc: axes_lib.Axes,
    precision: axes_lib.Axes,
    detected: detection.Detection,
    *,
    weight: float,
    index: int,
    label: str | None,
) -> None:
    look = panels_lib.look(index)
    truth, score = (
        detected.anomaly_set.is_anomaly,
        detected.densities.score(weight=weight),
    )
    false, true, _ = sklearn.metrics.roc_curve(truth, score)
    roc.plot(false, true, **look)
    values, recall, _ = sklearn.metrics.precision_recall_curve(truth, score)
    precision.plot(recall, values, label=label, **look)
    precision.axhline(truth.mean(), color=look["color"], linestyle="dotted")


def _name_axes(panel: axes_lib.Axes, title: str, x: str, y: str) -> None:
    panels_lib.plain(panel, title=title, x=x, y=y)
    panel.set_xlim(-0.01, 1.01)
    panel.set_ylim(-0.01, 1.01)
    panel.set_aspect("equal")


def _label(group: detection.Group) -> str:
    found = f"average precision {_number(group, 'average_precision')}"
    return f"{group.title}, {group.checkpoint}: {found}"


def _number(group: detection.Group, name: str) -> str:
    deviation = group.deviation(name)
    more = "" if deviation is None else f" ± {deviation:.3f}"
    return f"{group.mean(name):.3f}{more}"
