# SPDX-License-Identifier: Apache-2.0
"""Tests of glf_tf.metrics.protocol: presets, and records that survive JSON."""

import dataclasses
import json
import statistics

import pytest

from glf_tf.metrics import protocol

SETTINGS = protocol.Protocol(
    source="samples",
    dataset="mnist",
    extractor="classifier(mnist)",
    extractor_checksum="0123",
    reference_split="test",
    reference_digest="4567",
    references=10_000,
    samples=10_000,
    trials=3,
    rounded=True,
    crop="",
    sampling="plain",
    seed=5,
    preset="glf_paper",
)


def measurement(**changes):
    fields = {
        "metric": "fd",
        "title": "FD-classifier(mnist)",
        "values": (1.0, 2.0, 6.0),
    }
    return protocol.Measurement(**(fields | {"protocol": SETTINGS} | changes))


def test_paper_preset_is_ten_trials_of_ten_thousand_against_the_test_set():
    preset = protocol.preset("glf_paper")
    assert (preset.samples, preset.references, preset.trials) == (10_000, 10_000, 10)
    assert preset.reference_split == "test"


def test_lfbm_preset_is_fifty_thousand_against_the_training_set():
    preset = protocol.preset("lfbm")
    assert (preset.samples, preset.references) == (50_000, None)
    assert preset.reference_split == "train"
    assert not preset.rounded


def test_unknown_preset_suggests_the_closest():
    with pytest.raises(ValueError, match="Did you mean glf_paper"):
        protocol.preset("glf_papers")


def test_mean_and_deviation_are_over_trials():
    one = measurement()
    assert one.mean == pytest.approx(3.0)
    assert one.std == pytest.approx(statistics.stdev([1, 2, 6]))


def test_one_trial_has_no_deviation():
    settings = dataclasses.replace(SETTINGS, trials=1)
    one = measurement(values=(4.0,), protocol=settings)
    assert one.std is None
    assert json.loads(protocol.to_json([one]))[0]["std"] is None


def test_measurements_survive_json():
    several = [measurement(), measurement(metric="kid", notes=("too few",))]
    assert protocol.from_json(protocol.to_json(several)) == several


def test_every_field_of_the_protocol_is_in_the_record():
    record = json.loads(protocol.to_json([measurement()]))[0]
    fields = {field.name for field in dataclasses.fields(protocol.Protocol)}
    assert set(record["protocol"]) == fields
    assert record["mean"] == pytest.approx(3.0)


def test_old_records_that_name_a_subject_are_read():
    record = measurement().to_dict()
    record["protocol"]["subject"] = record["protocol"].pop("source")
    assert protocol.Measurement.from_dict(record) == measurement()


def test_record_of_another_version_is_refused():
    with pytest.raises(ValueError, match="version 0"):
        protocol.Measurement.from_dict(measurement().to_dict() | {"version": 0})


@pytest.mark.parametrize("name", ["values", "protocol"])
def test_incomplete_record_is_refused(name):
    record = measurement().to_dict()
    del record[name]
    with pytest.raises(ValueError, match=name):
        protocol.Measurement.from_dict(record)


@pytest.mark.parametrize("name", ["source", "extractor", "trials", "rounded", "seed"])
def test_a_field_that_has_a_default_is_not_left_out_of_a_record(name):
    record = measurement().to_dict()
    del record["protocol"][name]
    with pytest.raises(ValueError, match=name):
        protocol.Measurement.from_dict(record)


def test_record_with_an_unknown_field_is_refused():
    record = measurement().to_dict()
    record["protocol"]["colour"] = "blue"
    with pytest.raises(ValueError, match="colour"):
        protocol.Measurement.from_dict(record)


def test_protocol_refuses_too_few_images():
    with pytest.raises(ValueError, match="samples=1"):
        dataclasses.replace(SETTINGS, samples=1)


def test_protocol_refuses_an_unknown_sampling():
    with pytest.raises(ValueError, match="plain or authors"):
        dataclasses.replace(SETTINGS, sampling="author")


def test_measurement_refuses_another_number_of_values():
    with pytest.raises(ValueError, match="2 values, 3 trials"):
        measurement(values=(1.0, 2.0))
