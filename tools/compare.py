# SPDX-License-Identifier: Apache-2.0
r"""Trains recipes with one budget, and evaluates them under one protocol in a table.

    python tools/compare.py --recipes=flags/vae/digits.cfg,flags/glf/digits.cfg \
        --out=runs/compare/digits --epochs=10 --num_samples=300 --trials=3

Each recipe is trained by its own process of tools/train.py, with a --workdir in
`--out`. Finished work is not repeated: after a kill, SIGTERM or Ctrl-C (which save the
state and exit with status 75) the same command continues, and with more `--seeds`, or
for recipes of one stage more `--epochs`, only new work is done. A recipe whose training
fails has a row with the error, and the exit status is 1.

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
import re
import shlex
import sys

from absl import flags

from glf_tf import errors, resources
from glf_tf.cli import kinds, paths, planned, program, values
from glf_tf.metrics.extractors import names as extractors

_RECIPES = kinds.define_paths(
    "recipes",
    None,
    "Files of flags, or names of the library's recipes, comma-separated.",
)
_SHARED = flags.DEFINE_string(
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
    f"What makes features: {', '.join(extractors.EXTRACTORS)}; of several, "
    "comma-separated, all but the first measure distances alone.",
)
_SPLIT = flags.DEFINE_enum(
    "reference_split",
    "test",
    ["train", "test", "validation"],
    "Real images; validation: everything is measured on images that the data set holds "
    "out, and the test images are not read.",
)
_GRAPH = kinds.define_path("inception_graph", "", "File of the 2015 Inception graph.")

_TRAIN = pathlib.Path(__file__).with_name("train.py")
_DECIDED = ("workdir", "resume", "seed", "epochs", "flagfile", "recipe")
_STARTS = ("start_from", "start_layers")
_LAYERS = "encoder,decoder"
_FIT_SEED = "prior.seed"  # of a fit to codes, which no seed of training reaches


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
    try:
        with (
            folder.lock() as descriptor,
            training_lib.Children(inherit=[descriptor]) as children,
        ):
            table = _compare(jobs, folder=folder, shared=shared, children=children)
    except loop.Stopped as stopped:
        print(f"{stopped}; the same command continues", file=sys.stderr)
        sys.exit(os.EX_TEMPFAIL)

    print(
        f"{table.to_text()}\n\n"
        f"table        {folder.markdown}\n"
        f"numbers      {folder.numbers}\n"
        f"samples      {folder.samples}\n"
        f"TensorBoard  tensorboard --logdir={folder.hparams}"
    )
    failed = [
        training for row in table.rows for training in row.trainings if training.error
    ]
    if failed:
        names = ", ".join(training.job.name for training in failed)
        print(f"error: {len(failed)} of {len(jobs)} failed: {names}", file=sys.stderr)
        sys.exit(1)


def _compare(jobs, *, folder, shared, children):
    """Compares under one protocol, and saves the table."""
    from glf_tf.comparison import comparison

    comparison.leave_memory()
    measuring = _measuring(jobs[0].plan["dataset"], is_shared=shared is not None)
    over = "seeds" if len(_SEEDS.value) > 1 else "trials"
    about = (
        f"seeds: {', '.join(_SEEDS.value)}; epochs: "
        f"{_EPOCHS.value or 'as each recipe says'}; ± deviation over {over}",
    )
    how = {"folder": folder, "measuring": measuring}
    table = comparison.compare(
        jobs, children=children, shared=shared, about=about, **how
    )
    comparison.save(table, **how)
    return table


def _measuring(spec, *, is_shared):
    """Returns the protocol of a comparison on a data set."""
    from glf_tf import catalogue
    from glf_tf.comparison import measuring
    from glf_tf.evaluation import settings as settings_lib
    from glf_tf.metrics.extractors import choice as extractor_lib

    where = paths.chosen()
    dataset = catalogue.build("dataset", spec, paths=where)
    held_out = "validation" if _SPLIT.value == "validation" else "test"
    data = {"train": dataset.load("train"), "test": dataset.load(held_out)}
    extractor, *others = (
        extractor_lib.make(name, **data, paths=where, inception_graph=_GRAPH.value)
        for name in _EXTRACTOR.value
    )
    options = ", ".join(f"{key}={spec[key]}" for key in spec if key != "name")
    return measuring.Measuring(
        **data,
        extractor=extractor,
        others=others,
        validation=dataset.load_for_training()[1] if is_shared else None,
        settings=settings_lib.Settings(
            samples=_COUNT.value,
            reference_split=_SPLIT.value,
            trials=_TRIALS.value,
            crop=options,
        ),
        cache_dir=where.cache_dir / "statistics",
    )


def _shared(folder):
    """Returns the training from which all recipes start, if there is one."""
    from glf_tf.comparison import job as job_lib

    if not _SHARED.value:
        return None
    (recipe,) = job_lib.recipes([_file_of(_SHARED.value)])
    (job,) = _trainings(recipe, [0], folder=folder, flags_of_all=_common_flags())
    return job


def _jobs(folder, *, shared) -> list:
    """Returns one training for each recipe and seed."""
    from glf_tf.comparison import job as job_lib

    common, first = _common_flags(), ()
    if shared is not None:
        first = (f"--flagfile={shared.recipe.path}",)
        common += [f"--start_from={shared.folder.path}", f"--start_layers={_LAYERS}"]
    if _EPOCHS.value:
        common.append(f"--epochs={_EPOCHS.value}")
    jobs = []
    for recipe in job_lib.recipes([_file_of(recipe) for recipe in _RECIPES.value]):
        how = {"folder": folder, "first": first, "flags_of_all": common}
        jobs += _trainings(recipe, _seeds(), **how)
    job_lib.check(jobs)
    return jobs


def _trainings(recipe, seeds, *, folder, flags_of_all, first=()) -> list:
    """Returns the trainings of a recipe, one for each seed."""
    from glf_tf.comparison import job as job_lib

    arguments = [*first, f"--flagfile={recipe.path}", *flags_of_all]
    plan = planned.read(arguments)
    jobs = []
    for seed in seeds:
        run = folder.run(job_lib.folder_name(recipe, seed=seed))
        own = [f"--seed={seed}", f"--workdir={run.path}", "--resume"]
        if first and _FIT_SEED in plan["flags"]:
            own.append(f"--{_FIT_SEED}={seed}")
        command = (sys.executable, str(_TRAIN), *arguments, *own)
        jobs.append(job_lib.Job(recipe, seed, run, command, plan))
    return jobs


def _check_extractors() -> None:
    """Refuses extractors that are unknown, or given twice."""
    names = _EXTRACTOR.value
    for name in names or [""]:
        if name not in extractors.EXTRACTORS or names.count(name) > 1:
            raise errors.InvalidValue(
                "Extractors are comma-separated known names, each given once",
                received=f"--extractor={','.join(names)}",
                do=errors.suggestion(name, extractors.EXTRACTORS),
            )


def _file_of(recipe: str) -> str:
    """Returns the file of a recipe, given by its path or name."""
    known = {} if recipe.endswith(".cfg") else resources.recipes()
    return str(known.get(recipe, recipe))


def _common_flags() -> list[str]:
    """Returns the flags that all trainings share."""
    where = paths.chosen()
    found = [f"--cache_dir={where.cache_dir}", *_train_flags()]
    for flag in found:
        name = re.sub(r"^--?(no)?", "", flag).partition("=")[0]
        if name in (*_DECIDED, *(_STARTS if _SHARED.value else ())):
            raise errors.InvalidValue(
                "--train_flags must not be flags that a comparison sets",
                received=flag,
                do=f"Remove it: {', '.join(_DECIDED)}, and by --shared "
                f"{' and '.join(_STARTS)}, are set otherwise",
            )
    if where.data_dir is not None:
        found.append(f"--data_dir={where.data_dir}")
    if where.download:
        found.append("--download")
    return found


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
