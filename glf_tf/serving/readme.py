# SPDX-License-Identifier: Apache-2.0
"""The model card of an exported folder, in Markdown, from its metadata."""

__all__ = ["text"]

import itertools
import json
from collections.abc import Collection, Iterator, Mapping

_TITLES = {
    "litert": "LiteRT",
    "onnx": "ONNX, with outputs called `output_NAME`",
    "web": "Page in a browser, of any file server: `python -m http.server -d web`",
}

_USE = """\
```python
import tensorflow as tf

served = tf.saved_model.load(FOLDER)  # keep it: its signatures use its variables
```

`{default}` is `serving_default`. `metadata.json` has all of this for programs, with the
names of tensors for TensorFlow's C API, and the SHA-256 of each file."""


def text(found: Mapping) -> str:
    """Returns the card.

    Args:
        found: The content of `metadata.json`.
    """
    return "\n\n".join(part for part in _parts(found) if part) + "\n"


def _parts(found: Mapping) -> Iterator[str]:
    model = found["model"]
    yield f"# {model['class']}, a generative model of {model['examples']}"
    if found["picture"]:
        yield f"![Samples of the model]({found['picture']})"
    yield from _training(found["run"], model["examples"])
    yield from _measures(found)
    yield "## Use"
    yield _USE.format(default=found["serving_default"])
    for name, signature in found["signatures"].items():
        if name != "serving_default":
            yield from _signature(name, signature)
    for name, reason in found["missing"].items():
        yield f"There is no `{name}`: {reason}."
    for name, other in found["formats"].items():
        yield _format(name, other)
    yield "## Licence"
    yield found["licence"]
    yield "## Made with"
    yield ", ".join(f"{name} {version}" for name, version in found["library"].items())


def _training(run: Mapping, noun: str) -> Iterator[str]:
    yield "## Training"
    if not run:
        yield "It was exported in Python, and its training is not known here."
        return
    data = run["data"]
    sizes = ", ".join(
        f"{count.get('images', count.get('vectors')):,} {split}"
        for split, count in data.items()
    )
    yield (
        f"Trained on `{_brief(run['dataset'])}` ({noun}: {sizes or 'not recorded'}), "
        f"to step {run['step']:,}."
    )
    yield f"The model: `{_brief(run['model'])}`."
    if run["recipe"]:
        yield (
            "<details><summary>All flags, but for where files lay: in a FILE, "
            "`glf-tf train --flagfile=FILE` repeats it.</summary>"
        )
        yield f"```\n{run['recipe'].strip()}\n```"
        yield "</details>"


def _brief(spec: Mapping) -> str:
    rest = {key: value for key, value in spec.items() if key != "name"}
    return spec["name"] + (f" {json.dumps(rest)}" if rest else "")


def _measures(found: Mapping) -> Iterator[str]:
    yield "## Measures"
    measures, evaluations = found["measures"], found["evaluations"]
    if not (measures or evaluations):
        yield "None are recorded."
    if measures:
        rows = {key: _number(value) for key, value in measures["values"].items()}
        yield f"Means over the test {found['model']['examples']} at step " + (
            f"{measures['step']:,} of training:"
        )
        yield _table(("measure", "mean"), rows.items())
    if evaluations:
        yield "Measured with `glf-tf evaluate`; `metadata.json` has the whole protocol:"
        head = ("measure", "mean", "deviation", "trials", "of", "extractor")
        yield _table(head, map(_evaluation, evaluations))


def _evaluation(record: Mapping) -> tuple:
    protocol = record["protocol"]
    against = f"{protocol['references']} {protocol['reference_split']}"
    return (
        record["title"],
        _number(record["mean"]),
        "" if record["std"] is None else _number(record["std"]),
        len(record["values"]),
        f"{protocol['samples']} {protocol['source']} against {against}",
        protocol["extractor"],
    )


def _number(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.6g}"


def _format(name: str, other: Mapping) -> str:
    rows = [f"* `{key}`: `{file}`" for key, file in other["files"].items()]
    rows += [f"* no `{key}`: {reason}" for key, reason in other["missing"].items()]
    return "\n".join([f"## {_TITLES[name]}", "", *rows])


def _signature(name: str, signature: Mapping) -> Iterator[str]:
    yield f"### {name}"
    yield signature["does"]
    counts = [key for key in ("num_samples", "num_steps") if key in signature["inputs"]]
    rows = [
        (side, f"`{key}`", _shape(tensor, counts), tensor["meaning"], _values(tensor))
        for side, tensors in (
            ("in", signature["inputs"]),
            ("out", signature["outputs"]),
        )
        for key, tensor in tensors.items()
    ]
    yield _table(("", "name", "type", "meaning", "values"), rows)


def _shape(tensor: Mapping, counts: Collection[str]) -> str:
    """Returns a type and a shape, whose free sizes have names: n, or an input's."""
    first = "num_samples" if "num_samples" in counts else "n"
    others = [each for each in counts if each != first]
    names = itertools.chain([first, *others], itertools.repeat("m"))
    sizes = [next(names) if size is None else str(size) for size in tensor["shape"]]
    return f"{tensor['dtype']} [{', '.join(sizes)}]"


def _values(tensor: Mapping) -> str:
    return ", ".join(filter(None, (tensor["range"], tensor["unit"])))


def _table(head: tuple, rows) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)
