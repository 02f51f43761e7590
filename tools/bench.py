# SPDX-License-Identifier: Apache-2.0
"""Benchmarks this library and others on the same work, in one run, by turns.

    pip install -r requirements-bench.txt
    python tools/bench.py --out=bench

Every library works in its own process; they take turns, so that a change of the
machine's speed affects all of them, and a table has medians, spreads and ratios. Run
nothing else at the same time. Peers that are not installed are reported and left out.

Writes table.md and table.json to a folder that is empty or was written by this tool.
"""

import datetime
import functools
import json
import os
import pathlib
import platform
import sys

from absl import flags
from benchmarks import cases as cases_lib
from benchmarks import results as results_lib
from benchmarks import rounds

from glf_tf import errors, files, folders
from glf_tf.cli import kinds, program, values

_OUT = kinds.define_path("out", None, "The folder of the tables.")
_CASES = flags.DEFINE_list("cases", [], "Which; all without.")
_ROUNDS = flags.DEFINE_integer("rounds", 7, "Turns of each.", lower_bound=1)
_SECONDS = flags.DEFINE_float("seconds", 2.0, "Length of a turn.", lower_bound=0.01)
_PEERS = kinds.define_path(
    "peers_python", sys.executable, "The Python in which the peers are installed."
)

TABLE, NUMBERS = "table.md", "table.json"


def main() -> None:
    """Measures, prints and writes the results."""
    folder = pathlib.Path(values.needed("out"))
    chosen = _chosen()
    explained = functools.partial(files.explained, folder)
    # Opened before anything is measured.
    with folders.replacing(folder, kind="bench", explained=explained) as aside:
        measured = _measured(chosen)
        with explained():
            _write(aside, *measured)
    print(f"table    {folder / TABLE}\nnumbers  {folder / NUMBERS}")


def _measured(chosen: list[str]) -> tuple[list[results_lib.Result], float]:
    """Returns results, and the rate of matrix products as the peak."""
    results, peak = [], 0.0
    for name in chosen:
        result = _measure(name)
        results.append(result)
        if name == "matrix_products" and not result.entries[0].error:
            peak = result.entries[0].flop * result.entries[0].median
        print(results_lib.to_markdown([result], peak_flops=peak), end="\n\n")
    return results, peak


def _write(folder: pathlib.Path, results, peak: float) -> None:
    """Writes the tables."""
    about = _about(peak)
    head = ", ".join(f"{value}" for value in about.values() if isinstance(value, str))
    text = results_lib.to_markdown(results, peak_flops=peak)
    files.write(folder / TABLE, f"{head}\n\n{text}\n")
    report = results_lib.to_json(results, about=about)
    files.write(folder / NUMBERS, json.dumps(report, indent=1) + "\n")


def _chosen() -> list[str]:
    names = _CASES.value or list(cases_lib.CASES)
    for name in names:
        if name not in cases_lib.CASES:
            raise errors.InvalidValue(
                "--cases must be known",
                received=name,
                do=errors.suggestion(name, cases_lib.CASES),
            )
    return names


def _measure(name: str) -> results_lib.Result:
    """Measures a case with all of its peers."""
    case = cases_lib.CASES[name]
    entries, workers = {}, []
    for peer in case.all:
        print(f"{name}: starting {peer.name}", file=sys.stderr)
        python = sys.executable if peer.is_ours else _PEERS.value
        try:
            workers.append(
                rounds.Worker(
                    peer.name,
                    python=python,
                    script=peer.script,
                    arguments=[name, *peer.arguments],
                )
            )
        except rounds.Failed as failed:
            entries[peer.name] = results_lib.Entry(peer.name, error=str(failed))
    try:
        rounds.alternate(workers, rounds=_ROUNDS.value, seconds=_SECONDS.value)
        for worker in workers:
            entries[worker.name] = results_lib.Entry(
                worker.name,
                rates=worker.rates,
                flop=worker.flop,
                peak_mib=worker.peak_mib(),
                about=worker.about,
            )
    finally:
        for worker in workers:
            worker.close()
    ordered = [entries[peer.name] for peer in case.all]
    return results_lib.Result(name, case.title, case.unit, ordered)


def _about(peak: float) -> dict:
    return {
        "date": datetime.date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "system": f"{platform.system()}, Python {platform.python_version()}",
        "matrix_products": f"{peak / 1e9:.0f} GFLOP/s" if peak else "not measured",
        "rounds": _ROUNDS.value,
        "seconds": _SECONDS.value,
    }


if __name__ == "__main__":
    program.run(main)
