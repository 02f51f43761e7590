# SPDX-License-Identifier: Apache-2.0
"""Parts of comparisons: names, published figures, children that are told to stop."""

import dataclasses
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
from concurrent import futures

import numpy as np
import pytest

from glf_tf import catalogue, errors
from glf_tf.comparison import cost as cost
from glf_tf.comparison import folder as folder_lib
from glf_tf.comparison import job as job_lib
from glf_tf.comparison import order
from glf_tf.comparison import training as training_lib
from glf_tf.plotting import curves
from glf_tf.training import loop
from tests import descriptors

ROOT = pathlib.Path(__file__).parents[3]

PATIENT = """
import signal, sys, time
def stop(number, frame):
    print("saved", file=sys.stderr)
    sys.exit(75)
signal.signal(signal.SIGTERM, stop)
print("ready", file=sys.stderr, flush=True)
time.sleep(60)
"""


def write(path, text="--model=glf\n"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_names_have_as_many_folders_as_tell_them_apart(tmp_path):
    files = [write(tmp_path / part) for part in ("a/glf/x.cfg", "a/vae/x.cfg")]
    assert [item.name for item in job_lib.recipes(files)] == ["glf_x", "vae_x"]
    files.append(write(tmp_path / "b/glf/x.cfg"))
    names = [item.name for item in job_lib.recipes(files)]
    assert names == ["a_glf_x", "a_vae_x", "b_glf_x"]
    odd = write(tmp_path / "my models/x y.cfg")
    assert job_lib.recipes([odd])[0].name == "my-models_x-y"


def test_a_recipe_is_given_once(tmp_path):
    file = write(tmp_path / "glf/x.cfg")
    same = tmp_path / "glf/../glf/x.cfg"
    for files in ([file, same], [file, write(tmp_path / "glf/x.txt")]):
        with pytest.raises(errors.InvalidValue, match="--seeds"):
            job_lib.recipes(files)
    with pytest.raises(errors.NotFound, match="nowhere.cfg"):
        job_lib.recipes([tmp_path / "nowhere.cfg"])


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("# Source: us. Expected: FID 28.2. Measured: 3.\n", "FID 28.2"),
        ("# Expected: FID\n# 8.2, once. Measured (2 cores): 3.\n", "FID 8.2, once"),
        ("# Expected, epoch 5: NLL 3.\n#\n# python tools\n", "epoch 5: NLL 3"),
        ("# Expected: FID 3.\n--model=glf\n", "FID 3"),
        ("# Nothing.\n--model=glf\n", ""),
        ("--model=Expected: no\n", ""),
    ],
)
def test_published_is_what_the_header_expects(header, expected):
    assert job_lib.published(header) == expected


def test_every_recipe_of_the_library_is_named_and_expects_something():
    files = sorted((ROOT / "flags").glob("*/*.cfg"))
    found = job_lib.recipes(
        [f for f in files if f.parent.name not in ("base", "prior", "sharpen")]
    )
    assert "glf_fashion_mnist" in {item.name for item in found}
    assert all(item.published for item in found)
    assert all("Measured" not in item.published for item in found)


def run(program, log, **options):
    with training_lib.Children(**options) as children:
        return children.run([sys.executable, "-c", program], log=log)


@pytest.mark.parametrize(
    ("program", "error"),
    [
        ("", ""),
        ("import sys; print('well', file=sys.stderr)", ""),
        ("import sys; sys.exit('error: No. Received: x. Do.\\n')", "No. Received: x."),
        ("raise ValueError('odd')", "ValueError: odd"),
        ("import sys; sys.exit(3)", "status 3"),
        ("import os; os.kill(os.getpid(), 11)", "SIGSEGV"),
    ],
)
def test_a_child_ends_well_or_says_why_not(program, error, tmp_path):
    message = run(program, tmp_path / "new/log")
    assert error in message
    assert bool(message) == bool(error)
    if "well" in program:
        assert (tmp_path / "new/log").read_text() == "well\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_request_to_stop_reaches_the_child_which_saves(number, tmp_path):
    log = tmp_path / "log"

    def interrupt():
        while not (log.exists() and "ready" in log.read_text()):
            time.sleep(0.02)
        os.kill(os.getpid(), number)

    before = signal.getsignal(number)
    threading.Thread(target=interrupt).start()
    with pytest.raises(loop.Stopped):
        run(PATIENT, log)
    assert log.read_text() == "ready\nsaved\n"
    assert signal.getsignal(number) is before


def test_a_request_to_stop_ends_what_runs_without_a_child():
    def work():
        with training_lib.Children():
            signal.raise_signal(signal.SIGTERM)
            time.sleep(0.1)
            pytest.fail("it went on")

    with pytest.raises(loop.Stopped):
        work()


def test_a_child_that_somebody_else_stopped_stops_the_comparison(tmp_path):
    with pytest.raises(loop.Stopped):
        run("import sys; sys.exit(75)", tmp_path / "log")


def test_one_comparison_works_in_a_folder_until_its_child_ends(tmp_path):
    folder = folder_lib.Folder(tmp_path / "new")
    with folder.lock() as descriptor:
        with pytest.raises(errors.Busy, match="one comparison"), folder.lock():
            pass
        orphan = subprocess.Popen(
            [sys.executable, "-c", "input()"],
            stdin=subprocess.PIPE,
            pass_fds=[descriptor],
        )
    with pytest.raises(errors.Busy, match="left running"), folder.lock():
        pass
    orphan.communicate(b"\n")
    with folder.lock():
        pass


def test_children_keep_what_they_inherit(tmp_path):
    folder = folder_lib.Folder(tmp_path)
    with folder.lock() as descriptor:
        program = f"import os; os.fstat({descriptor})"
        assert run(program, tmp_path / "log", inherit=[descriptor]) == ""
        assert "Bad file" in run(program, tmp_path / "log")


def test_epochs_are_reported_apart_by_the_groups_that_learn():
    stages = descriptors.model("glf_two_stage").stages()
    (first,), (second,) = (
        [group.name for update in stage.updates for group in update.groups]
        for stage in stages
    )
    message = [(5, first), (10, first), (18, second), (26, second), (34, second)]
    lines = tuple(
        {"step": step, "epoch/examples_per_second": 9.0, f"learning_rate/{group}": 0.1}
        for step, group in message
    )
    history = curves.History(path=pathlib.Path(), lines=lines, diverged_at=None)
    found = cost.trained_epochs(history, stages)
    assert [item.stage.name for item in found] == ["autoencoder"] * 2 + ["flow"] * 3
    assert [item.steps for item in found] == [5, 5, 8, 8, 8]
    assert found[2].seconds(batch_size=18) == 16.0


@pytest.mark.parametrize(
    ("changes", "fitted"),
    [
        # Of 4 latents: 4 of a mean and 10 of a covariance for each component, and one
        # weight less than there are components.
        ({"prior": {"name": "mixture", "components": 3}}, 3 * 14 + 2),
        ({"prior": {"name": "normal"}}, 14),
        ({"name": "glf", "procedure": "closing", "components": 5}, 5 * 14 + 4),
        ({"name": "glf", "procedure": "closing", "components": 0}, 0),
        ({"name": "glf", "procedure": "joint", "components": 5}, 0),
    ],
)
def test_parameters_count_what_is_fitted_to_codes(changes, fitted):
    base = {key: descriptors.MODELS["rae"][key] for key in ("latent_dim", "network")}
    spec = {"name": "rae", **base, **changes}
    model = catalogue.build("model", spec, image_shape=descriptors.IMAGE_SHAPE)
    learned = sum(np.size(v) for v in model.trainable_variables)
    assert cost.number_of_parameters(model) == learned + fitted


def test_several_children_have_a_share_of_the_processors_each(tmp_path):
    told = (
        "import os, sys, time; print(*os.sched_getaffinity(0), file=sys.stderr); "
        "open(sys.argv[1], 'w').close(); "
        "[time.sleep(0.01) for _ in range(2000) if not os.path.exists(sys.argv[2])]"
    )
    names = ("one", "other")
    with training_lib.Children(at_once=2) as children:

        def call(own, its):
            command = [sys.executable, "-c", told, tmp_path / own, tmp_path / its]
            return children.run(command, log=tmp_path / f"{own}.log", prefix="x: ")

        with futures.ThreadPoolExecutor(2) as threads:
            ended = list(threads.map(call, names, names[::-1]))  # each waits for both
    assert ended == ["", ""]
    shares = [
        set(map(int, (tmp_path / f"{name}.log").read_text().split())) for name in names
    ]
    known = os.sched_getaffinity(0)
    assert shares[0] | shares[1] == known
    assert len(known) < 2 or not shares[0] & shares[1]


def test_a_request_to_stop_reaches_all_children(tmp_path):
    logs = [tmp_path / name for name in ("one", "other")]

    def interrupt():
        while not all(log.exists() and "ready" in log.read_text() for log in logs):
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=interrupt).start()
    command = [sys.executable, "-c", PATIENT]

    def run_both():
        with (
            training_lib.Children(at_once=2) as children,
            futures.ThreadPoolExecutor(2) as threads,
        ):
            both = [threads.submit(children.run, command, log=log) for log in logs]
            return [each.result() for each in both]

    with pytest.raises(loop.Stopped):
        run_both()
    assert [log.read_text() for log in logs] == ["ready\nsaved\n"] * 2


@dataclasses.dataclass
class Calls:
    """Children that note when each begins and ends, and fail as they are told."""

    at_once: int
    fails: tuple[str, ...] = ()
    stops: str = ""

    def __post_init__(self):
        self.noted, self.is_stopped = [], False

    def run(self, command, *, log, prefix=""):
        name = log.parent.name
        assert prefix == (f"{name}: " if self.at_once > 1 else "")
        self.noted.append(f"begin {name}")
        if name == self.stops:
            raise KeyboardInterrupt
        time.sleep(0.05)
        self.noted.append(f"end {name}")
        return "no" if name in self.fails else ""

    def stop(self):
        self.is_stopped = True


def jobs_of(folder, *names, starts=()):
    """Jobs with these names; each in `starts` begins from the first of all."""
    found = []
    for name in names:
        recipe = job_lib.Recipe(name, folder / f"{name}.cfg", published="")
        start = found[0] if name in starts else None
        run = folder_lib.Folder(folder).run(name)
        found.append(job_lib.Job(recipe, 0, run, (), {"flags": {}}, start))
    return found


@pytest.mark.parametrize("at_once", [1, 2, 3])
def test_as_many_jobs_at_once_as_are_asked_for_and_starts_first(at_once, tmp_path):
    jobs = jobs_of(tmp_path, "a", "b", "c", "d", starts="b")
    children = Calls(at_once)
    found = order.train_all(jobs, children=children)
    assert found == dict.fromkeys((job.folder.path for job in jobs), "")
    running, most = set(), 0
    for word, name in map(str.split, children.noted):
        (running.add if word == "begin" else running.discard)(name)
        most = max(most, len(running))
    assert most == at_once
    assert children.noted.index("end a") < children.noted.index("begin b")
    if at_once == 1:
        assert children.noted[::2] == [f"begin {name}" for name in "abcd"]


def test_what_starts_from_a_failed_training_is_not_trained(tmp_path):
    jobs = jobs_of(tmp_path, "a", "b", "c", starts="b")
    children = Calls(2, fails=("a",))
    found = order.train_all(jobs, children=children)
    assert "begin b" not in children.noted
    errors_of = {path.name: error for path, error in found.items()}
    assert errors_of["a"] == "no"
    assert errors_of["b"] == "It starts from a, whose training failed"
    assert errors_of["c"] == ""


def test_a_job_that_waits_for_none_but_itself_begins(tmp_path):
    (job,) = jobs_of(tmp_path, "a")
    own = dataclasses.replace(job, start=job)
    assert order.train_all([own], children=Calls(2)) == {job.folder.path: ""}


def test_one_training_that_is_stopped_stops_all(tmp_path):
    jobs = jobs_of(tmp_path, "a", "b", "c")
    children = Calls(2, stops="a")
    with pytest.raises(KeyboardInterrupt):
        order.train_all(jobs, children=children)
    assert children.is_stopped
    assert "begin c" not in children.noted
