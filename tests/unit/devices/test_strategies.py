# SPDX-License-Identifier: Apache-2.0
"""Which devices and workers a run uses, as flags and schedulers say."""

import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.distribute.cluster_resolver import slurm_cluster_resolver

from glf_tf import errors
from glf_tf.data import pipeline
from glf_tf.devices import clusters, strategies, workers
from glf_tf.experiments import experiment, folder, plan
from tests import descriptors
from tests.unit.experiments import test_experiment

SLURM = {
    "SLURM_JOB_ID": "40001",
    "SLURM_PROCID": "2",
    "SLURM_STEP_NODELIST": "gpu[9-10],login",
    "SLURM_STEP_TASKS_PER_NODE": "2,1(x2)",
}
KUBERNETES = {"JOB_COMPLETION_INDEX": "1", "JOB_COMPLETIONS": "3", "JOB_NAME": "glf"}


@pytest.fixture(autouse=True)
def nowhere(monkeypatch):
    for variables, _ in clusters.CLUSTERS.values():
        for variable in variables:
            monkeypatch.delenv(variable, raising=False)


def put(monkeypatch, values):
    for name, value in values.items():
        monkeypatch.setenv(name, value)


def test_slurm_gives_each_task_its_host(monkeypatch):
    """In Slurm's order: by name, gpu10 would come before gpu9."""
    put(monkeypatch, SLURM)
    found = clusters.resolver("")
    port = 10_000 + 40001 % 20_000
    assert found.cluster_spec().as_dict() == {
        "worker": [
            *(f"gpu9:{port}", f"gpu9:{port + 1}", f"gpu10:{port}", f"login:{port}"),
        ]
    }
    assert (found.task_type, found.task_id) == ("worker", 2)


@pytest.mark.parametrize(
    "text", ["a", "a,b", "n[1-3]", "n[01-03,07],x[9-11]", "a-b[2]"]
)
def test_hosts_are_read_as_slurm_writes_them(text):
    expected = slurm_cluster_resolver.expand_hostlist(text)
    assert clusters.expand_hosts(text) == expected


@pytest.mark.parametrize("text", ["2", "3(x2),2,1", "1(x12)"])
def test_tasks_are_read_as_slurm_writes_them(text):
    expected = slurm_cluster_resolver.expand_tasks_per_node(text)
    assert clusters.expand_counts(text) == expected


def test_kubernetes_names_the_pods_of_an_indexed_job(monkeypatch):
    put(monkeypatch, KUBERNETES)
    found = clusters.resolver("kubernetes")
    hosts = found.cluster_spec().as_dict()["worker"]
    assert hosts == [f"glf-{index}.glf:{clusters.PORT}" for index in range(3)]
    assert found.task_id == 1


def test_tf_config_comes_before_the_others(monkeypatch):
    put(monkeypatch, {**SLURM, **KUBERNETES})
    config = {"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker"}}
    config["task"]["index"] = 1
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    assert clusters.is_described()
    found = clusters.resolver("").cluster_spec().as_dict()
    assert found == {"worker": ["a:1", "b:1"]}
    assert clusters.resolver("slurm").task_id == 2


@pytest.mark.parametrize(
    ("name", "word"),
    [("", "TF_CONFIG"), ("slurm", "SLURM_PROCID"), ("slrm", "Did you")],
)
def test_a_cluster_that_is_not_there_is_named(name, word):
    with pytest.raises(errors.InvalidValue, match=word):
        clusters.resolver(name)
    assert not clusters.is_described()


def test_a_tpu_that_is_not_there_is_named():
    with pytest.raises(errors.Unsupported, match="tpu=nowhere.invalid"):
        strategies.strategy("tpu", tpu="nowhere.invalid")


def test_a_process_has_one_mirrored_strategy():
    """A second one would reuse the first one's keys of collective operations."""
    asked = strategies.strategy("mirrored", cluster="tf_config", tpu="other")
    assert asked is strategies.strategy("mirrored")


def test_a_batch_that_replicas_cannot_share_is_refused(tmp_path):
    asked = test_experiment.make_plan(
        batch_size=201, devices=plan.Devices(strategy="mirrored")
    )
    with pytest.raises(errors.InvalidValue, match="batch_size=201 for 2 replicas"):
        experiment.train(asked, folder.Folder(tmp_path))
    assert not list(tmp_path.iterdir())


def test_a_mirrored_run_tells_what_one_device_tells(tmp_path):
    """Also of the test set, of which one replica has the only batch, the other none."""
    reports = plan.Reports(draw_every=0, log_every=3)
    for name in ("one_device", "mirrored"):
        asked = test_experiment.make_plan(devices=plan.Devices(strategy=name))
        experiment.train(
            dataclasses.replace(asked, reports=reports), folder.Folder(tmp_path / name)
        )
    one, two = (test_experiment.lines(tmp_path / x) for x in ("one_device", "mirrored"))
    assert any("test/nll" in line for line in one)
    for left, right in zip(one, two, strict=True):
        assert left.keys() == right.keys()
        for key in left:
            np.testing.assert_allclose(right[key], left[key], rtol=1e-3, err_msg=key)
    assert (tmp_path / "mirrored/saved_model/saved_model.pb").exists()


@pytest.mark.parametrize("count", [1, 4, 5])
def test_sums_are_those_of_one_device(count):
    batches = [{"x": tf.range(10.0 * k, 10.0 * k + 3 + k)} for k in range(count)]
    with strategies.strategy("mirrored").scope():
        sums = workers.SharedSums(
            lambda batch, number: {
                "sum": tf.reduce_sum(batch["x"]),
                "number": tf.cast(number, tf.float32),
            }
        )
        found = sums(batches)
    assert found["number"] == sum(range(count))
    assert found["sum"] == sum(float(tf.reduce_sum(item["x"])) for item in batches)


def test_workers_read_the_shares_of_one_batch():
    """Three workers of two replicas each: together, in order, what one device reads."""
    data = descriptors.images()
    whole = pipeline.batches(data, batch_size=12, seed=3, start_step=2)
    shares = [
        pipeline.batches(
            data,
            batch_size=12,
            seed=3,
            start_step=2,
            context=tf.distribute.InputContext(
                num_input_pipelines=3, input_pipeline_id=worker, num_replicas_in_sync=6
            ),
        )
        for worker in range(3)
    ]
    expected = [batch["index"] for batch in whole.take(5).as_numpy_iterator()]
    found = [
        [batch["index"] for batch in item.take(10).as_numpy_iterator()]
        for item in shares
    ]
    for step, wanted in enumerate(expected):
        joined = [part for item in found for row in item[2 * step : 2 * step + 2]
                  for part in row]  # fmt: skip
        assert joined == wanted.tolist()
