# SPDX-License-Identifier: Apache-2.0
"""What can be measured of a model, and under which settings."""

__all__ = ["METRICS", "OF_VECTORS", "Settings", "supported"]

import dataclasses

from glf_tf.inference import sampler
from glf_tf.metrics import modes, protocol, suite
from glf_tf.models import (
    autoencoder,
    base_model,
    chains,
    density,
    image_flow,
    variational,
)

METRICS = (
    *suite.METRICS,
    "floor",
    "reconstruction_fd",
    "reconstruction",
    "nll",
    "calibration",
    "bound",
    "bits_per_dim",
    "inverse_error",
    "bayes",
    "label_accuracy",
    "modes",
    "copies",
)
"""What can be asked for: the suite's measures of samples, and

floor              the same measures, of real images of the other split
reconstruction_fd  the same measures, of reconstructions: what no prior can beat
reconstruction     squared error of test images
nll                of the test images' latents, in nats
calibration        whether the prior's regions contain as many of the test images'
                   latents as they should: ranks among as many draws as samples
bound              on -log p(image) of the test images, in nats: importance-weighted,
                   for variational models whose decoder is a density
bits_per_dim       of the test images, for flows on images: an upper bound of the bits
                   that each number takes, beside those of models that only count
inverse_error      of flows on images: how far the inverse is from giving images back,
                   in levels, on the data and on noise, constant and saturated images
bayes              of models conditional on labels: the share of test images whose label
                   is the most likely one under the model, by the rule of Bayes
label_accuracy     of the same models: the share of samples whose label the data set's
                   classifier finds, as many of each label
modes              how many classes of the data samples cover, by the same classifier,
                   and KL(samples' shares of them || the data's), in nats
copies             how near samples come to training images
"""


OF_VECTORS = ("nll", "calibration", "bayes")
"""Those of densities of vectors; bayes of densities given labels."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """The protocol that is asked for.

    Attributes:
        samples: Images a trial.
        reference_split: "train", "test", or "validation" if an evaluation has held-out
            images in the place of the test images.
        references: How many real images; None for all.
        trials: Independent draws.
        rounded: Whether samples are rounded to uint8.
        seed: Of samples, subsets and clusterings.
        crop: How the real images were cropped and resized, for the record.
        preset: Name of the preset that these are, for the record.
        bound_samples: Samples of the posterior an image, for "bound".
        mode_samples: Samples, for "modes".
        dequantization_draws: Draws of noise an image, for "bits_per_dim".
        chain: How latents of reconstructions are found; None for the model's own way.
        start: Where such chains start; one of `infer.STARTS`.
        temperature: Factor on the noise of samples, for "label_accuracy".
        guidance: Factor on what a label changes in them, for a model that can be
            guided; None for its prior's.
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
    mode_samples: int = modes.SAMPLES
    dequantization_draws: int = 8
    chain: sampler.AbstractSampler | None = None
    start: str = "auto"
    temperature: float = 1.0
    guidance: float | None = None

    @classmethod
    def of_preset(cls, name: str, **others) -> "Settings":
        """Returns the settings of a named preset.

        Raises:
            InvalidValue: There is none of that name.
        """
        chosen = dataclasses.asdict(protocol.preset(name))
        return cls(**chosen, preset=name, **others)


def supported(
    model: base_model.AbstractModel | None, *, has_labels: bool = True
) -> tuple[str, ...]:
    """Returns the metrics that a model has; those of samples alone where it is None.

    Args:
        model: The model, or None.
        has_labels: Whether the images have labels.
    """
    if isinstance(model, density.Density):
        return OF_VECTORS if model.num_classes else OF_VECTORS[:-1]
    missing = set() if has_labels else {"modes"}
    is_flow = isinstance(model, image_flow.ImageFlow)
    if not isinstance(model, chains.InfersLatents):
        missing |= {"reconstruction_fd", "reconstruction"}
    if not isinstance(model, autoencoder.AbstractAutoencoder):
        missing |= {"nll", "calibration"}
    if not is_flow:
        missing |= {"bits_per_dim", "inverse_error"}
    if model is None or not model.num_classes:
        missing |= {"bayes", "label_accuracy"}
    is_variational = isinstance(model, variational.AbstractVariational)
    if not is_variational or not model.reconstruction.is_likelihood:
        missing.add("bound")
    return tuple(metric for metric in METRICS if metric not in missing)
