# SPDX-License-Identifier: Apache-2.0
"""Writes tiny copies of the data sets, in the formats in which they are distributed."""

import gzip
import io
import pathlib
import struct
from collections.abc import Iterable, Mapping

import h5py
import numpy as np
import tensorflow_datasets as tfds
from PIL import Image
from scipy import io as scipy_io

COUNTS = {"train": 12, "test": 5}
VERSIONS = {
    "mnist": "3.0.1",
    "fashion_mnist": "3.0.1",
    "cifar10": "3.0.2",
    "svhn_cropped": "3.1.0",
    "celeb_a": "2.1.0",
    "celeb_a_hq": "2.0.0",
}


def pixels(split: str, shape: tuple[int, ...], count: int | None = None) -> np.ndarray:
    """Random images, the same at every call and others in each split."""
    random = np.random.default_rng(["train", "test"].index(split))
    count = COUNTS[split] if count is None else count
    return random.integers(0, 256, (count, *shape), np.uint8)


def labels(split: str) -> np.ndarray:
    return np.arange(COUNTS[split], dtype=np.int64) % 10


def idx_bytes(values: np.ndarray) -> bytes:
    head = bytes([0, 0, 8, values.ndim]) + struct.pack(
        f">{values.ndim}I", *values.shape
    )
    return head + values.astype(np.uint8).tobytes()


def write_idx(folder: pathlib.Path, *, dotted: bool = False, packed: bool = True):
    """Writes the four files of MNIST."""
    folder.mkdir(parents=True, exist_ok=True)
    for split, prefix in (("train", "train"), ("test", "t10k")):
        for kind, values in (
            ("images-idx3-ubyte", pixels(split, (28, 28))),
            ("labels-idx1-ubyte", labels(split)),
        ):
            name = f"{prefix}-{kind}".replace("-idx", ".idx" if dotted else "-idx")
            data = idx_bytes(values)
            if packed:
                (folder / f"{name}.gz").write_bytes(gzip.compress(data))
            else:
                (folder / name).write_bytes(data)


def write_cifar10(folder: pathlib.Path):
    """Writes the six binary files; the training images are spread over five."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"data_batch_{index}.bin" for index in range(1, 6)]
    for split, files in (("train", names), ("test", ["test_batch.bin"])):
        planes = pixels(split, (32, 32, 3)).transpose(0, 3, 1, 2)
        rows = planes.reshape(COUNTS[split], -1)
        records = np.concatenate([labels(split)[:, None].astype(np.uint8), rows], 1)
        for file, part in zip(files, np.array_split(records, len(files)), strict=True):
            part.tofile(folder / file)


def write_svhn(folder: pathlib.Path):
    """Writes the two files of MATLAB, where the digit 0 is class 10."""
    folder.mkdir(parents=True, exist_ok=True)
    for split in COUNTS:
        y = np.where(labels(split) == 0, 10, labels(split)).astype(np.uint8)
        content = {
            "X": pixels(split, (32, 32, 3)).transpose(1, 2, 3, 0),
            "y": y[:, None],
        }
        scipy_io.savemat(folder / f"{split}_32x32.mat", content)


def smooth(shape: tuple[int, int], *, seed: int) -> Image.Image:
    """A picture without sharp edges, which survives JPEG well."""
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 5, 3), np.uint8)
    return Image.fromarray(coarse).resize(shape, Image.Resampling.BICUBIC)


def jpeg(shape: tuple[int, int], *, seed: int) -> bytes:
    stream = io.BytesIO()
    smooth(shape, seed=seed).save(stream, "JPEG")
    return stream.getvalue()


def faces() -> list[tuple[str, str, bytes]]:
    """(name, part, file) of the pictures of CelebA."""
    parts = ["0"] * COUNTS["train"] + ["1"] * 2 + ["2"] * COUNTS["test"]
    return [
        (f"{index:06d}.jpg", part, jpeg((178, 218), seed=index))
        for index, part in enumerate(parts, start=1)
    ]


def write_celeb_a(folder: pathlib.Path):
    (folder / "img_align_celeba").mkdir(parents=True)
    for name, _, data in faces():
        (folder / "img_align_celeba" / name).write_bytes(data)
    lines = [f"{name} {part}\n" for name, part, _ in faces()]
    (folder / "list_eval_partition.txt").write_text("".join(lines))


def high_resolution(count: int = 40) -> list[tuple[str, bytes]]:
    """(name, file) of the pictures of CelebA-HQ at 256x256 pixels."""
    result = []
    for index in range(count):
        stream = io.BytesIO()
        smooth((256, 256), seed=1000 + index).save(stream, "PNG")
        result.append((f"{index + 1:05d}.png", stream.getvalue()))
    return result


def write_celeb_a_hq(folder: pathlib.Path):
    folder.mkdir(parents=True)
    for name, data in high_resolution():
        (folder / name).write_bytes(data)


def write_pictures(folder: pathlib.Path, count: int = 40):
    """Writes pictures of several sizes, kinds and depths of folder."""
    for index in range(count):
        place = folder / ["", "a", "a/b"][index % 3]
        place.mkdir(parents=True, exist_ok=True)
        suffix = ["png", "jpg", "JPEG", "bmp"][index % 4]
        picture = smooth((20 + index, 45 - index // 2), seed=index)
        picture.save(place / f"picture_{index:02d}.{suffix}")


def write_arrays(folder: pathlib.Path, count: int = 20):
    """Writes grey images as NumPy does: floats for training, bytes for the test."""
    images = np.random.default_rng(0).integers(0, 256, [count, 8, 8], np.uint8)
    np.save(folder / "train.npy", images[5:] / np.float32(255))
    np.savez_compressed(folder / "test.npz", images[:5, ..., np.newaxis])


def write_tfds(
    name: str,
    data_dir: pathlib.Path,
    *,
    shards: int = 1,
    examples: Mapping[str, Iterable] | None = None,
):
    """Writes what TFDS leaves on the disk after it has prepared a set.

    Args:
        name: The set.
        data_dir: Where to.
        shards: How many files a split has.
        examples: Those of each split; the small set's own without.
    """
    examples = _examples(name) if examples is None else examples
    features = _features(name)

    def info(self):
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(features)
        )

    def splits(self, dl_manager):
        return {split: self._generate_examples(split) for split in examples}

    def generate(self, split):
        yield from enumerate(examples[split])

    # The official builder is registered under the same name already.
    with tfds.core.registered.skip_registration():
        class_name = "".join(part.title() for part in name.split("_"))
        members = {
            "VERSION": tfds.core.Version(VERSIONS[name]),
            "pkg_dir_path": pathlib.Path(__file__).parent,
            "name": name,
            "_info": info,
            "_split_generators": splits,
            "_generate_examples": generate,
        }
        if name == "celeb_a_hq":
            config = tfds.core.BuilderConfig(
                name="256", version=VERSIONS[name], description="256 pixels"
            )
            members["BUILDER_CONFIGS"] = [config]
        builder = type(class_name, (tfds.core.GeneratorBasedBuilder,), members)
    config = tfds.download.DownloadConfig(num_shards=shards)
    builder(data_dir=data_dir).download_and_prepare(download_config=config)


def _features(name: str) -> dict:
    if name == "celeb_a":
        return {
            "image": tfds.features.Image(shape=(218, 178, 3), encoding_format="jpeg")
        }
    if name == "celeb_a_hq":
        image = tfds.features.Image(shape=(256, 256, 3), encoding_format="png")
        return {"image": image, "image/filename": tfds.features.Text()}
    shape = (28, 28, 1) if "mnist" in name else (32, 32, 3)
    return {
        "image": tfds.features.Image(shape=shape),
        "label": tfds.features.ClassLabel(num_classes=10),
    }


def _examples(name: str) -> dict[str, list[dict]]:
    if name == "celeb_a":
        parts = {"train": "0", "validation": "1", "test": "2"}
        return {
            split: [{"image": io.BytesIO(data)} for _, p, data in faces() if p == part]
            for split, part in parts.items()
        }
    if name == "celeb_a_hq":
        return {
            "train": [
                {"image": io.BytesIO(data), "image/filename": file}
                for file, data in high_resolution()
            ]
        }
    shape = (28, 28, 1) if "mnist" in name else (32, 32, 3)
    return {
        split: [
            {"image": image, "label": label}
            for image, label in zip(pixels(split, shape), labels(split), strict=True)
        ]
        for split in COUNTS
    }


def write_power(folder: pathlib.Path):
    """Writes 400 rows of POWER, as the archive of the density literature has them."""
    (folder / "power").mkdir(parents=True)
    rows = np.random.default_rng(0).normal(size=(400, 8)) * np.arange(1, 9)
    np.save(folder / "power" / "data.npy", np.round(rows, 2))


def write_gas(folder: pathlib.Path):
    """Writes 400 rows of GAS, in which every other sensor is nearly the next one."""
    (folder / "gas").mkdir(parents=True)
    random = np.random.default_rng(1)
    unlike = random.normal(size=(400, 8))
    rows = unlike.repeat(2, axis=1) + 0.01 * random.normal(size=(400, 16))
    np.save(folder / "gas" / "ethylene_CO.npy", rows)


def write_hepmass(folder: pathlib.Path):
    """Writes HEPMASS: a class, 21 columns that vary, 6 that do not."""
    (folder / "hepmass").mkdir(parents=True)
    random = np.random.default_rng(2)
    for name, columns in (("1000_train.csv", 0), ("1000_test.csv", 1)):
        rows = [np.arange(300)[:, np.newaxis] % 2, random.normal(size=(300, 21))]
        rows += [random.integers(0, 3, size=(300, 6)), np.ones([300, columns])]
        titles = ["# label", *(f"f{place}" for place in range(27 + columns))]
        np.savetxt(
            folder / "hepmass" / name,
            np.hstack(rows),
            delimiter=",",
            header=",".join(titles),
            comments="",
        )


def write_miniboone(folder: pathlib.Path):
    """Writes 400 rows of MINIBOONE."""
    (folder / "miniboone").mkdir(parents=True)
    rows = np.random.default_rng(3).normal(1.0, 2.0, size=(400, 43))
    np.save(folder / "miniboone" / "data.npy", rows)


def write_bsds300(folder: pathlib.Path):
    """Writes 90 patches of BSDS300."""
    (folder / "BSDS300").mkdir(parents=True)
    random = np.random.default_rng(4)
    with h5py.File(folder / "BSDS300" / "BSDS300.hdf5", "w") as stream:
        for split, count in (("train", 40), ("validation", 20), ("test", 30)):
            stream[split] = random.normal(size=(count, 63))


WRITE_ARCHIVED = {
    "power": write_power,
    "gas": write_gas,
    "hepmass": write_hepmass,
    "miniboone": write_miniboone,
    "bsds300": write_bsds300,
}
