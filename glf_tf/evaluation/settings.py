# SPDX-License-Identifier: Apache-2.0
"""What can be measured of a model, and under which settings."""

__all__ = ["METRICS", "Settings", "supported"]

import dataclasses

from glf_tf.inference import sampler
from glf_tf.metrics import protocol, suite
from glf_tf.models import autoencoder, latent, variational
from glf_tf.models import model as model_lib

METRICS = (
    *suite.METRICS,
    "floor",
    "reconstruction_fd",
    "reconstruction",
    "nll",
    "bound",
    "copies",
)
"""What can be asked for: the suite's measures of samples, and

floor              the same measures, of real images of the other split
reconstruction_fd  the same measures, of reconstructions: what no prior can beat
reconstruction     squared error of test images
nll                of the test images' latents, in nats
bound              on -log p(image) of the test images, in nats: importance-weighted,
                   for variational models whose decoder is a density
copies             how near samples come to training images
"""


@dataclasses.dataclass(frozen=True)
class Settings:
    """The protocol that is asked for.

    Attributes:
        samples: Images a trial.
        reference_split: "train" or "test".
        references: How many real images; None for all.
        trials: Independent draws.
        rounded: Whether samples are rounded to uint8.
        seed: Of samples, subsets and clusterings.
        crop: How the real images were cropped and resized, for the record.
        preset: Name of the preset that these are, for the record.
        bound_samples: Samples of the posterior an image, for "bound".
        chain: How latents of reconstructions are found; None for the model's own way.
        start: Where such chains start; one of `infer.STARTS`.
    """

    samples: int = 10_000
    reference_split: str = "test"
    references: int | None = None
    trials: int = 1
    rounded: bool = True
    seed: int = 0
    crop: str = ""
    preset: str = ""
    bound_samples: int = 50
    chain: sampler.AbstractSampler | None = None
    start: str = "auto"

    @classmethod
    def of_preset(cls, name: str, **others) -> "Settings":
        """Returns the settings of a named preset.

        Raises:
            InvalidValue: There is none of that name.
        """
        chosen = dataclasses.asdict(protocol.preset(name))
        return cls(**chosen, preset=name, **others)


def supported(model: model_lib.GenerativeModel | None) -> tuple[str, ...]:
    """Returns the metrics that a model has; those of samples alone where it is None."""
    missing = set()
    if not isinstance(model, latent.AbstractLatentModel):
        missing |= {"reconstruction_fd", "reconstruction"}
    if not isinstance(model, autoencoder.AbstractAutoencoder):
        missing.add("nll")
    is_variational = isinstance(model, variational.AbstractVariational)
    if not is_variational or not model.reconstruction.is_likelihood:
        missing.add("bound")
    return tuple(metric for metric in METRICS if metric not in missing)
