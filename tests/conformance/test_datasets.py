# SPDX-License-Identifier: Apache-2.0
"""Promises that every data set keeps. A new one is tested by a line in `CASES`."""

import ast
import dataclasses
import itertools
import pathlib
from collections.abc import Callable

import numpy as np
import pytest

from glf_tf import catalogue, errors
from glf_tf.data import paths as paths_lib
from glf_tf.datasets import dataset, fashion_mnist
from tests import samples
from tests.conformance import test_vector_sets

FLAGS = pathlib.Path(__file__).parents[2] / "flags" / "base"


@dataclasses.dataclass(frozen=True)
class Case:
    """What to expect of a data set.

    Attributes:
        shape: (height, width, channels).
        write: Writes a tiny copy below a `data_dir`, in the set's own format; None
            where the set needs no files.
        classes: The number of labels, or None.
        has_tfds: Whether TFDS is another source of it.
        title: What it calls itself, if not by its name.
        options: Its options, if not the defaults.
    """

    shape: tuple[int, int, int]
    write: Callable[[pathlib.Path], None] | None
    classes: int | None = 10
    has_tfds: bool = True
    title: str = ""
    options: dict = dataclasses.field(default_factory=dict)


def below(name: str, write: Callable[[pathlib.Path], None]):
    return lambda data_dir: write(data_dir / name)


CASES = {
    "digits": Case((8, 8, 1), None, has_tfds=False),
    "mnist": Case((28, 28, 1), below("mnist", samples.write_idx)),
    "fashion_mnist": Case((28, 28, 1), below("fashion_mnist", samples.write_idx)),
    "cifar10": Case((32, 32, 3), below("cifar10", samples.write_cifar10)),
    "svhn_cropped": Case((32, 32, 3), below("svhn", samples.write_svhn)),
    "celeb_a": Case((64, 64, 3), below("celeb_a", samples.write_celeb_a), None),
    "celeb_a_hq": Case(
        (256, 256, 3), below("celeb_a_hq", samples.write_celeb_a_hq), None
    ),
    "folder": Case((64, 64, 3), samples.write_pictures, None, has_tfds=False),
    "arrays": Case((8, 8, 1), samples.write_arrays, None, has_tfds=False),
    "without": Case((8, 8, 1), None, has_tfds=False, title="digits without 0"),
    "subset": Case((8, 8, 1), None, has_tfds=False, title="1000 digits"),
    "occluded": Case((8, 8, 1), None, has_tfds=False, title="occluded digits"),
    "held_out": Case((8, 8, 1), None, has_tfds=False, title="digits"),
    "stacked_mnist": Case(
        (28, 28, 3),
        below("mnist", samples.write_idx),
        classes=1000,
        has_tfds=False,
        title="stacked mnist",
        options={"count": 300, "test_count": 200},
    ),
}
OFFICIAL = sorted(name for name, case in CASES.items() if case.write)
TFDS = sorted(name for name, case in CASES.items() if case.has_tfds)
SPLITS = ("train", "test")

every = pytest.mark.parametrize("name", sorted(CASES))


@pytest.fixture(scope="module")
def data_dirs(tmp_path_factory) -> dict[str, pathlib.Path]:
    """A `data_dir` a set, with its files in their own format."""
    result = {}
    for name, case in CASES.items():
        result[name] = tmp_path_factory.mktemp(name)
        if case.write:
            case.write(result[name])
    return result


@pytest.fixture(scope="module")
def tfds_dir(tmp_path_factory) -> pathlib.Path:
    """A `data_dir` with all sets as TFDS prepares them."""
    result = tmp_path_factory.mktemp("tfds")
    for name in TFDS:
        samples.write_tfds(name, result)
    return result


@pytest.fixture(scope="module")
def cache_dir(tmp_path_factory) -> pathlib.Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def _no_other_sources(tmp_path, monkeypatch):
    """Keeps the files of this machine out of the tests."""
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    debian = (str(tmp_path / "debian"),)
    monkeypatch.setattr(fashion_mnist.FashionMnist, "other_folders", debian)


def build(name: str, data_dir: pathlib.Path | None, cache_dir: pathlib.Path):
    paths = paths_lib.DataPaths(data_dir=data_dir, cache_dir=cache_dir)
    spec = {"name": name, **CASES[name].options}
    return catalogue.build("dataset", spec, paths=paths)


def rows(images: np.ndarray) -> list[bytes]:
    return [image.tobytes() for image in np.asarray(images)]


def pairs(found) -> list[tuple[bytes, int]]:
    labels = [0] * len(found) if found.labels is None else found.labels
    return list(zip(rows(found.images), labels, strict=True))


def test_every_data_set_has_a_case():
    known = {
        name
        for name in catalogue.names("dataset")
        if issubclass(catalogue.load("dataset", name), dataset.AbstractDataset)
    }
    assert known == set(CASES) | set(test_vector_sets.CASES)


@every
@pytest.mark.parametrize("split", SPLITS)
def test_images_are_uint8_of_the_documented_shape(name, split, data_dirs, cache_dir):
    found = build(name, data_dirs[name], cache_dir).load(split)
    assert (found.name, found.split) == (CASES[name].title or name, split)
    assert found.images.dtype == np.uint8
    assert found.image_shape == CASES[name].shape
    assert len(found) > 0
    assert found.images.min() < 64
    assert found.images.max() > 191
    assert found.source


@every
@pytest.mark.parametrize("split", SPLITS)
def test_labels_lie_in_range_or_are_none(name, split, data_dirs, cache_dir):
    labels = build(name, data_dirs[name], cache_dir).load(split).labels
    classes = CASES[name].classes
    if classes is None:
        assert labels is None
        return
    assert labels.dtype == np.int64
    assert set(labels) <= set(range(classes))


@every
def test_splits_have_no_image_in_common(name, data_dirs, cache_dir):
    made = build(name, data_dirs[name], cache_dir)
    found = [rows(made.load(split).images) for split in made.splits]
    for one, other in itertools.combinations(found, 2):
        assert not set(one) & set(other)


@every
def test_digest_is_the_same_at_every_load(name, data_dirs, cache_dir, tmp_path):
    caches = (cache_dir, cache_dir, tmp_path / "fresh")
    loaded = [build(name, data_dirs[name], cache).load("test") for cache in caches]
    assert len({found.digest for found in loaded}) == 1


@pytest.mark.parametrize("name", TFDS)
@pytest.mark.parametrize("split", SPLITS)
def test_sources_agree(name, split, data_dirs, tfds_dir, cache_dir):
    ours, theirs = (
        build(name, place, cache_dir).load(split)
        for place in (data_dirs[name], tfds_dir)
    )
    assert str(tfds_dir) in theirs.source
    assert ours.source != theirs.source
    # TFDS shuffles the examples when it writes them.
    assert sorted(pairs(ours)) == sorted(pairs(theirs))


@pytest.mark.parametrize("name", OFFICIAL)
def test_nothing_found_lists_the_sources_in_one_line(name, tmp_path):
    with pytest.raises(errors.NotFound) as caught:
        build(name, tmp_path, tmp_path / "cache").load("train")
    message = str(caught.value)
    assert str(tmp_path) in message
    assert "--data_dir" in message
    assert "\n" not in message
    if CASES[name].has_tfds:
        assert str(tmp_path / "tfds" / name) in message


@every
def test_unknown_split_is_refused(name, data_dirs, cache_dir):
    with pytest.raises(errors.InvalidValue, match="Did you mean train"):
        build(name, data_dirs[name], cache_dir).load("trian")


@every
def test_validation_is_held_out_or_a_set_that_does_so_is_named(
    name, data_dirs, cache_dir
):
    found = build(name, data_dirs[name], cache_dir)
    if "validation" in found.splits:
        assert found.load("validation").split == "validation"
    else:
        with pytest.raises(errors.InvalidValue, match="--dataset=held_out"):
            found.load("validation")


@every
def test_options_are_literals_with_help(name):
    for option in catalogue.options("dataset", name).values():
        assert ast.literal_eval(repr(option.default)) == option.default
        assert option.help


@every
def test_base_flags_name_the_data_set(name):
    lines = (FLAGS / f"{name}.cfg").read_text().splitlines()
    flags = [line for line in lines if not line.startswith("#")]
    assert flags[0] == f"--dataset={name}"
    assert all(line.startswith("--batch_size=") for line in flags[1:])
    assert lines[0].startswith("# ")
