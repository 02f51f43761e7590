# SPDX-License-Identifier: Apache-2.0
"""What a run's folder holds for a page about it."""

__all__ = ["Run", "different", "read"]

import base64
import dataclasses
import json
import pathlib
import re
import statistics
from collections.abc import Mapping, Sequence

from glf_tf import catalogue
from glf_tf.comparison import record
from glf_tf.experiments import folder as folder_lib
from glf_tf.metrics import protocol
from glf_tf.plotting import curves
from glf_tf.training import board

_OF_PLACES = ("cache_dir", "data_dir", "inception_graph", "workdir", "download")
_STEP = re.compile(r"(?P<name>\w+)_(?P<step>\d+)\.png")


@dataclasses.dataclass(frozen=True)
class Run:
    """A run.

    Attributes:
        label: What the page calls it.
        path: Its folder.
        described: What its run.json holds.
        history: Its scalars.
        measures: What was measured of it.
    """

    label: str
    path: pathlib.Path
    described: Mapping
    history: curves.History
    measures: tuple[protocol.Measurement, ...]

    @property
    def title(self) -> str:
        """The model and the data set."""
        dataset = self.described["dataset"]
        named = [catalogue.name_of(dataset)]
        while isinstance(dataset.get("dataset"), Mapping):  # one inside another
            dataset = dataset["dataset"]
            named.append(catalogue.name_of(dataset))
        model = catalogue.name_of(self.described["model"])
        return f"{model} on {' of '.join(named)}"

    @property
    def settings(self) -> dict[str, str]:
        """The flags of its last part, but for places on the machine."""
        entries = self.described["history"]
        lines = entries[-1]["recipe"].splitlines() if entries else []
        found = {}
        for line in lines:
            name, _, value = line.removeprefix("--").partition("=")
            if "=" not in line:  # --name or --noname, of truth values
                value = str(not name.startswith("no")).lower()
                name = name.removeprefix("no")
            if line.startswith("--") and name not in _OF_PLACES:
                found[name] = value
        return found

    @property
    def facts(self) -> dict[str, str]:
        """What was trained, on what, and how long, in words."""
        lines = self.history.epoch_lines
        speeds = [line[f"epoch/{board.SPEED}"] for line in lines]
        entries = self.described["history"]
        versions = entries[-1]["versions"] if entries else {}
        data = self.described["data"]
        sizes = [
            f"{facts.get('images', facts.get('vectors')):,} {split}"
            for split, facts in data.items()
        ]
        found = {
            "model": catalogue.name_of(self.described["model"]),
            "data": f"{self.title.partition(' on ')[2]}: {', '.join(sizes)}",
            "epochs": str(len(lines)),
            "steps": f"{int(lines[-1]['step']):,}" if lines else "none",
            "batch size": str(self.described["batch_size"]),
            "seed": str(self.described["seed"]),
            "speed": f"{statistics.median(speeds):,.0f} images a second, the median "
            "over epochs"
            if speeds
            else "",
            "versions": ", ".join(f"{name} {text}" for name, text in versions.items()),
        }
        return {name: text for name, text in found.items() if text}

    @property
    def warnings(self) -> list[str]:
        """What a reader must know before believing the rest."""
        found = []
        if self.history.diverged_at is not None:
            step = self.history.diverged_at
            found.append(f"It diverged at step {step:,}: a term was not finite")
        for entry in self.described["history"][1:]:
            changes = ", ".join(
                f"{name} from {before} to {after}"
                for name, (before, after) in entry["changed"].items()
                if name.removeprefix("--") not in _OF_PLACES
            )
            if changes:
                found.append(f"From step {entry['step']:,} on with other {changes}")
        return found

    def picture(self, name: str) -> str | None:
        """Returns a picture as a data URL, such as "samples"; None if there is none."""
        file = folder_lib.Folder(self.path).pictures / f"{name}.png"
        return url_of(file.read_bytes()) if file.is_file() else None

    def pictures_by_step(self, name: str, *, most: int = 6) -> list[tuple[int, str]]:
        """Returns steps and pictures as data URLs, evenly chosen over the training."""
        folder = folder_lib.Folder(self.path).pictures / "steps"
        files = sorted(folder.glob(f"{name}_*.png")) if folder.is_dir() else []
        by_step = {
            int(match["step"]): file
            for file in files
            if (match := _STEP.fullmatch(file.name)) and match["name"] == name
        }
        steps = sorted(by_step)
        last = len(steps) - 1
        places = sorted({round(i * last / (most - 1)) for i in range(most)})
        chosen = [steps[place] for place in places] if last >= most else steps
        return [(step, url_of(by_step[step].read_bytes())) for step in chosen]


def read(path: pathlib.Path, *, label: str, measures: Sequence[Mapping] = ()) -> Run:
    """Reads a run's folder.

    Args:
        path: The folder.
        label: What the page calls it.
        measures: Records of further measurements, as `protocol.to_json` writes them.

    Raises:
        NotFound: There is no run, or it has no scalars yet.
        Damaged: Its description is damaged.
    """
    history = curves.read(path)
    compared = record.read(folder_lib.Folder(path))
    found = [] if compared is None else list(compared.result.measurements)
    found += protocol.from_json(json.dumps(list(measures)))
    described = folder_lib.Folder(path).read()
    return Run(label, path, described, history, tuple(found))


def different(runs: Sequence[Run]) -> dict[str, list[str]]:
    """Returns the settings in which runs differ: a value for each, "" for none."""
    names = dict.fromkeys(name for run in runs for name in run.settings)
    values = {name: [run.settings.get(name, "") for run in runs] for name in names}
    return {name: found for name, found in values.items() if len(set(found)) > 1}


def url_of(png: bytes) -> str:
    """Returns a PNG file as a data URL."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
