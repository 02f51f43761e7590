# SPDX-License-Identifier: Apache-2.0
"""What is recorded with a measurement: the protocol under which it was made."""

__all__ = ["Records"]

import dataclasses

import numpy as np

from glf_tf.data import image_set
from glf_tf.evaluation import image_sources
from glf_tf.evaluation import settings as settings_lib
from glf_tf.metrics import digest, protocol


class Records:
    """Makes measurements of numbers, for one data set and its settings."""

    def __init__(
        self,
        settings: settings_lib.Settings,
        *,
        test: image_set.ImageSet,
        references: np.ndarray,
    ):
        """Initializes the records.

        Args:
            settings: The settings of the evaluation.
            test: The test images.
            references: The real images that others are compared with.
        """
        self.settings = settings
        self._test, self._references = test, references

    def plain(
        self,
        numbers: dict,
        *,
        source: image_sources.AbstractImageSource,
        space: str,
        of: str | None = None,
        count: int | None = None,
        rounded: bool = False,
        notes: tuple[str, ...] = (),
    ) -> list[protocol.Measurement]:
        """Returns measurements of one trial that need no extractor.

        Those of `of`, by default what the source is called. Reconstructions are
        measured on all test images, whatever the settings.
        """
        identity = {
            "extractor": space,
            "extractor_checksum": "",
            "reference_split": self.settings.reference_split,
            "reference_digest": digest.of_array(self._references),
            "references": len(self._references),
        }
        asked = self.protocol(source, count=count or len(self._test), identity=identity)
        settings = dataclasses.replace(
            asked, trials=1, rounded=rounded, source=of or source.name
        )
        return [
            protocol.Measurement(
                metric=key,
                title=key.replace("_", " "),
                values=(float(value),),
                protocol=settings,
                notes=notes,
            )
            for key, value in numbers.items()
        ]

    def protocol(
        self, source: image_sources.AbstractImageSource, *, count: int, identity: dict
    ) -> protocol.Protocol:
        """Returns how images of a source are measured.

        Args:
            source: The images.
            count: Their number.
            identity: What they are compared with: the fields of the extractor and the
                reference.
        """
        asked = self.settings
        return protocol.Protocol(
            **identity,
            source=source.name,
            dataset=self._test.name,
            samples=count,
            # Reconstructions are the same in every trial.
            trials=1 if source.name == "reconstructions" else asked.trials,
            rounded=asked.rounded,
            crop=asked.crop,
            sampling=source.sampling,
            seed=asked.seed,
            preset=asked.preset,
        )
