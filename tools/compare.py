# SPDX-License-Identifier: Apache-2.0
r"""Trains recipes with one budget, and evaluates them under one protocol in a table.

    python tools/compare.py --recipes=flags/vae/digits.cfg,flags/glf/digits.cfg \
        --out=runs/compare/digits --epochs=10 --num_samples=300 --trials=3

Each recipe is trained by its own process of tools/train.py, with a --workdir in
`--out`. Finished work is not repeated: after a kill, SIGTERM or Ctrl-C (which save the
state and exit with status 75) the same command continues, and with more `--seeds`, or
for recipes of one stage more `--epochs`, only new work is done. `--jobs` trains several
at once. A recipe whose training fails has a row with the error, and the exit status is
1.

With `--shared`, recipes are densities on the codes of one autoencoder, which is trained
first. Its flags hold for all recipes, which say what differs, such as
`--prior=normal`:

    python tools/compare.py --shared=latent_density/digits --seeds=0,1,2 \
        --recipes=flags/prior/normal.cfg,flags/prior/mixture_50.cfg \
        --extractor=classifier,random_convolutional --out=runs/latent_density/digits

Writes table.md, table.json (every number, by seed and trial), samples.png and hparams/
for TensorBoard. The extractor `classifier` is trained on the data's labels: its
distances compare recipes with each other, not with published figures.
"""

import os
import pathlib
import shlex
import sys

from absl import flags

from glf_tf import errors
from glf_tf.cli import kinds, paths, program, values
from glf_tf.metrics.extractors import names as extractors

_RECIPES = kinds.define_paths(
    "recipes",
    None,
    "Files of flags, or names of the library's recipes, comma-separated.",
)
_SHARED = kinds.define_path(
    "shared", "", "Recipe of the encoder and decoder from which all recipes start."
)
_OUT = kinds.define_path("out", None, "The folder of the comparison.")
_EPOCHS = flags.DEFINE_string(
    "epochs", "", "The budget, as for tools/train.py; by default each recipe's own."
)
_SEEDS = flags.DEFINE_list("seeds", ["0"], "Seeds: one training per recipe and seed.")
_TRAIN_FLAGS = flags.DEFINE_string(
    "train_flags", "", "Additional flags of tools/train.py, such as '--draw_every=0'."
)
_COUNT = flags.DEFINE_integer("num_samples", 10_000, "Images a trial.", lower_bound=2)
_TRIALS = flags.DEFINE_integer("trials", 3, "Independent draws.", lower_bound=1)
_EXTRACTOR = flags.DEFINE_list(
    "extractor",
    ["auto"],
    f"What makes features: {extractors.HELP}; of several, comma-separated, all but the "
    "first measure distances alone.",
)
_SPLIT = flags.DEFINE_enum(
    "reference_split",
    "test",
    ["train", "test", "validation"],
    "Real images; validation: everything is measured on images that the data set holds "
    "out, and the test images are not read.",
)
_JOBS = flags.DEFINE_integer(
    "jobs", 1, "Trainings at once, each on its share of the CPUs.", lower_bound=1
)
_GRAPH = kinds.define_path("inception_graph", "", "File of the 2015 Inception graph.")

_LAYERS = "encoder,decoder"


def main() -> None:
    """Reads the flags, trains and measures all jobs, and writes the table."""
    values.check_given("recipes", "out", "seeds")
    out = pathlib.Path(_OUT.value)
    values.refuse_unused(
        ["inception_graph"],
        needs="--extractor=inception",
        is_given="inception" in _EXTRACTOR.value,
    )
    _check_extractors()

    from glf_tf.comparison import folder as folder_lib
    from glf_tf.comparison import training as training_lib
    from glf_tf.training import loop

    folder = folder_lib.Folder(out)
    folder.check_own()
    shared = _shared(folder)
    jobs = _jobs(folder, shared=shared)
    is_shared = shared is not None
    try:
        with (
            folder.lock() as descriptor,
            training_lib.Children(
                at_once=_JOBS.value, inherit=[descriptor]
            ) as children,
        ):
            how = {"folder": folder, "children": children}
            table, has_samples = _compare(jobs, is_shared=is_shared, **how)
    except loop.Stopped as stopped:
        print(f"{stopped}; the same command continues", file=sys.stderr)
        sys.exit(os.EX_TEMPFAIL)

    _report(table, jobs, folder=folder, has_samples=has_samples)


def _report(table, jobs, *, folder, has_samples) -> None:
    """Prints the table, and exits with 1 if a training failed."""
    print(f"{table.to_text()}\n\ntable        {folder.markdown}")
    print(f"numbers      {folder.numbers}")
    if has_samples:
        print(f"samples      {folder.samples}")
    print(f"TensorBoard  tensorboard --logdir={folder.hparams}")
    failed = [
        training for row in table.rows for training in row.trainings if training.error
    ]
    if failed:
        names = ", ".join(training.job.name for training in failed)
        print(f"error: {len(failed)} of {len(jobs)} failed: {names}", file=sys.stderr)
        sys.exit(1)


def _compare(jobs, *, folder, is_shared, children):
    """Compares under one protocol, and saves the table.

    Returns:
        table: The table.
        has_samples: Whether samples were drawn.
    """
    from glf_tf.comparison import comparison

    comparison.leave_memory()
    measuring = _measuring(jobs[0].plan["dataset"], is_shared=is_shared)
    over = "seeds" if len(_SEEDS.value) > 1 else "trials"
    about = (
        f"seeds: {', '.join(_SEEDS.value)}; epochs: "
        f"{_EPOCHS.value or 'as each recipe says'}; ± deviation over {over}",
    )
    how = {"folder": folder, "measuring": measuring}
    table = comparison.compare(jobs, children=children, about=about, **how)
    return table, comparison.save(table, **how)


def _measuring(spec, *, is_shared):
    """Returns the protocol of a comparison on a data set."""
    from glf_tf.comparison import measuring
    from glf_tf.evaluation import settings as settings_lib

    return measuring.of_dataset(
        spec,
        paths=paths.chosen(),
        extractors=_EXTRACTOR.value,
        inception_graph=_GRAPH.value,
        has_likelihoods=is_shared,
        settings=settings_lib.Settings(
            samples=_COUNT.value,
            reference_split=_SPLIT.value,
            trials=_TRIALS.value,
        ),
    )


def _shared(folder):
    """Returns the training from which all recipes start, if there is one."""
    from glf_tf.cli import trainings
    from glf_tf.comparison import job as job_lib

    if not _SHARED.value:
        return None
    (recipe,) = job_lib.recipes([trainings.file_of(_SHARED.value)])
    arguments = [f"--flagfile={recipe.path}", *_common_flags()]
    (job,) = trainings.make(recipe, [0], folder=folder, arguments=arguments)
    return job


def _jobs(folder, *, shared) -> list:
    """Returns one training for each recipe and seed."""
    from glf_tf.cli import trainings
    from glf_tf.comparison import job as job_lib

    seeds, common, first, how = _seeds(), _common_flags(), [], {}
    if shared is not None:
        first = [f"--flagfile={shared.recipe.path}"]
        common.append(f"--start_layers={_LAYERS}")
        how = {"starts": [shared] * len(seeds), "fits_by_seed": True}
    if _EPOCHS.value:
        common.append(f"--epochs={_EPOCHS.value}")
    jobs = []
    files = [trainings.file_of(recipe) for recipe in _RECIPES.value]
    for recipe in job_lib.recipes(files):
        arguments = [*first, f"--flagfile={recipe.path}", *common]
        jobs += trainings.make(recipe, seeds, folder=folder, arguments=arguments, **how)
    job_lib.check(jobs)
    return jobs


def _check_extractors() -> None:
    """Refuses extractors that are unknown, or given twice."""
    names = _EXTRACTOR.value
    for name in names or [""]:
        extractors.check(name)
        if names.count(name) > 1:
            raise errors.InvalidValue(
                "Extractors are comma-separated, each given once",
                received=f"--extractor={','.join(names)}",
                do="Leave out what is there twice",
            )


def _common_flags() -> list[str]:
    """Returns the flags that all trainings share."""
    from glf_tf.cli import trainings

    given = _train_flags()
    trainings.check_flags(
        given,
        decided=(*trainings.DECIDED, *(trainings.STARTS if _SHARED.value else ())),
        rule="--train_flags must not be flags that a comparison sets",
    )
    return [*given, *trainings.paths_as_flags(paths.chosen())]


def _train_flags() -> list[str]:
    try:
        return shlex.split(_TRAIN_FLAGS.value)
    except ValueError as error:
        raise errors.InvalidValue(
            "--train_flags must be flags in a shell's syntax",
            received=f"{_TRAIN_FLAGS.value} ({error})",
            do="Close the quotation",
        ) from error


def _seeds() -> list[int]:
    texts = _SEEDS.value
    seeds = [int(text) if text.strip().isdecimal() else -1 for text in texts]
    if not all(0 <= seed < 2**31 for seed in seeds) or len(set(seeds)) < len(seeds):
        raise errors.InvalidValue(
            "Seeds are comma-separated distinct whole numbers below 2**31",
            received=f"--seeds={','.join(texts)}",
            do="Use for instance --seeds=0,1,2",
        )
    return seeds


def _define():
    paths.define()
    return ()


if __name__ == "__main__":
    program.run(main, define=_define)
