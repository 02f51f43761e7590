# SPDX-License-Identifier: Apache-2.0
"""What a run's folder tells for the card of its exported model."""

__all__ = [
    "about",
    "check_step",
    "evaluations_of",
    "is_place",
    "run_of",
    "without_places",
]

import json
import pathlib
from collections.abc import Iterable, Mapping, Sequence

from glf_tf import catalogue, errors
from glf_tf.experiments import folder as folder_lib
from glf_tf.experiments import presets
from glf_tf.metrics import digest, protocol
from glf_tf.serving import card

_TESTED = ("test/", "validation/")
_OF_A_RUN = ("model", "dataset", "data", "batch_size", "seed")
_PLACES = ("cache_dir", "data_dir", "inception_graph", "start_from")


def about(
    folder: folder_lib.Folder, *, step: int, evaluations: Sequence[Mapping] = ()
) -> card.About:
    """Returns what is known of a run's model.

    Args:
        folder: The run's folder.
        step: The global step of the model's weights.
        evaluations: Records of its measurements, beside those that a preset has.
    """
    described = folder.read()
    own = presets.read(folder.path).measured if folder.is_preset else ()
    last = described["history"][-1] if described["history"] else {}
    return card.About(
        run={
            "model": described["model"],
            "dataset": described["dataset"],
            "data": described["data"],
            "step": step,
            "recipe": without_places(last.get("recipe", "")),
            "versions": last.get("versions", {}),
        },
        measures=_measures(folder, step=step),
        evaluations=[*own, *evaluations],
        picture=folder.pictures / "samples.png",
    )


def run_of(folder: folder_lib.Folder) -> dict[str, str]:
    """Returns what tells a run from others: "model", its name, and a "digest"."""
    described = folder.read()
    text = json.dumps({key: described.get(key) for key in _OF_A_RUN}, sort_keys=True)
    return {
        "model": catalogue.name_of(described["model"]),
        "digest": digest.of_text(text),
    }


def evaluations_of(
    paths: Iterable[pathlib.Path], *, run: Mapping[str, str] | None = None
) -> list[dict]:
    """Returns the records of files that `tools/evaluate.py` wrote.

    Args:
        paths: The files.
        run: The run that they are to be of, as `run_of` returns it; None for any.

    Raises:
        NotFound: There is no such file.
        Damaged: It has no such records.
        InvalidValue: It has those of another run.
    """
    found = []
    for path in paths:
        if not path.is_file():
            raise errors.NotFound(
                "Measures are read from files of tools/evaluate.py",
                received=f"no file {path}",
                do="Write one with evaluate --workdir=RUN --out=FILE.json",
            )
        try:
            text = path.read_text(encoding="utf-8")
            records = protocol.from_json(text)
            of_runs = [_run_in(record) for record in json.loads(text)]
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise errors.Damaged(
                "Measures are read from files of tools/evaluate.py",
                received=f"{path}, which has none: {error}".partition("\n")[0][:200],
                do="Pass what evaluate --out=FILE.json wrote",
            ) from error
        if run is not None:
            _check_run(of_runs, run, path=path)
        found += [
            record.to_dict() | ({"run": of} if of else {})
            for record, of in zip(records, of_runs, strict=True)
        ]
    return found


def _run_in(record: Mapping) -> Mapping | None:
    """Returns of which run a record is, or None if it does not say."""
    found = record.get("run")
    kinds = {"model": str, "digest": str, "step": int}
    if found is not None and any(type(found[key]) is not kinds[key] for key in kinds):
        raise ValueError(f"of no run: {found!r:.80}")
    return found


def _check_run(
    of_runs: Sequence[Mapping | None], run: Mapping[str, str], *, path: pathlib.Path
) -> None:
    for of in of_runs:
        if of and of["digest"] != run["digest"]:
            raise errors.InvalidValue(
                "Measures are told of the run that was measured",
                received=f"{path}, of another run, of {of['model']}",
                do="Measure this run, with evaluate --workdir=RUN --out=FILE.json",
            )


def check_step(evaluations: Sequence[Mapping], step: int) -> None:
    """Checks that measures are those of a checkpoint, as far as they say.

    Raises:
        InvalidValue: They are those of another one.
    """
    steps = {record["run"]["step"] for record in evaluations if "run" in record}
    if steps - {step}:
        raise errors.InvalidValue(
            "Measures are told of the checkpoint that was measured",
            received=f"step {min(steps - {step}):,} for an export of step {step:,}",
            do="Measure it with the same --checkpoint",
        )


def without_places(recipe: str) -> str:
    """Returns flags without those that tell where files lie on this machine."""
    lines = recipe.splitlines(keepends=True)
    names = (line[2:].partition("=")[0] for line in lines)
    found = zip(lines, names, strict=True)
    return "".join(line for line, name in found if not is_place(name))


def is_place(name: str) -> bool:
    """Returns whether a flag tells where something lies on this machine."""
    return name in _PLACES


def _measures(folder: folder_lib.Folder, *, step: int) -> dict:
    """Returns the means of the newest test up to a step; {} if there is none."""
    path = folder.path / "metrics.jsonl"
    if not path.is_file():
        return {}
    found = {}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        row = _row(line)
        values = {key: row[key] for key in row if key.startswith(_TESTED)}
        if values and row.get("step", step + 1) <= step:
            found = {"step": row["step"], "values": values}
    return found


def _row(line: str) -> dict:
    """Returns a line of metrics; {} for one that a kill cut off."""
    try:
        row = json.loads(line)
    except ValueError:
        return {}
    return row if isinstance(row, dict) else {}
