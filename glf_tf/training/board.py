# SPDX-License-Identifier: Apache-2.0
"""Where TensorBoard shows a scalar, and what it says of it.

A term is one chart, "curves/nll", of its averages over an epoch of training and over
held-out images: two runs "train" and "test" (or "validation") of TensorBoard, which are
folders of events. The averages over a few steps are another chart, "steps/nll".
"""

__all__ = ["MAIN", "SPEED", "TRAIN", "Place", "description", "place"]

from typing import NamedTuple

SPEED = "examples_per_second"
"""The scalar of the speed of training, after the prefix of its interval."""

MAIN, TRAIN = "", "train"
"""The runs of what belongs to no split, and of training."""

_HELD_OUT = ("validation", "test")
_EPOCH = "epoch"
_MEASURES = "evaluation"
_LEARNING_RATE = "learning_rate"

_TERMS = {
    "accuracy": "Share of images on whose side the critic's score is right: 0.5 where "
    "it cannot tell them apart.",
    "adaptive_weight": "The weight of the critic's term, from the norms of both "
    "gradients at the decoder's last layer.",
    "adversarial": "What the encoder loses by codes that are told from the prior's "
    "draws.",
    "balance": "k, the weight of the error of generated images in the critic's loss.",
    "bits_per_dim": "Negative log-likelihood of images, in bits per dimension.",
    "contrast": "Energy of the posterior's latents minus that of the prior's: what "
    "trains the energy.",
    "convergence": "BEGAN's measure of convergence: small where images are "
    "reconstructed and both errors are in balance.",
    "critic": "The critic's loss.",
    "critic_code": "The critic's loss on codes.",
    "critic_made": "The critic's hinge loss on decoded images: 1 where it is "
    "helpless, 0 where it is never wrong.",
    "critic_prior": "The critic's loss on the prior's draws.",
    "critic_real": "The critic's hinge loss on real images: 1 where it is helpless, 0 "
    "where it is never wrong.",
    "cross_entropy": "-log p(z) of posterior draws, in nats an image.",
    "distance": "The critic's score of real images minus that of generated ones.",
    "encoder": "The encoder's loss.",
    "energy": "Energy of images; small where the model finds them likely.",
    "energy_of_posterior": "Energy of latents that were inferred from images.",
    "energy_of_prior": "Energy of latents that were drawn from the prior.",
    "error": "Error of decoded images by features or pixels.",
    "features": "Distance of decoded images from images in features of a network.",
    "generator": "The generator's loss.",
    "gradient_norm": "Norm of the gradient of the critic's score by the image.",
    "gradient_penalty": "Penalty on the gradient of the decoder by the code.",
    "information": "Cross-entropy of telling images with their noise from images with "
    "another's, in nats.",
    "judged": "The critic's mean score of decoded images, with the other sign: what "
    "the decoder minimises.",
    "kl": "Divergence of the posterior from the prior, in nats an image.",
    "l2": "Squared norm of the decoder's weights.",
    "label_bits": "Bits that the image's label takes.",
    "label_error": "Share of images whose label is not the likeliest.",
    "latent": "What is paid for the squared norm of codes.",
    "latent_kl": "Divergence of the second stage's posterior, in nats an image.",
    "latent_reconstruction": "-log p of the first stage's codes, in nats an image.",
    "made_error": "Error of generated images, reconstructed by the critic.",
    "match": "Mean squared distance of latents from what the network makes of noise.",
    "mmd": "Maximum mean discrepancy of codes and draws of the prior.",
    "moments": "Distance of the moments of codes from those of the prior.",
    "mse": "Mean squared error of a pixel, on the scale of training.",
    "mutual_information": "Estimate of the information of noise and image, in nats.",
    "negative_elbo": "Negative evidence lower bound, in nats an image.",
    "negative_entropy": "Negative entropy of the posterior, in nats an image.",
    "nll": "-log p(z) of latents, in nats an image. It rises as codes spread, and "
    "compares densities of the same codes alone.",
    "penalty": "The penalty on the critic's gradient.",
    "real_error": "Error of real images, reconstructed by the critic.",
    "reconstruction": "Error of reconstructions, an image; by a likelihood, nats.",
    "squared_error": "Squared error of decoded images, an image.",
}

_CHAINS = {
    "acceptance": "Share of proposals that the chains accepted.",
    "divergence": "0, or infinite where a chain diverged.",
    "energy": "Energy at the end of the chains.",
    "gradient_norm": "Norm of the energy's gradient at the end of the chains.",
    "movement": "Distance of the chains' ends from their starts.",
    "steps": "Steps of the chains.",
}


class Place(NamedTuple):
    """Where a scalar is shown.

    Attributes:
        run: The run: the name of a folder of events, or `MAIN`.
        tag: The tag: the name of a group, a slash, and a name.
    """

    run: str
    tag: str


def place(name: str) -> Place:
    """Returns where TensorBoard shows a scalar of `metrics.jsonl`.

    Args:
        name: Its name, such as "epoch/nll".
    """
    prefix, _, rest = name.partition("/")
    if rest == SPEED:
        return Place(TRAIN, f"speed/{SPEED}")
    if prefix == TRAIN:
        return Place(TRAIN, f"steps/{rest}")
    if prefix == _EPOCH:
        return Place(TRAIN, f"curves/{rest}")
    if prefix in _HELD_OUT:
        return Place(prefix, f"curves/{rest}")
    return Place(TRAIN if prefix == _LEARNING_RATE else MAIN, name)


def description(tag: str) -> str:
    """Returns what TensorBoard says of a tag; "" for terms of others' models."""
    group, _, name = tag.partition("/")
    if group == _LEARNING_RATE:
        return f"Learning rate of the group {name}."
    if group == _MEASURES:
        return "See the table of tools/evaluate.py for samples, extractor and trials."
    if name.startswith("gradient_norm/"):
        return f"Norm of the gradient of the group {name.rpartition('/')[2]}."
    if group == "cost":
        return "Mean over the seeds."
    if tag == f"speed/{SPEED}":
        return "Examples a second, without validation and saving."
    sampler, _, of_chain = name.partition("_")
    if sampler in ("posterior", "prior") and of_chain in _CHAINS:
        return _CHAINS[of_chain]
    return _TERMS.get(name, "")
