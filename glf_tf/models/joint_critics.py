# SPDX-License-Identifier: Apache-2.0
"""Joint critics: their branch of images is our own, a family's, or a user's layer."""

__all__ = ["check_penalty", "checked_filters", "judge", "make"]

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from glf_tf import errors, naming, parts
from glf_tf.layers import adapters, never_empty
from glf_tf.models import coders, pairs
from glf_tf.networks import joint_critic, normalized
from glf_tf.networks import network as network_lib


def make(
    model: parts.Part,
    *,
    critic: Any,
    norm: normalized.Norm,
    filters: Sequence[int],
    code_width: int,
    width: int,
    dropout: float,
    role: str = "critic",
) -> joint_critic.JointCritic:
    """Returns a critic of pairs of an image and a latent.

    Args:
        model: The model, with its `image_shape` and `latent_dim`.
        critic: A family of networks, or a Keras layer, as branch of images; None for
            `joint_critic.image_branch`.
        norm: The normalisation of all branches: "batch" leaves them as they are.
        filters: Filters of the branch of images.
        code_width: Units of the branch of latents.
        width: Features of both.
        dropout: Share of units that are set to zero in training.
        role: How the names of its branches begin, if the one of images is our own.

    Raises:
        InvalidType: The branch of images is no part.
        InvalidValue: The share is no such number.
        Unsupported: A user's layer shall have another normalisation.
    """
    branch, is_own = _image_branch(model, critic, norm=norm, width=width)
    if branch is None:
        made = joint_critic.image_branch(
            model.image_shape, filters=filters, dropout=dropout, role=role
        )
        branch = normalized.renormalized(made, norm=norm)
    size, how = _size(branch) + code_width, {"dropout": dropout, "role": role}
    others = (
        joint_critic.code_branch(model.latent_dim, width=code_width, **how),
        joint_critic.feature_branch(size, width=width, **how),
        joint_critic.score_branch(width, role=role),
    )
    others = [normalized.renormalized(made, norm=norm) for made in others]
    return joint_critic.JointCritic(branch, *others, activates=is_own, name=role)


def _image_branch(
    model: parts.Part, critic: Any, *, norm: normalized.Norm, width: int
) -> tuple[keras.layers.Layer | None, bool]:
    """Returns the branch of images that is asked for, if any, and whether one is."""
    if critic is None:
        return None, False
    other = coders.made(critic)
    parts.settle(model, critic=other)
    if isinstance(other, network_lib.AbstractNetwork):
        made = other.encoder(model.image_shape, width, name="critic_image")
        layer = normalized.renormalized(made, norm=norm)
        return naming.made_by(other, layer, role="critic_image"), True
    if norm == "spectral":
        raise errors.Unsupported(
            "`critic_norm` is of critics that a network family makes",
            received=f"critic_norm={norm} for a {type(other).__name__}",
            do="Normalise its own layers, and use critic_norm=none",
        )
    return (
        adapters.Encoder(other, image_shape=model.image_shape, name="critic_image"),
        True,
    )


def _size(branch: keras.layers.Layer) -> int:
    """Returns how many numbers a branch makes of an image."""
    if isinstance(branch, adapters.Encoder):
        return branch.code_dim
    return branch.output_shape[-1]


def judge(
    critic: joint_critic.JointCritic,
    image: tf.Tensor,
    z: tf.Tensor,
    *,
    training: bool,
) -> joint_critic.Judgement:
    """Returns the scores and features of images with latents, also of none.

    Training, which always has some, calls the critic as it is.

    Args:
        critic: The critic.
        image: `[batch, height, width, channels]`.
        z: `[batch, latent_dim]`.
        training: Whether it is trained, or what it judges.
    """
    if training:
        return critic(image, z, training=True)
    shape = tuple(image.shape[1:])
    return never_empty.apply(
        lambda rows: critic(*pairs.apart(rows, image_shape=shape)),
        pairs.side_by_side(image, z),
    )


def check_penalty(
    critic: keras.layers.Layer, *, penalty: str, weight: float, default: float
) -> None:
    """Checks that a penalty and its weight can be had.

    Args:
        critic: The critic.
        penalty: The penalty, or "none".
        weight: Its weight.
        default: The weight that tells nothing.

    Raises:
        InvalidValue: There is a weight without a penalty.
        Unsupported: There is a penalty, and the critic's score of a pair depends on
            others of a batch.
    """
    if penalty == "none" and weight != default:
        raise errors.InvalidValue(
            "`penalty_weight` is that of a penalty",
            received=f"penalty_weight={weight} and penalty=none",
            do="Set for instance --penalty=zero_centred, or leave the weight out",
        )
    if penalty != "none" and normalized.couples_images(critic):
        raise errors.Unsupported(
            "A penalty on the critic's gradient is one for each image, which batch "
            "normalisation and statistics couple to all others of the batch",
            received=f"penalty={penalty} and a critic with one of them",
            do="Use --critic_norm=none or spectral",
        )


def checked_filters(name: str, filters: Sequence[int]) -> tuple[int, ...]:
    """Returns valid filters of a branch of images.

    Raises:
        InvalidValue: There are none, or one is not positive.
    """
    filters = tuple(map(int, filters))
    if not filters or min(filters) < 1:
        raise errors.InvalidValue(
            f"`{name}` must be positive, and at least one",
            received=f"{name}={filters}",
            do=f"Use for instance --{name}=64,64",
        )
    return filters
