# SPDX-License-Identifier: Apache-2.0
"""TF_CONFIG and its like: what is wrong is told at once."""

import json

import pytest

from glf_tf import errors
from glf_tf.devices import clusters, strategies, tf_config

HOSTS = ["a:1", "b:2"]


def config(**changes):
    task = {"type": "worker", "index": 0, **changes.pop("task", {})}
    return json.dumps({"cluster": {"worker": HOSTS}, "task": task, **changes})


WRONG = [
    ("[]", "mapping"),
    ("5", "mapping"),
    ('"x"', "mapping"),
    ("null", "mapping"),
    ("{", "JSON"),
    ("cluster", "JSON"),
    ("[" * 9999, "JSON"),
    (config(cluster=[]), "`cluster` must be a mapping"),
    (config(cluster="a:1"), "`cluster` must be a mapping"),
    (config(cluster={"worker": []}), "list of addresses"),
    (config(cluster={"worker": "a:1"}), "list of addresses"),
    (config(cluster={"worker": [1, 2]}), "HOST:PORT"),
    (config(cluster={"worker": ["a", "b"]}), "HOST:PORT"),
    (config(cluster={"worker": ["a:99999", "b:1"]}), "HOST:PORT"),
    (config(cluster={"worker": ["a:1", "a:1"]}), "a:1 twice"),
    (config(cluster={"worker": HOSTS, "ps": ["c:1"]}), "'ps'"),
    (config(cluster={"worker": HOSTS, "chief": ["c:1", "d:1"]}), "one chief"),
    (json.dumps({"cluster": {"worker": HOSTS}}), "type"),
    (json.dumps({"cluster": {"worker": HOSTS}, "task": []}), "type"),
    (json.dumps({"cluster": {"worker": HOSTS}, "task": {"type": "worker"}}), "index"),
    (config(task={"type": "chief"}), "job of the cluster"),
    (config(task={"index": 2}), "between 0 and 1"),
    (config(task={"index": -1}), "between 0 and 1"),
    (config(task={"index": "one"}), "between 0 and 1"),
    (config(task={"index": None}), "between 0 and 1"),
    (config(task={"index": True}), "between 0 and 1"),
    (config(task={"index": 0.0}), "between 0 and 1"),
    (config(cluster={"worker": ["203.0.113.7:1", "b:1"]}), "its machine's"),
]


@pytest.mark.parametrize("strategy", ["auto", "multi_worker"])
@pytest.mark.parametrize(("text", "word"), WRONG)
def test_what_is_wrong_is_reported_at_once(monkeypatch, strategy, text, word):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(errors.InvalidValue, match=word) as caught:
        strategies.strategy(strategy)
    assert caught.value.status == 2
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", " ", "{}", '{"cluster": {}}'])
def test_what_speaks_of_no_cluster_is_none(monkeypatch, text):
    monkeypatch.setenv("TF_CONFIG", text)
    assert not clusters.is_described()
    with pytest.raises(errors.InvalidValue):
        strategies.strategy("multi_worker")


def test_what_is_right_is_read(monkeypatch):
    hosts = {"chief": ["127.0.0.1:1"], "worker": ["[::1]:1", "b-c.d:65535"]}
    for task in ({"type": "chief", "index": "0"}, {"type": "worker", "index": 1}):
        monkeypatch.setenv("TF_CONFIG", config(cluster=hosts, task=task))
        assert tf_config.read() == hosts
        assert clusters.is_described()


@pytest.mark.parametrize(
    ("name", "variables"),
    [
        ("slurm", {"SLURM_PROCID": "x"}),
        ("slurm", {"SLURM_PROCID": "9"}),
        ("slurm", {"SLURM_STEP_TASKS_PER_NODE": "2"}),
        ("slurm", {"SLURM_JOB_ID": "x"}),
        ("kubernetes", {"JOB_COMPLETIONS": "x"}),
        ("kubernetes", {"JOB_COMPLETIONS": "0"}),
        ("kubernetes", {"JOB_COMPLETION_INDEX": "3"}),
    ],
)
def test_other_schedulers_are_reported_alike(monkeypatch, name, variables):
    right = {
        "SLURM_JOB_ID": "40001",
        "SLURM_PROCID": "2",
        "SLURM_STEP_NODELIST": "a,b",
        "SLURM_STEP_TASKS_PER_NODE": "2(x2)",
        "JOB_COMPLETION_INDEX": "1",
        "JOB_COMPLETIONS": "3",
        "JOB_NAME": "glf",
    }
    for variable, value in {**right, **variables}.items():
        monkeypatch.setenv(variable, value)
    with pytest.raises(errors.InvalidValue, match=next(iter(variables))):
        clusters.resolver(name)
