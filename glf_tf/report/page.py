# SPDX-License-Identifier: Apache-2.0
"""The page about runs: one HTML file that needs nothing else."""

__all__ = ["render"]

import html
from collections.abc import Iterable, Mapping, Sequence

from glf_tf.metrics import protocol, written
from glf_tf.plotting import panels
from glf_tf.report import charts as charts_lib
from glf_tf.report import nearest as nearest_lib
from glf_tf.report import runs as runs_lib
from glf_tf.training import board

_STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; color: #1a1a1a; background: #fff;
  max-width: 72rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .3rem; }
h2 { font-size: 1.2rem; margin: 2.4rem 0 .6rem; border-bottom: 1px solid #ddd; }
h3 { font-size: 1rem; margin: 1.2rem 0 .3rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; }
th, td { text-align: left; padding: .25rem .9rem .25rem 0; vertical-align: top;
  border-bottom: 1px solid #eee; }
td.number { text-align: right; white-space: nowrap; }
.grid { display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fill, minmax(min(20rem, 100%), 1fr)); }
figure { margin: 0; } figcaption { font-size: .85rem; color: #555; }
img, svg { max-width: 100%; height: auto; }
.warning { border-left: 4px solid #d55e00; padding: .3rem .8rem; background: #fdf3ec; }
.key { display: inline-block; width: 1.6rem; border-top: 3px solid; margin-right: .4rem;
  vertical-align: middle; }
pre { font-size: .8rem; overflow-x: auto; background: #f6f6f6; padding: .8rem; }
"""

_PICTURES = {
    "samples": "Samples",
    "reconstructions": "Reconstructions: an image, and what is made of its code",
    "interpolations": "Interpolations between samples",
    "density": "Density",
}


def render(
    runs: Sequence[runs_lib.Run],
    *,
    nearest: Mapping[str, nearest_lib.Nearest] | None = None,
) -> str:
    """Returns the page.

    Args:
        runs: The runs, with distinct labels.
        nearest: Samples beside what is nearest to them, by the label of their run.
    """
    title = runs[0].title if len(runs) == 1 else f"{len(runs)} runs"
    sections = [
        _warnings(runs),
        _section("What was trained", _facts(runs)),
        _section("Settings that differ", _different(runs)),
        _section("Measures", _measures(runs)),
        _section("Pictures", _pictures(runs)),
        _section("Curves", _curves(runs)),
        _section("Nearest training images", _nearest(nearest or {})),
        _section("Samples by step", _by_step(runs)),
        _section("All settings", _settings(runs)),
    ]
    body = "\n".join(filter(None, sections))
    named = ", ".join(run.label for run in runs)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>{_text(title)}</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>{_text(title)}</h1>
<p>{_text(named)}</p>
{body}
</body>
</html>
"""


def _section(title: str, content: str) -> str:
    return f"<section>\n<h2>{title}</h2>\n{content}\n</section>" if content else ""


def _warnings(runs: Sequence[runs_lib.Run]) -> str:
    return "\n".join(
        f'<p class="warning">{_text(f"{run.label}: {warning}")}.</p>'
        for run in runs
        for warning in run.warnings
    )


def _facts(runs: Sequence[runs_lib.Run]) -> str:
    names = dict.fromkeys(name for run in runs for name in run.facts)
    rows = [[name, *(run.facts.get(name, "") for run in runs)] for name in names]
    return _table(["", *(run.label for run in runs)], rows)


def _different(runs: Sequence[runs_lib.Run]) -> str:
    found = runs_lib.different(runs)
    rows = [[name, *values] for name, values in found.items()]
    return _table(["flag", *(run.label for run in runs)], rows) if rows else ""


def _measures(runs: Sequence[runs_lib.Run]) -> str:
    """Returns a row for each measure, and a column for each run."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for place, run in enumerate(runs):
        for each in run.measures:
            key = (each.title, each.protocol.source, _how(each.protocol))
            found.setdefault(key, [""] * len(runs))[place] = _number(each)
    rows = [[title, of, *cells, how] for (title, of, how), cells in found.items()]
    notes = dict.fromkeys(
        note for run in runs for each in run.measures for note in each.notes
    )
    head = ["measure", "of", *(run.label for run in runs), "how"]
    places = range(2, 2 + len(runs))
    below = "".join(f"<p>{_text(note)}</p>" for note in notes)
    return _table(head, rows, numbers=places) + below if rows else ""


def _number(found: protocol.Measurement) -> str:
    return written.number(found.mean, found.std)


def _how(used: protocol.Protocol) -> str:
    by = f"{used.extractor}: " if used.extractor else ""
    trials = f", {used.trials} draws" if used.trials > 1 else ""
    return (
        f"{by}{used.samples:,} against {used.references:,} {used.reference_split} "
        f"images{trials}"
    )


def _pictures(runs: Sequence[runs_lib.Run]) -> str:
    found = []
    for name, title in _PICTURES.items():
        figures = [
            _figure(url, f"{run.label}: {title}" if len(runs) > 1 else title)
            for run in runs
            if (url := run.picture(name))
        ]
        found += figures
    return _grid(found)


def _by_step(runs: Sequence[runs_lib.Run]) -> str:
    return _grid(
        _figure(url, f"{run.label}, step {step:,}")
        for run in runs
        for step, url in run.pictures_by_step("samples")
    )


def _nearest(found: Mapping[str, nearest_lib.Nearest]) -> str:
    return _grid(
        _figure(
            runs_lib.url_of(each.png),
            f"{label}: to the right of each sample its nearest training image, at a "
            f"distance of {each.distances.mean():.2f} on average",
        )
        for label, each in found.items()
    )


def _curves(runs: Sequence[runs_lib.Run]) -> str:
    drawn = charts_lib.charts(runs)
    if not drawn:
        return ""
    keys = " ".join(
        f'<span class="key" style="color: {colour}"></span>{_text(run.label)}'
        for run, colour in zip(runs, _colours(len(runs)), strict=True)
    )
    figures = [
        f"<figure>{svg}<figcaption>{_text(_told(term))}</figcaption></figure>"
        for term, svg in drawn.items()
    ]
    return (
        f"<p>{keys}. Solid: averages over training epochs; dashed: images that are not "
        f"for training.</p>{_grid(figures)}"
    )


def _told(term: str) -> str:
    """Returns a term with what it is, in units, where that is known."""
    what = board.description(term if "/" in term else f"epoch/{term}")
    return f"{term}: {what}" if what else term


def _colours(count: int) -> list[str]:
    return [panels.colour(index) for index in range(count)]


def _settings(runs: Sequence[runs_lib.Run]) -> str:
    return "\n".join(
        f"<details><summary>{_text(run.label)}</summary><pre>"
        + _text("\n".join(f"--{name}={value}" for name, value in run.settings.items()))
        + "</pre></details>"
        for run in runs
        if run.settings
    )


def _figure(url: str, caption: str) -> str:
    text = _text(caption)
    image = f'<img src="{url}" alt="{text}">'
    return f"<figure>{image}<figcaption>{text}</figcaption></figure>"


def _grid(figures: Iterable[str]) -> str:
    inside = "\n".join(figures)
    return f'<div class="grid">\n{inside}\n</div>' if inside else ""


def _table(
    head: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: Sequence[int] = ()
) -> str:
    def cell(place: int, text: str) -> str:
        kind = ' class="number"' if place in numbers else ""
        return f"<td{kind}>{_text(text)}</td>"

    top = "".join(f"<th>{_text(text)}</th>" for text in head)
    body = "\n".join(
        f"<tr>{''.join(cell(place, text) for place, text in enumerate(row))}</tr>"
        for row in rows
    )
    return f'<div class="scroll"><table><tr>{top}</tr>\n{body}</table></div>'


def _text(text: str) -> str:
    return html.escape(text)
