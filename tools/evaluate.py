# SPDX-License-Identifier: Apache-2.0
r"""Evaluates the samples of a trained model, a SavedModel, or any images.

    python tools/evaluate.py --workdir=runs/glf/digits --num_samples=300 --trials=2 \
        --out=digits.json
    python tools/evaluate.py --saved_model=DIR --dataset=mnist --data_dir=DIR \
        --protocol=glf_paper
    python tools/evaluate.py --samples=FOLDER_OR_NPY --dataset=mnist --data_dir=DIR

A density of vectors has its likelihood and calibration by default.

Prints a table on standard error, and JSON with protocols and trials on standard output
if that is no terminal; `--out` writes it to a file. The means also go to the run's
TensorBoard. `--protocol` sets counts, trials and references as in a paper.
The extractor `classifier` is trained on the data's labels and cached: its distances
have its name and compare models on that data set alone. Without labels,
`random_convolutional` is used, a fixed random network; `inception` is the 2015 graph,
whose distance is the FID. Reconstructions of a model without an encoder are the ends of
chains; `--inference` sets their sampler, by default that of training.
`--metrics=bits_per_dim --against=mnist` also measures the test images of another data
set, which flows often find more likely than those they have learned from.
`--guidance` draws the samples of a model that was trained without some labels with more
of what a label changes, as tools/sample.py does.
`--metrics=modes` counts the classes that samples cover, of Stacked MNIST the 1,000
combinations of digits; with `floor` also those that real images cover.
`--metrics=calibration --calibration_out=FILE.png` also draws what share of the test
images' latents is in each region of the prior.

An existing file is replaced only with `--overwrite`.
"""

import contextlib
import functools
import io
import pathlib
import sys
from collections.abc import Sequence

from absl import flags

from glf_tf import errors, files
from glf_tf.cli import inferring, kinds, loading, paths, program, values
from glf_tf.metrics.extractors import names as extractors

_SAVED_MODEL = kinds.define_path("saved_model", None, "A SavedModel's folder.")
_SAMPLES = kinds.define_path("samples", None, "NAME.npy, or a folder of pictures.")
_METRICS = flags.DEFINE_list(
    "metrics",
    ["fd", "kid", "precision_recall", "prd"],
    "fd, fd_infinity, kid, prd, precision_recall, floor, reconstruction_fd, "
    "reconstruction, nll, calibration, bound, bits_per_dim, inverse_error, bayes, "
    "label_accuracy, modes, copies; or all.",
)
_PROTOCOL = flags.DEFINE_enum(
    "protocol", None, ["glf_paper", "lfbm"], "A paper's counts."
)
_COUNT = flags.DEFINE_integer("num_samples", None, "Images a trial.", lower_bound=2)
_TRIALS = flags.DEFINE_integer("trials", None, "Independent draws.", lower_bound=1)
_SPLIT = flags.DEFINE_enum(
    "reference_split",
    None,
    ["train", "test", "validation"],
    "Real images; validation: everything is measured on images that the data set holds "
    "out, and the test images are not read.",
)
_ROUNDED = flags.DEFINE_bool("rounded", None, "Round samples to uint8.")
_SAMPLING = flags.DEFINE_enum(
    "sampling", "plain", ["plain", "authors"], "plain, or as the GLF authors' script."
)
_LATENTS = flags.DEFINE_enum(
    "latents",
    "prior",
    ["prior", "fitted_normal", "standard_normal"],
    "Source of latents: the model's prior, or a normal for comparison.",
)
_TEMPERATURE = flags.DEFINE_float("temperature", 1.0, "Factor on the noise.")
_GUIDANCE = flags.DEFINE_float(
    "guidance", None, "Factor on what a label changes in samples: 1 for none."
)
_SEED = flags.DEFINE_integer("seed", 0, "Seed of samples, subsets and clusterings.")
_EXTRACTOR = flags.DEFINE_string(
    "extractor", "auto", f"What makes features: {extractors.HELP}."
)
_GRAPH = kinds.define_path("inception_graph", "", "File of the 2015 Inception graph.")
_BOUND = flags.DEFINE_integer(
    "bound_samples", 50, "Samples of the posterior per image, for bound.", lower_bound=1
)
_DRAWS = flags.DEFINE_integer(
    "dequantization_draws",
    8,
    "Draws of noise per image, for bits_per_dim.",
    lower_bound=1,
)
_MODE_SAMPLES = flags.DEFINE_integer(
    "mode_samples", 26_000, "Samples, for modes.", lower_bound=1
)
_AGAINST = kinds.define_path(
    "against", "", "Other images for bits_per_dim: a data set, NAME.npy or a folder."
)
_PICTURE = kinds.define_path("calibration_out", None, "PNG of calibration's curves.")
_OUT = kinds.define_path("out", None, "File for JSON, else standard output.")
_OVERWRITE = kinds.define_overwrite()

_OF_RUNS = ["checkpoint", "strategy", "inference", "accept_new_data"]


def main() -> None:
    """Reads the flags, measures and writes the results."""
    source = values.one_of("workdir", "preset", "saved_model", "samples")
    source = "workdir" if source == "preset" else source
    extractors.check(_EXTRACTOR.value)

    from glf_tf.evaluation import reporting
    from glf_tf.evaluation import settings as settings_lib
    from glf_tf.experiments import cards
    from glf_tf.metrics import protocol
    from glf_tf.metrics.extractors import choice as extractor_lib

    metrics = values.choices("metrics", known=settings_lib.METRICS)
    _refuse_unused(source, metrics)
    if _PICTURE.value and pathlib.Path(_PICTURE.value).suffix != ".png":
        raise errors.InvalidValue(
            "The figure of calibration is a PNG",
            received=f"--calibration_out={_PICTURE.value}",
            do="Use for instance --calibration_out=calibration.png",
        )
    with _opened(_OUT.value) as stream, _opened(_PICTURE.value) as picture:
        found, measuring, step = _measured(source, metrics)
        extractor, ranks = measuring.extractor, measuring.of_models.ranks
        if extractor is not None:
            print(extractor_lib.described(extractor), file=sys.stderr)
        print(reporting.table(found), file=sys.stderr)
        if source == "workdir":
            is_chosen = _EXTRACTOR.value != _EXTRACTOR.default
            reporting.log(loading.folder(), found, step=step, is_chosen=is_chosen)
        run = None
        if source == "workdir":
            run = cards.run_of(loading.folder()) | {"step": step}
        stream.write(f"{protocol.to_json(found, run=run)}\n".encode())
        if _PICTURE.value:
            _draw(ranks, picture)
    for path in (_OUT.value, _PICTURE.value):
        if path:
            print(path)


def _draw(ranks, stream) -> None:
    """Writes the figure of calibration."""
    if ranks is None:
        raise errors.Unsupported(
            "A figure of calibration needs a model with a density of its codes",
            received="--metrics=all of a model that has none",
            do="Leave out --calibration_out",
        )
    from glf_tf.plotting import calibration_figure

    calibration_figure.draw(ranks).savefig(stream, format="png")


def _refuse_unused(source: str, metrics: list[str]) -> None:
    """Refuses flags that this measurement would ignore."""
    values.refuse_empty("against")
    uses = {
        "--extractor=inception": (["inception_graph"], _EXTRACTOR.value == "inception"),
        "--metrics=bound": (["bound_samples"], "bound" in metrics),
        "--metrics=modes": (["mode_samples"], "modes" in metrics),
        "--metrics=bits_per_dim": (
            ["dequantization_draws", "against"],
            "bits_per_dim" in metrics,
        ),
        "--metrics=calibration": (["calibration_out"], "calibration" in metrics),
        "a run": ([*_OF_RUNS, "against", "calibration_out"], source == "workdir"),
        "a run, plain sampling and the model's prior": (
            ["guidance"],
            source == "workdir"
            and (_SAMPLING.value, _LATENTS.value) == ("plain", "prior"),
        ),
        "a run or --saved_model": (["temperature"], source != "samples"),
        "--samples or --against": (
            ["on_broken"],
            source == "samples" or bool(_AGAINST.value),
        ),
    }
    for needs, (names, is_given) in uses.items():
        values.refuse_unused(names, needs=needs, is_given=is_given)


def _opened(path: str | None):
    """Returns a context that opens an output before anything is measured."""
    if path:
        return files.output(pathlib.Path(path), overwrite=_OVERWRITE.value)
    # Two hundred lines would push the table off a terminal.
    return contextlib.nullcontext(
        io.BytesIO() if sys.stdout.isatty() else sys.stdout.buffer
    )


def _measured(source: str, metrics: list[str]):
    """Returns measurements, what made them, and the run's step or None."""
    from glf_tf.evaluation import evaluation
    from glf_tf.evaluation import settings as settings_lib
    from glf_tf.metrics.extractors import choice as extractor_lib

    held_out = "validation" if _SPLIT.value == "validation" else "test"
    train, test, where = loading.load_dataset(held_out)
    make = functools.partial(
        extractor_lib.make,
        train=train,
        test=test,
        paths=where,
        inception_graph=_GRAPH.value,
    )
    measuring = evaluation.Evaluation(
        train=train,
        test=test,
        extractor=functools.partial(make, _EXTRACTOR.value),
        settings=_settings(),
        cache_dir=where.cache_dir / "statistics",
        classifier=functools.partial(make, "classifier"),
    )
    images, model, step = _drawn(source, train)
    others = _others() if _AGAINST.value else None
    is_of_vectors = test.noun == "vectors" and not flags.FLAGS["metrics"].present
    has_labels = train.labels is not None and test.labels is not None
    known = settings_lib.supported(model, has_labels=has_labels)
    if _METRICS.value == ["all"] or is_of_vectors:
        metrics = known
    elif model is not None:
        _check_latents(metrics, known=known, of=type(model).__name__)
    found = measuring.samples(images, metrics=metrics)
    if "floor" in metrics:
        found += measuring.floor(metrics=metrics)
    if model is not None:
        found += measuring.model(model, metrics=metrics)
    if others is not None:
        found += measuring.of_models.bits_per_dim(
            model, others, of=f"{others.name} images"
        )
    return found, measuring, step


def _check_latents(metrics: list[str], *, known: Sequence[str], of: str) -> None:
    """Refuses measures of latents that a model has not, before samples are measured."""
    of_latents = ("reconstruction_fd", "reconstruction", "nll", "calibration")
    lacking = [each for each in metrics if each in of_latents and each not in known]
    if lacking:
        raise errors.Unsupported(
            "Each of --metrics must be a measure that the model has",
            received=f"{', '.join(lacking)} of {of}, which has no latents of images",
            do=f"Leave it out, or use some of: {', '.join(known)}",
        )


def _settings():
    """Returns the settings of the protocol or of the flags."""
    from glf_tf.evaluation import settings as settings_lib

    given = {
        "num_samples": _COUNT.value,
        "trials": _TRIALS.value,
        "reference_split": _SPLIT.value,
        "rounded": _ROUNDED.value,
    }
    given = {name: value for name, value in given.items() if value is not None}
    common = {
        "seed": _SEED.value,
        "crop": loading.dataset_options(),
        "bound_samples": _BOUND.value,
        "mode_samples": _MODE_SAMPLES.value,
        "dequantization_draws": _DRAWS.value,
        "chain": inferring.chain(),
        "start": inferring.start(),
        "temperature": _TEMPERATURE.value,
        "guidance": _GUIDANCE.value,
    }
    if _PROTOCOL.value:
        values.refuse_beside("protocol", given)
        return settings_lib.Settings.of_preset(_PROTOCOL.value, **common)
    if "num_samples" in given:
        given["samples"] = given.pop("num_samples")
    return settings_lib.Settings(**given, **common)


def _drawn(source: str, train):
    """Returns the images to measure, and the model and step of a run."""
    from glf_tf.data import pictures
    from glf_tf.evaluation import image_sources, user_images

    if train.noun == "vectors" and source != "workdir":
        raise errors.Unsupported(
            "A density of vectors is measured from the folder of its run",
            received=f"--{source}={flags.FLAGS[source].value}",
            do="Pass --workdir",
        )
    how = {"temperature": _TEMPERATURE.value}
    if source == "workdir":
        model, step = loading.load()
        if _LATENTS.value == "prior":
            how |= {"sampling": _SAMPLING.value, "guidance": _GUIDANCE.value}
            images = image_sources.ModelSamples(model, **how)
        else:
            fitted_to = train.images if _LATENTS.value == "fitted_normal" else None
            images = image_sources.NormalLatents(model, fitted_to=fitted_to, **how)
        return images, model, step
    for flag, default in (("sampling", "plain"), ("latents", "prior")):
        if flags.FLAGS[flag].value != default:
            values.refuse_beside(flag, {source: flags.FLAGS[source].value})
    if source == "saved_model":
        path = pathlib.Path(_SAVED_MODEL.value)
        return image_sources.SavedModelSamples(path, **how), None, None
    given = user_images.read(
        pathlib.Path(_SAMPLES.value),
        image_shape=train.image_shape,
        flag="--samples",
        background=loading.squaring().get("background", pictures.WHITE),
        on_broken=flags.FLAGS.on_broken,
    )
    return image_sources.GivenImages(given.images), None, None


def _others():
    """Returns the images of `--against`."""
    from glf_tf.evaluation import anomaly_sets

    return anomaly_sets.others(
        loading.folder().path,
        _AGAINST.value,
        paths=paths.chosen(),
        on_broken=flags.FLAGS.on_broken,
    )


def _define():
    loading.define_skipping()
    return [*loading.define_measuring(), *inferring.define_inference()]


if __name__ == "__main__":
    program.run(main, define=_define)
