# SPDX-License-Identifier: Apache-2.0
"""The one reader of flags: turns a command line into plain values.

Flags come from where their defaults are stated: the settings of training from the data
classes in `training.options` and `runs.plan`, the options of a model, data set, network
or flow from its constructor, so that `--model=foo --help` shows what `foo` has. Nothing
here loads TensorFlow before the flags are known to be right.
"""

__all__ = [
    "FLAGS",
    "run",
    "define_training",
    "plan",
    "folder",
    "define_loading",
    "define_measuring",
    "load_dataset",
    "dataset_options",
    "one_of",
    "refuse_beside",
    "choices",
    "load_model",
    "load_images",
    "needed",
    "indices",
    "seed",
]

import dataclasses
import functools
import pathlib
import re
import sys
from collections.abc import Callable, Mapping, Sequence

from absl import app, flags, logging

from glf_tf import catalogue, errors, quiet, recipe
from glf_tf.data import dataset
from glf_tf.runs import folder as folder_lib
from glf_tf.runs import plan as plan_lib
from glf_tf.training import options

FLAGS = flags.FLAGS

BAD_FLAGS = 2
"""Exit status where flags are wrong; 1 is for everything else that a user can mend."""

_SETTINGS = (options.Optimizers, options.Training, plan_lib.Reports)
_NOT_IN_RECIPES = ("workdir", "resume")


def run(main: Callable[[], None], *, define: Callable | None = None) -> None:
    """Runs a tool: reads its flags, loads TensorFlow quietly, calls `main`.

    An error that the user can mend is printed as one line.

    Args:
        main: The tool.
        define: Defines flags that depend on other flags, from the expanded arguments;
            see `define_training`.
    """
    app.run(
        lambda _: _guarded(main),
        flags_parser=lambda argv: _parse(argv, define=define),
    )


def define_training(arguments: list[recipe.Argument]) -> None:
    """Defines the flags of a training run, those of the parts it names included."""
    flags.DEFINE_string("workdir", None, "The run's folder.")
    flags.DEFINE_bool("resume", False, "Go on from the run's newest checkpoint.")
    flags.DEFINE_enum("model", "glf", catalogue.names("model"), "The model.")
    flags.DEFINE_enum("dataset", "digits", catalogue.names("dataset"), "The data set.")
    flags.DEFINE_string("data_dir", None, "A folder that holds data sets.")
    _define_places()
    flags.DEFINE_enum(
        "strategy",
        plan_lib.Plan.strategy,
        ["auto", "one_device", "mirrored"],
        "How to use several devices.",
    )
    for settings in _SETTINGS:
        _define_settings(settings)
    model = _chosen(arguments, "model", default="glf")
    for option in catalogue.options("model", model).values():
        _define(option.name, option)
    for kind, default in _parts(model).items():
        name = _chosen(arguments, kind, default=default)
        for option in catalogue.options(kind, name).values():
            _define(f"{kind}.{option.name}", option)


def define_loading(arguments: list[recipe.Argument]) -> None:
    """Defines the flags of a tool that loads a trained model."""
    del arguments
    flags.DEFINE_string("workdir", None, "The folder of a run.")
    flags.DEFINE_enum(
        "checkpoint", "latest", ["latest", "best"], "Which of the run's checkpoints."
    )
    flags.DEFINE_string("data_dir", None, "Where data are; the run's own by default.")


def define_measuring(arguments: list[recipe.Argument]) -> None:
    """Defines the flags of a tool that loads a trained model, or a data set."""
    define_loading(arguments)
    _define_places()
    flags.DEFINE_enum(
        "dataset", None, catalogue.names("dataset"), "The data set; the run's own."
    )
    if name := _chosen(arguments, "dataset", default=""):
        for option in catalogue.options("dataset", name).values():
            _define(f"dataset.{option.name}", option)


def load_dataset():
    """Returns training set, test set and places: of the run, or of `--dataset`.

    Raises:
        InvalidValue: There is neither, or both.
    """
    from glf_tf.runs import restore

    if FLAGS.workdir and FLAGS.dataset:
        raise errors.InvalidValue(
            "A run is measured against its own data set",
            received=f"--workdir and --dataset={FLAGS.dataset}",
            do="Leave --dataset out",
        )
    if FLAGS.workdir:
        load = functools.partial(
            restore.load_data, FLAGS.workdir, data_dir=FLAGS.data_dir
        )
        return load("train"), load("test"), _places()
    needed("dataset")
    spec = _spec("dataset", FLAGS.dataset)
    found = catalogue.build("dataset", spec, places=_places())
    return found.load("train"), found.load("test"), _places()


def dataset_options() -> str:
    """Returns the data set's options as text, such as "crop=160, size=64"."""
    if FLAGS.workdir:
        spec = folder().read()["dataset"]
    else:
        spec = _spec("dataset", needed("dataset"))
    return ", ".join(f"{key}={spec[key]}" for key in spec if key != "name")


def one_of(*names: str) -> str:
    """Returns which one of some flags was given.

    Raises:
        InvalidValue: None was, or several.
    """
    given = [name for name in names if FLAGS[name].value]
    if len(given) != 1:
        raise errors.InvalidValue(
            f"Exactly one of {', '.join('--' + name for name in names)} must be given",
            received=", ".join("--" + name for name in given) or "none",
            do="Pass one of them",
        )
    return given[0]


def refuse_beside(name: str, others: Mapping[str, object]) -> None:
    """Refuses flags that another flag decides.

    Raises:
        InvalidValue: There is one.
    """
    for other, value in others.items():
        raise errors.InvalidValue(
            f"--{name} decides --{other}",
            received=f"--{name}={FLAGS[name].value} and --{other}={value}",
            do="Leave one of the two out",
        )


def choices(name: str, *, known: Sequence[str]) -> list[str]:
    """Returns the values of a list flag; "all" stands for all that are known.

    Raises:
        InvalidValue: One is not known, or there is none.
    """
    chosen = FLAGS[name].value
    if chosen == ["all"]:
        return list(known)
    for value in chosen or [""]:
        if value not in known:
            raise errors.InvalidValue(
                f"--{name} takes names with commas between",
                received=f"{value!r}",
                do=errors.suggestion(value, known),
            )
    return chosen


def load_model():
    """Returns the model that `--workdir` and `--checkpoint` name."""
    from glf_tf.runs import restore

    return restore.load_model(needed("workdir"), which=FLAGS.checkpoint)


def load_images(count: int | None = None, *, indices: Sequence[int] | None = None):
    """Returns test images of the run's data set, float32 in [0, 1].

    Args:
        count: The first so many; all where there are fewer.
        indices: Or those of these indices.

    Raises:
        InvalidValue: An index is out of range.
    """
    from glf_tf.runs import restore

    data = restore.load_data(needed("workdir"), "test", data_dir=FLAGS.data_dir)
    chosen = range(min(count, len(data))) if indices is None else indices
    for index in chosen:
        if not 0 <= index < len(data):
            raise errors.InvalidValue(
                f"The test images have the indices 0 to {len(data) - 1}",
                received=f"index {index}",
                do="Choose one of them",
            )
    return data.images[list(chosen)].astype("float32") / 255.0


def needed(name: str) -> str:
    """Returns the value of a flag that has no default.

    Raises:
        InvalidValue: It was not given.
    """
    value = FLAGS[name].value
    if value in (None, "", []):
        raise errors.InvalidValue(
            f"--{name} must be given",
            received="no value",
            do=f"Pass --{name}=...; --help says what it means",
        )
    return value


def indices(texts: Sequence[str], *, count: int) -> list[int]:
    """Returns indices from their texts.

    Raises:
        InvalidValue: They are not `count` whole numbers.
    """
    if len(texts) != count or not all(text.strip().isdigit() for text in texts):
        raise errors.InvalidValue(
            f"Images are chosen by {count} whole numbers with commas between",
            received=",".join(texts),
            do="Use for instance 3,17",
        )
    return [int(text) for text in texts]


def plan() -> plan_lib.Plan:
    """Returns the plan that the flags describe.

    Raises:
        InvalidValue: A flag that has no default is missing, or values contradict.
    """
    for name in ("workdir", "epochs", "batch_size"):
        needed(name)
    model = FLAGS.model
    return plan_lib.Plan(
        dataset=_spec("dataset", FLAGS.dataset),
        model={
            "name": model,
            **{name: FLAGS[name].value for name in catalogue.options("model", model)},
            **{
                kind: _spec(kind, FLAGS[kind].value)
                for kind in _parts(model)
                if kind != "dataset"
            },
        },
        places=_places(),
        training=_settings(options.Training),
        optimizers=_settings(options.Optimizers),
        reports=_settings(plan_lib.Reports),
        strategy=FLAGS.strategy,
        recipe=_recipe_text(),
        flags=_flat({name: FLAGS[name].value for name in _recipe_names()}),
    )


def folder() -> folder_lib.Folder:
    """Returns the run's folder."""
    return folder_lib.Folder(pathlib.Path(FLAGS.workdir).expanduser())


def seed(text: str) -> tuple[int, int]:
    """Returns the seed that `--seed=3` or `--seed=3,1` means.

    Raises:
        InvalidValue: It is neither.
    """
    parts = text.split(",")
    if len(parts) > 2 or not all(re.fullmatch(r"-?\d+", part) for part in parts):
        raise errors.InvalidValue(
            "A seed is a whole number, or two with a comma between",
            received=f"seed={text}",
            do="Use for instance --seed=3",
        )
    return (int(parts[0]), int(parts[1]) if len(parts) == 2 else 0)


def _define_places() -> None:
    flags.DEFINE_string(
        "cache_dir",
        str(dataset.Places.cache_dir),
        "For decoded copies of large sets, classifiers and statistics.",
    )
    flags.DEFINE_bool("download", False, "Let downloads use the network.")


def _places() -> dataset.Places:
    return dataset.Places(
        data_dir=FLAGS.data_dir and pathlib.Path(FLAGS.data_dir),
        cache_dir=pathlib.Path(FLAGS.cache_dir),
        download=FLAGS.download,
    )


def _parse(argv: list[str], *, define: Callable | None) -> list[str]:
    """Parses flags, or exits with one line that says what is wrong with them."""
    try:
        arguments = recipe.expand(argv[1:])
        if define is not None:
            define(arguments)
        if any(argument.text in ("--help", "-h") for argument in arguments):
            _print_help()
            sys.exit(0)
        return _known(argv[0], arguments)
    except (flags.Error, errors.UserError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(BAD_FLAGS)


def _known(program: str, arguments: list[recipe.Argument]) -> list[str]:
    try:
        rest = FLAGS([program, *(argument.text for argument in arguments)])
    except flags.UnrecognizedFlagError as error:
        origins = [
            a.origin for a in arguments if a.text.startswith(f"--{error.flagname}")
        ]
        origin = f" in {origins[0]}" if origins and origins[0] else ""
        known = [flag.name for flag in _our_flags()]
        raise errors.InvalidValue(
            "A flag must be one that the tool, or a part that it was told to use, has",
            received=f"--{error.flagname}{origin}",
            do=errors.suggestion(error.flagname, known),
        ) from error
    if rest[1:]:
        raise errors.InvalidValue(
            "Arguments are flags, --name=value",
            received=" ".join(rest[1:]),
            do="Put two dashes before each",
        )
    return rest


def _guarded(main: Callable[[], None]) -> None:
    # TensorFlow reports every file that it writes as information.
    logging.set_verbosity(logging.WARNING)
    try:
        quiet.load_tensorflow()
        main()
    except errors.UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)


def _print_help() -> None:
    print(sys.modules["__main__"].__doc__)
    for flag in sorted(_our_flags(), key=lambda flag: flag.name):
        default = "" if flag.default is None else f" (default: {flag.default_as_str})"
        print(f"  --{flag.name}: {flag.help}{default}")


def _our_flags() -> list[flags.Flag]:
    """Returns all flags but those of absl and other libraries."""
    modules = FLAGS.flags_by_module_dict()
    mine = [name for name in modules if name == sys.argv[0] or "glf_tf" in name]
    return [flag for name in mine for flag in modules[name]]


def _chosen(arguments: list[recipe.Argument], kind: str, *, default: str) -> str:
    return recipe.last_value(arguments, kind, default=default)


def _parts(model: str) -> dict[str, str]:
    """Returns the kinds of parts that a run has beside its model, with defaults."""
    found = {"dataset": "digits"}
    for option in catalogue.options("model", model).values():
        if option.annotation.endswith("Spec"):
            found[option.name] = option.default
    return found


def _spec(kind: str, name: str) -> dict:
    names = catalogue.options(kind, name)
    return {"name": name, **{one: FLAGS[f"{kind}.{one}"].value for one in names}}


def _define(name: str, option: catalogue.Option) -> None:
    """Defines the flag of a constructor's option."""
    kind = option.annotation.removesuffix(" | None")
    if kind.startswith("Literal["):
        choices = re.findall(r"'([^']*)'", kind)
        flags.DEFINE_enum(name, option.default, choices, option.help)
    elif kind.endswith("Spec"):
        names = catalogue.names(option.name)
        flags.DEFINE_enum(name, option.default, names, option.help)
    elif kind.startswith("tuple[int"):
        _define_sequence(name, option, kind=int)
    else:
        _DEFINERS[kind](name, option.default, option.help)


def _define_sequence(name: str, option: catalogue.Option, *, kind: type) -> None:
    flags.DEFINE(
        _Sequence(kind),
        name,
        option.default,
        option.help,
        serializer=_SequenceSerializer(),
    )


_DEFINERS = {
    "int": flags.DEFINE_integer,
    "float": flags.DEFINE_float,
    "bool": flags.DEFINE_bool,
    "str": flags.DEFINE_string,
}


class _Sequence(flags.ArgumentParser):
    """Numbers with commas between: `200,200`."""

    def __init__(self, kind: type):
        super().__init__()
        self._kind = kind
        self.syntactic_help = "numbers with commas between"

    def parse(self, argument):
        if isinstance(argument, str):
            try:
                return tuple(self._kind(part) for part in argument.split(","))
            except ValueError as error:
                raise ValueError("use numbers with commas between") from error
        return tuple(argument)


class _Named(flags.ArgumentParser):
    """A number for all, and numbers by name: `1e-3,flow:5e-4`."""

    syntactic_help = "a number, or NAME:NUMBER, with commas between"

    def parse(self, argument):
        if isinstance(argument, Mapping):
            return dict(argument)
        named = {}
        for part in argument.split(","):
            name, _, number = part.rpartition(":")
            try:
                named[name] = int(number) if number.isdigit() else float(number)
            except ValueError as error:
                raise ValueError("use a number, or NAME:NUMBER") from error
        return named


class _NamedSerializer(flags.ArgumentSerializer):
    def serialize(self, value):
        return ",".join(
            f"{name}:{one}" if name else f"{one}" for name, one in value.items()
        )


class _SequenceSerializer(flags.ArgumentSerializer):
    def serialize(self, value):
        return ",".join(map(str, value))


def _define_settings(settings: type) -> None:
    """Defines a flag for each field of a data class."""
    help_of = catalogue.described(settings.__doc__, section="Attributes")
    for field in dataclasses.fields(settings):
        default = field.default
        if field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        default = None if default is dataclasses.MISSING else default
        text = help_of[field.name]
        if isinstance(default, Mapping) or field.name == "epochs":
            flags.DEFINE(
                _Named(), field.name, default, text, serializer=_NamedSerializer()
            )
        else:
            _DEFINERS[field.type.__name__](field.name, default, text)


def _settings(settings: type):
    """Returns a data class with the flags' values."""
    values = {}
    for field in dataclasses.fields(settings):
        value = FLAGS[field.name].value
        if field.default_factory is not dataclasses.MISSING:
            # A value for one group alone leaves the others their default.
            value = {**field.default_factory(), **value}
        values[field.name] = value
    return settings(**values)


def _flat(values: Mapping[str, object]) -> dict[str, object]:
    """Returns values with those of groups under names of their own: `beta_1.flow`."""
    flat = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            items = value.items()
            flat |= {f"{name}.{key}" if key else name: one for key, one in items}
        else:
            flat[name] = value
    return flat


def _recipe_names() -> list[str]:
    names = {flag.name for flag in _our_flags()}
    return sorted(names - set(_NOT_IN_RECIPES))


def _recipe_text() -> str:
    """Returns every flag and its value, one a line."""
    lines = []
    for name in _recipe_names():
        flag = FLAGS[name]
        if flag.value is not None:
            lines.append(flag.serialize())
    return "\n".join(lines) + "\n"
