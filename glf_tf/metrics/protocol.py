# SPDX-License-Identifier: Apache-2.0
"""The protocol of a measurement, stored with it; and presets of published settings.

Xiao, Yan, Amit, Generative Latent Flow, 2019, https://arxiv.org/abs/1905.10485
Two Frechet distances are comparable only if their protocols are equal, which most
published comparisons neglect.
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
import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from glf_tf import errors

VERSION = 1
"""Version of the JSON format."""

Sampling = Literal["plain", "authors"]


@dataclasses.dataclass(frozen=True)
class Preset:
    """The protocol of a paper.

    Attributes:
        samples: Generated images per trial.
        reference_split: The split of the real images.
        references: Number of real images; None for all.
        trials: Number of independent draws of samples.
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
        InvalidValue: There is no such preset.
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
    """Everything that determines a measurement, except for the model.

    Attributes:
        source: The images measured: "samples", "reconstructions", "real train images",
            "test latents" of which the density is known.
        dataset: The name of the data set.
        reference_split: The split of the real images, such as "test".
        reference_digest: Digest of the real images.
        references: Number of real images.
        samples: Number of images measured per trial.
        extractor: The extractor's name; "" for none.
        extractor_checksum: The digest of its weights; "" for none.
        trials: Number of independent draws.
        rounded: Whether the images were rounded to uint8.
        crop: How the real images were cropped and resized; "" for not at all.
        sampling: "plain", or "authors" for batch statistics and a per-image stretch
            while sampling, as in the GLF authors' script.
        seed: Seed of samples, subsets and clusterings.
        preset: The name of the preset, "" for none.
    """

    source: str
    dataset: str
    reference_split: str
    reference_digest: str
    references: int
    samples: int
    extractor: str = ""
    extractor_checksum: str = ""
    trials: int = 1
    rounded: bool = False
    crop: str = ""
    sampling: Sampling = "plain"
    seed: int = 0
    preset: str = ""

    def __post_init__(self):
        """Checks the counts and the sampling.

        Raises:
            InvalidValue: A count is too small, or there is no such sampling.
        """
        if min(self.samples, self.references) < 2 or self.trials < 1:
            raise errors.InvalidValue(
                "A protocol needs two samples, two references and one trial",
                received=f"samples={self.samples}, references={self.references}, "
                f"trials={self.trials}",
                do="Use larger numbers",
            )
        if self.sampling not in ("plain", "authors"):
            raise errors.InvalidValue(
                "Sampling must be plain or authors",
                received=self.sampling,
                do=errors.suggestion(self.sampling, known=("plain", "authors")),
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Measurement:
    """A measured metric with the protocol that produced it.

    Attributes:
        metric: Its key, such as "fd".
        title: Its display name, such as "FID" or "FD-classifier(mnist)".
        values: One value per trial.
        protocol: The protocol.
        notes: Caveats, such as too few samples.
    """

    metric: str
    title: str
    values: tuple[float, ...]
    protocol: Protocol
    notes: tuple[str, ...] = ()

    def __post_init__(self):
        """Checks that there is one value per trial.

        Raises:
            InvalidValue: The number of values differs.
        """
        if len(self.values) != self.protocol.trials:
            raise errors.InvalidValue(
                "A measurement has one value per trial",
                received=f"{len(self.values)} values, {self.protocol.trials} trials",
                do="State the trials that were run",
            )

    @property
    def name(self) -> str:
        """Its key, with what was measured unless samples: "nll_of_test_latents"."""
        source = self.protocol.source.replace(" ", "_")
        return self.metric if source == "samples" else f"{self.metric}_of_{source}"

    @property
    def mean(self) -> float:
        """Mean over the trials."""
        return statistics.fmean(self.values)

    @property
    def std(self) -> float | None:
        """Sample standard deviation over the trials; None for one trial."""
        return statistics.stdev(self.values) if len(self.values) > 1 else None

    def to_dict(self) -> dict[str, Any]:
        """Returns all fields as JSON values, with mean and std."""
        return {
            "version": VERSION,
            "metric": self.metric,
            "title": self.title,
            "mean": _plain(self.mean),
            "std": _plain(self.std),
            "values": [_plain(value) for value in self.values],
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
                values=tuple(_number(value) for value in record["values"]),
                notes=tuple(record["notes"]),
                protocol=Protocol(**_fields(record["protocol"])),
            )
        except (KeyError, TypeError) as error:
            raise errors.InvalidValue(
                "A measurement must have exactly its fields",
                received=f"a record with missing or unknown fields ({error})",
                do="Do not edit records by hand",
            ) from error


def _plain(value: float | None) -> float | str | None:
    """Returns a number as JSON has it, which has no infinity and no NaN."""
    return value if value is None or math.isfinite(value) else str(value)


def _number(value: float | str) -> float:
    """Returns what `_plain` wrote."""
    return float(value) if value in ("inf", "-inf", "nan") else value


def _fields(record: dict[str, Any]) -> dict[str, Any]:
    """Returns the fields of a protocol; older records call `source` "subject".

    Raises:
        KeyError: A field is missing, which a default would hide.
    """
    found = {"source" if k == "subject" else k: v for k, v in record.items()}
    names = {field.name for field in dataclasses.fields(Protocol)}
    names -= {"preset"}  # which older records have not
    if missing := names - found.keys():
        raise KeyError(*sorted(missing))
    return found


def to_json(
    measurements: Sequence[Measurement], *, run: Mapping[str, Any] | None = None
) -> str:
    """Returns measurements as a JSON list.

    Args:
        measurements: The measurements.
        run: What tells the run that was measured from others, kept in each as "run".
    """
    of_run = {} if run is None else {"run": dict(run)}
    return json.dumps([each.to_dict() | of_run for each in measurements], indent=2)


def from_json(text: str) -> list[Measurement]:
    """Returns the measurements that `to_json` wrote; of which run is left out."""
    return [Measurement.from_dict(record) for record in json.loads(text)]
