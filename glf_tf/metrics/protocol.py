# SPDX-License-Identifier: Apache-2.0
"""What a number was measured with, stored beside it; and the papers' settings by name.

Xiao, Yan, Amit, Generative Latent Flow, 2019, https://arxiv.org/abs/1905.10485
Two Frechet distances compare only if all of this is equal; most that are compared in
print are not.
"""

__all__ = [
    "PRESETS",
    "Preset",
    "Protocol",
    "Measurement",
    "preset",
    "to_json",
    "from_json",
]

import dataclasses
import json
import statistics
from collections.abc import Sequence
from typing import Any, Literal

from glf_tf import errors

VERSION = 1
"""Of the JSON form."""

Sampling = Literal["plain", "authors"]


@dataclasses.dataclass(frozen=True)
class Preset:
    """The counts and habits of a paper.

    Attributes:
        samples: Generated images a trial.
        reference_split: Which real images they are compared with.
        references: How many of those; None for all.
        trials: Independent draws of samples.
        rounded: Whether samples are rounded to uint8, as in an image file.
    """

    samples: int
    reference_split: Literal["train", "test"]
    references: int | None
    trials: int
    rounded: bool


PRESETS = {
    # Table 1: 10 trials of 10k against 10k; the authors' script wrote image files.
    "glf_paper": Preset(10_000, "test", references=10_000, trials=10, rounded=True),
    # The released code: 50k floats, unrounded, against the whole training set.
    "lfbm": Preset(50_000, "train", references=None, trials=1, rounded=False),
}


def preset(name: str) -> Preset:
    """Returns a preset.

    Raises:
        InvalidValue: There is none of that name.
    """
    if name not in PRESETS:
        raise errors.InvalidValue(
            "A preset must be known",
            received=name,
            do=errors.suggestion(name, known=PRESETS),
        )
    return PRESETS[name]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Protocol:
    """All that decides a number, except for the model.

    Attributes:
        subject: What was measured: "samples", "reconstructions", "train images".
        dataset: The name of the data set.
        extractor: The extractor's name.
        extractor_checksum: The digest of its weights.
        reference_split: Which real images, such as "test".
        reference_digest: Their digest.
        references: How many of them.
        samples: How many images were measured a trial.
        trials: How many independent draws.
        rounded: Whether the images were rounded to uint8.
        crop: How the real images were cropped and resized; "" for as they are.
        sampling: "plain", or "authors" for batch statistics and a per-image stretch
            while sampling, as in the GLF authors' script.
        seed: Of samples, subsets and clusterings.
        preset: The name of the preset, "" for none.
    """

    subject: str
    dataset: str
    extractor: str
    extractor_checksum: str
    reference_split: str
    reference_digest: str
    references: int
    samples: int
    trials: int
    rounded: bool
    crop: str
    sampling: Sampling
    seed: int
    preset: str = ""

    def __post_init__(self):
        """Checks the counts and the sampling.

        Raises:
            InvalidValue: There is nothing to measure, or no such sampling.
        """
        if min(self.samples, self.references) < 2 or self.trials < 1:
            raise errors.InvalidValue(
                "A protocol needs two images on either side, and one trial",
                received=f"samples={self.samples}, references={self.references}, "
                f"trials={self.trials}",
                do="Measure more",
            )
        if self.sampling not in ("plain", "authors"):
            raise errors.InvalidValue(
                "Sampling must be plain or authors",
                received=self.sampling,
                do=errors.suggestion(self.sampling, known=("plain", "authors")),
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Measurement:
    """A number with all that produced it.

    Attributes:
        metric: Its key, such as "fd".
        title: Its name for people, such as "FID" or "FD-classifier(mnist)".
        values: One a trial.
        protocol: What it was measured with.
        notes: What a reader must know, such as too few samples.
    """

    metric: str
    title: str
    values: tuple[float, ...]
    protocol: Protocol
    notes: tuple[str, ...] = ()

    def __post_init__(self):
        """Checks that there is one value a trial.

        Raises:
            InvalidValue: There is not.
        """
        if len(self.values) != self.protocol.trials:
            raise errors.InvalidValue(
                "A measurement has one value a trial",
                received=f"{len(self.values)} values, {self.protocol.trials} trials",
                do="State the trials that were run",
            )

    @property
    def mean(self) -> float:
        """Mean over the trials."""
        return statistics.fmean(self.values)

    @property
    def std(self) -> float | None:
        """Standard deviation over the trials, of one trial less; None for one."""
        return statistics.stdev(self.values) if len(self.values) > 1 else None

    def to_dict(self) -> dict[str, Any]:
        """Returns everything in kinds that JSON knows, with mean and std."""
        return {
            "version": VERSION,
            "metric": self.metric,
            "title": self.title,
            "mean": self.mean,
            "std": self.std,
            "values": list(self.values),
            "notes": list(self.notes),
            "protocol": dataclasses.asdict(self.protocol),
        }

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> "Measurement":
        """Returns the measurement that `to_dict` wrote.

        Raises:
            InvalidValue: It is of another version, or incomplete.
        """
        if record.get("version") != VERSION:
            raise errors.InvalidValue(
                f"A measurement must be of version {VERSION}",
                received=f"version {record.get('version')}",
                do="Measure again, or read it with the version that wrote it",
            )
        try:
            return cls(
                metric=record["metric"],
                title=record["title"],
                values=tuple(record["values"]),
                notes=tuple(record["notes"]),
                protocol=Protocol(**record["protocol"]),
            )
        except (KeyError, TypeError) as error:
            raise errors.InvalidValue(
                "A measurement must have all of its fields, and no others",
                received=f"a record that lacks or misnames one ({error})",
                do="Do not edit records by hand",
            ) from error


def to_json(measurements: Sequence[Measurement]) -> str:
    """Returns measurements as a JSON list."""
    return json.dumps([one.to_dict() for one in measurements], indent=2)


def from_json(text: str) -> list[Measurement]:
    """Returns the measurements that `to_json` wrote."""
    return [Measurement.from_dict(record) for record in json.loads(text)]
