# SPDX-License-Identifier: Apache-2.0
"""The bench: turns, arithmetic of its tables, and peers that fail."""

import inspect
import json
import pathlib
import subprocess
import sys

import pytest

TOOLS = pathlib.Path(__file__).parents[3] / "tools"
sys.path.insert(0, str(TOOLS))

from benchmarks import cases, codes, results, rounds  # noqa: E402

from glf_tf.priors import flow_matching  # noqa: E402

_WORKER = """
import sys, time
import worker
noisy = sys.argv[2] == "noisy"

def make():
    def run(units):
        if noisy:
            print("library talk")
        with open(sys.argv[3], "a") as log:
            log.write(f"{sys.argv[2]} {units}\\n")
        time.sleep(0.01 * units)
    return worker.Work(run, 5, flop=2.0, about={"version": "1"})

worker.serve({"nap": make})
"""


@pytest.fixture
def make_worker(tmp_path):
    """Makes workers that write what they do into a file."""
    script = tmp_path / "nap_worker.py"
    path = str(TOOLS / "benchmarks")
    script.write_text(f"import sys; sys.path.insert(0, {path!r})\n{_WORKER}")
    made = []

    def make(name, case="nap"):
        made.append(
            rounds.Worker(
                name,
                python=sys.executable,
                script=str(script),
                arguments=[case, name, str(tmp_path / "log")],
            )
        )
        return made[-1]

    yield make
    for worker in made:
        worker.close()


def test_workers_take_turns_at_their_own_pace(make_worker, tmp_path):
    workers = [make_worker("noisy"), make_worker("quiet")]
    rounds.alternate(workers, rounds=3, seconds=0.2)
    turns = [line.split() for line in (tmp_path / "log").read_text().splitlines()]
    assert [name for name, _ in turns[-6:]] == ["noisy", "quiet"] * 3
    assert all(5 <= int(units) <= 40 for _, units in turns[-6:])
    for worker in workers:
        assert len(worker.rates) == 3
        assert worker.median == pytest.approx(500.0, rel=0.5)  # 5 a nap of 10 ms
        assert (worker.unit, worker.flop, worker.about) == (5, 2.0, {"version": "1"})
        assert 5 < worker.peak_mib() < 500


def test_a_worker_that_ends_says_why(make_worker):
    with pytest.raises(rounds.Failed, match="quiet ended: KeyError: 'dance'"):
        make_worker("quiet", case="dance")


def test_a_python_that_is_not_there_is_named():
    with pytest.raises(rounds.Failed, match="did not start.*nowhere/python"):
        rounds.Worker("peer", python="nowhere/python", script="x.py", arguments=[])


def entries():
    ours = results.Entry("ours", rates=[90.0, 100.0, 120.0], flop=2e6, peak_mib=100)
    return ours, results.Entry("peer", rates=[50.0, 40.0, 60.0], peak_mib=1234)


def test_table_has_medians_spreads_ratios_and_shares():
    failed = results.Entry("absent", error="ModuleNotFoundError: No module named 'x'")
    result = results.Result("nap", "naps", "naps", [*entries(), failed])
    lines = results.to_markdown([result], peak_flops=4e8).splitlines()
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[4:]]
    assert cells[0] == ["ours", "100", "± 15%", "", "50%", "100"]
    assert cells[1] == ["peer", "50", "± 20%", "2.00 x", "25%", "1,234"]
    assert cells[2][:2] == ["absent", f"failed: {failed.error}"]
    assert "25%" not in results.to_markdown([result], peak_flops=0.0)


def test_what_takes_long_has_its_seconds():
    slow = results.Entry("ours", rates=[0.25])
    table = results.to_markdown(
        [results.Result("start", "starts", "starts", [slow])], peak_flops=0.0
    )
    assert "| 0.25 (4 s each) |" in table
    assert table.endswith("|  |  |  |"), "memory that nobody measured is not 0"


def test_numbers_hold_every_round():
    result = results.Result("nap", "naps", "naps", entries())
    stored = json.loads(json.dumps(results.to_json([result], about={"date": "x"})))
    assert stored["date"] == "x"
    assert stored["cases"][0]["entries"][1]["rates"] == [50.0, 40.0, 60.0]


def test_every_case_is_known_to_the_worker_that_measures_it():
    for name, case in cases.CASES.items():
        source = (TOOLS / "benchmarks" / case.ours.script).read_text()
        assert f'"{name}":' in source


def test_flow_matching_has_the_sizes_of_its_recipe():
    flags = (TOOLS.parent / "flags/prior/flow_matching.cfg").read_text().split()
    sizes = codes.Velocity()
    for name in ("hidden", "depth", "embedding"):
        assert f"--prior.{name}={getattr(sizes, name)}" in flags
    of_prior = inspect.signature(flow_matching.FlowMatchingPrior).parameters
    assert sizes.steps == of_prior["steps"].default


@pytest.mark.slow
def test_gans_are_measured():
    worker = rounds.Worker(
        "ours",
        python=sys.executable,
        script="glf_tf_worker.py",
        arguments=["train_gan"],
    )
    worker.measure()
    assert (worker.unit, worker.about["parameters"]) == (64, "13,192,898")
    # Dense and convolutional products of both networks, by hand.
    critic = 14 * 14 * 16 * 64 + 49 * 16 * 64 * 128 + 6272 * 1024 + 1024
    generator = 64 * 1024 + 1024 * 6272 + 49 * 16 * 128 * 64 + 196 * 16 * 64
    expected = 8 * critic + 4 * generator - 2 * 14 * 14 * 16 * 64 - 64 * 1024
    assert worker.flop == 2 * expected
    worker.close()


@pytest.mark.slow
@pytest.mark.parametrize("task", ["sample", "density"])
def test_flow_matching_is_measured(task):
    worker = rounds.Worker(
        "ours",
        python=sys.executable,
        script="flow_matching_worker.py",
        arguments=[f"{task}_flow_matching"],
    )
    worker.measure()
    assert worker.unit == codes.Velocity().batch_size
    assert worker.rates[0] > 0
    assert worker.about["parameters"] == "106,164"
    worker.close()


@pytest.mark.slow
def test_several_processes_take_the_same_steps():
    worker = rounds.Worker(
        "two",
        python=sys.executable,
        script="processes_worker.py",
        arguments=["workers_cifar10", "2", "2"],
    )
    worker.measure()
    assert worker.unit == 4
    assert worker.rates[0] > 0
    assert worker.peak_mib() > 500  # of both
    worker.close()


@pytest.mark.slow
def test_bench_measures_this_library_and_names_absent_peers(tmp_path):
    command = [sys.executable, str(TOOLS / "bench.py"), f"--out={tmp_path}/out"]
    done = subprocess.run(
        [*command, "--cases=density_64", "--rounds=2", "--seconds=0.05"],
        capture_output=True,
        text=True,
        check=True,
    )
    table = (tmp_path / "out/table.md").read_text()
    assert "| glf_tf | " in table
    assert table.splitlines()[2:] == done.stdout.splitlines()[: -3 or None]
    stored = json.loads((tmp_path / "out/table.json").read_text())
    assert len(stored["cases"][0]["entries"][0]["rates"]) == 2
