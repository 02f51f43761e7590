# SPDX-License-Identifier: Apache-2.0
"""What the signatures of exported models do, and what their tensors mean."""

__all__ = [
    "DEFAULT",
    "SIGNATURES",
    "Meaning",
    "default_of",
    "missing",
    "noise_law",
    "of",
]

from collections.abc import Collection
from typing import Any, NamedTuple

DEFAULT = "serving_default"
"""The name of the signature that a server calls where a client names none."""

_PREFERRED = ("reconstruct", "decode", "log_prob", "sample")
"""The first of these that a model has is its `serving_default`."""

SIGNATURES = {
    "sample": "Draws examples; the same seed draws the same ones.",
    "decode_noise": "Makes examples of noise that the caller draws.",
    "decode_noise_of_labels": "Makes examples of labels and of noise that the caller "
    "draws.",
    "encode": "Finds the latents of images.",
    "decode": "Makes images of latents.",
    "reconstruct": "Encodes images and decodes their latents.",
    "log_prob": "Measures how likely examples are.",
    "interpolate": "Makes images between two images.",
    "infer": "Finds latents of images of which pixels are hidden, by chains.",
    "inpaint": "Completes images of which pixels are hidden.",
    "score": "Measures how unlike the training images others are; larger for "
    "anomalies.",
    "sample_of_labels": "Draws examples of labels.",
    "sample_guided": "Draws examples that are more typical of labels.",
    "log_prob_of_labels": "Measures how likely examples are given labels.",
    "label_log_probs": "Measures how likely each label is, given an example.",
}
"""What each signature does."""


class Meaning(NamedTuple):
    """What a tensor means.

    Attributes:
        meaning: What it is.
        range: Its values.
        unit: Their unit; "" for none.
    """

    meaning: str
    range: str
    unit: str = ""


_TENSORS = {
    "image": Meaning("images", "[0, 1]", "intensity, 0 black and 1 white"),
    "start": Meaning("images to start from", "[0, 1]", "intensity"),
    "end": Meaning("images to end at", "[0, 1]", "intensity"),
    "mask": Meaning("which pixels are visible", "0 hidden, 1 visible"),
    "vector": Meaning("vectors", "finite", "that of the training data"),
    "z": Meaning("latents", "finite"),
    "num_samples": Meaning("how many", "0 and more"),
    "num_steps": Meaning("how many images a line, with both ends", "1 and more"),
    "seed": Meaning("seed of all draws", "any two whole numbers"),
    "temperature": Meaning("factor on the deviation of noise", "0 to 1,000; usually 1"),
    "guidance": Meaning(
        "factor on what a label changes", "-1,000 to 1,000; 1 for none"
    ),
    "score": Meaning("anomaly score", "larger for anomalies"),
    "log_likelihood": Meaning("log-density of images given z", "finite", "nats"),
    "log_prior": Meaning("log-density of z", "finite", "nats"),
    "label_log_probs": Meaning("log-probability of each label", "0 and less", "nats"),
}


def noise_law(model: Any) -> str:
    """Returns the density of the draws that `decode_noise` takes."""
    return getattr(model, "noise_law", "N(0, 1)")


def of(model: Any, tensor: str) -> Meaning:
    """Returns what an input or output of a model's signatures means."""
    if tensor == "noise":
        return Meaning(f"independent draws of {noise_law(model)}", "finite")
    if tensor == "label":
        return Meaning("labels", f"0 to {max(model.num_classes - 1, 0)}")
    if tensor == "log_prob":
        return Meaning(model.log_prob_meaning, "finite, or -inf", "nats")
    return _TENSORS.get(tensor, Meaning(tensor.replace("_", " "), "finite"))


def default_of(names: Collection[str]) -> str | None:
    """Returns the signature that `serving_default` is the same as; None of none."""
    found = [name for name in _PREFERRED if name in names] or sorted(names)
    return found[0] if found else None


def missing(model: Any, names: Collection[str]) -> dict[str, str]:
    """Returns the signatures that a model lacks, with the reason."""
    found = {}
    if not {"decode_noise", "decode_noise_of_labels"} & set(names):
        found["decode_noise"] = (
            "its samples are no map of noise of a fixed size: use `sample`"
        )
    if not hasattr(model, "encode"):
        for name in ("encode", "reconstruct", "interpolate"):
            found[name] = "the model has no encoder"
    return found
