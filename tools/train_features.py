# SPDX-License-Identifier: Apache-2.0
r"""Trains a network for the perceptual loss on the training images of a data set.

    python tools/train_features.py --dataset=fashion_mnist --out=features.keras
    python tools/train.py --flagfile=flags/glf/fashion_mnist.cfg --workdir=runs/sharp \
        --reconstruction=perceptual --reconstruction.network=features.keras \
        --reconstruction.inputs=unit

`--by=rotations` needs no labels: the network learns which way up images are.
`--by=labels` trains the classifier of evaluation. Test images are not read, nor those
that `--dataset=held_out` holds out. The file is Keras' own, of images in [0, 1].

An existing file is replaced only with `--overwrite`.
"""

import pathlib
import sys

from absl import flags

from glf_tf import catalogue, errors, files
from glf_tf.cli import groups, kinds, part_flags, paths, program, values

_BY = flags.DEFINE_enum(
    "by", "rotations", ["rotations", "labels"], "What the network learns."
)
_SEED = flags.DEFINE_integer("seed", 0, "Seed of weights and batches.", lower_bound=0)
_STEPS = flags.DEFINE_integer(
    "steps", 1000, "Steps of 32 images in four rotations, by rotations.", lower_bound=1
)
_WIDTHS = kinds.define_sequence(
    "widths",
    (16, 32, 64),
    "Channels of the convolutions, by rotations; each width but the first halves "
    "the image.",
    kind=int,
)
_OUT = kinds.define_path("out", "features.keras", "NAME.keras.")
_OVERWRITE = kinds.define_overwrite()


def main() -> None:
    """Reads the flags, trains the network and writes its file."""
    values.check_given("dataset")
    values.refuse_unused(
        ["steps", "widths"], needs="--by=rotations", is_given=_BY.value == "rotations"
    )
    path = pathlib.Path(_OUT.value)
    if path.suffix != ".keras":
        raise errors.InvalidValue(
            "A network is written as a .keras file",
            received=f"--out={path}",
            do="Use for instance --out=features.keras",
        )

    from glf_tf.metrics.extractors import feature_training

    with files.output(path, overwrite=_OVERWRITE.value) as stream:
        network, accuracy = feature_training.train(
            _data(),
            by=_BY.value,
            seed=_SEED.value,
            steps=_STEPS.value,
            widths=tuple(_WIDTHS.value),
        )
        stream.write(feature_training.content(network, beside=path))
    print(f"accuracy in training {100 * accuracy:.1f} %", file=sys.stderr)
    print(path)


def _data():
    """Returns the training images."""
    name = flags.FLAGS.dataset
    spec = part_flags.spec_of("dataset", name, prefix="dataset.")
    return catalogue.build("dataset", spec, paths=paths.chosen()).load("train")


def _define():
    part = part_flags.Part("dataset", "", prefix="dataset.")
    with groups.group("data"):
        part_flags.define(part, "The data set.")
    paths.define()
    return [part]


if __name__ == "__main__":
    program.run(main, define=_define)
