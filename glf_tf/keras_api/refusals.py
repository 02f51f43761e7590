# SPDX-License-Identifier: Apache-2.0
"""What a user of Keras may try, and a model cannot do: each in one line."""

__all__ = [
    "metric_names",
    "optimizer",
    "order",
    "run_options",
    "sample_metrics",
    "settings",
    "steps",
    "target",
]

from collections.abc import Mapping

from glf_tf import errors


def settings(**given: object) -> None:
    """Refuses what Keras' own loop takes.

    Raises:
        Unsupported: Something is given.
    """
    for name, value in given.items():
        if value is not None:
            raise errors.Unsupported(
                "A model has terms, and an optimiser for each group, of its own",
                received=f"{name}={value!r}"[:80],
                do='Leave it out; set for instance learning_rate={"": 1e-3}',
            )


def optimizer(value: object) -> None:
    """Refuses an optimiser that is not given by name, or by names of groups.

    Raises:
        Unsupported: It is an object.
    """
    names = value.values() if isinstance(value, Mapping) else [value]
    if value is not None and not all(isinstance(name, str) for name in names):
        raise errors.Unsupported(
            "Optimisers are chosen by name, as each group of variables has its own",
            received=f"optimizer={value!r}".partition("\n")[0][:80],
            do='Use for instance optimizer={"": "adam", "flow": "sgd"} with '
            "learning_rate=1e-3",
        )


def order(shuffle: object) -> None:
    """Refuses an order of the images that is not shuffled.

    Raises:
        Unsupported: It is asked for.
    """
    if shuffle is not True:
        raise errors.Unsupported(
            "Every epoch has an order of its own, which the seed decides",
            received=f"shuffle={shuffle!r}",
            do="Leave it out",
        )


def metric_names(metrics: object) -> None:
    """Refuses a plain word, whose letters would be taken for names of metrics.

    Raises:
        InvalidType: It is one.
    """
    if isinstance(metrics, str):
        raise errors.InvalidType(
            "`metrics` must be a list of names",
            received=f"metrics={metrics!r}",
            do=f"Use metrics=[{metrics!r}]",
        )


def sample_metrics(noun: str) -> None:
    """Refuses metrics of samples of anything but images.

    Raises:
        Unsupported: They are others.
    """
    if noun != "images":
        raise errors.Unsupported(
            "`metrics` compare samples by features of images",
            received=f"metrics of a model of {noun}",
            do="Leave them out: the terms have the likelihood, in nats",
        )


def target(*, is_second: bool) -> None:
    """Refuses a target: examples are their own, or have one.

    Args:
        is_second: Whether the examples have labels.

    Raises:
        Unsupported: Always.
    """
    if is_second:
        raise errors.Unsupported(
            "Labels are given once",
            received="labels `y` for examples that have labels",
            do="Leave `y` out, or pass the examples alone",
        )
    raise errors.Unsupported(
        "A generative model is fitted to examples, which are their own target",
        received="a target `y`",
        do="Call fit(x, epochs=...) and evaluate(x); models made "
        "with num_classes take labels",
    )


def run_options(
    workdir: object,
    *,
    resume: bool,
    reports: object,
    validation_split: object,
    patience: object,
) -> None:
    """Refuses what is meant for the run of a folder where there is none, or not for it.

    Raises:
        InvalidValue: Something of it is given.
    """
    if workdir is not None and validation_split:
        raise errors.InvalidValue(
            "The run of a folder notes all the examples that it is given",
            received=f"validation_split={validation_split!r} with workdir",
            do="Divide them, and pass validation_data=",
        )
    if workdir is not None and patience:
        raise errors.InvalidValue(
            "The run of a folder has its patience beside what it is the best by",
            received=f"patience={patience!r} with workdir",
            do=f'Pass reports={{"patience": {patience!r}, "best_by": "test/nll"}}',
        )
    if workdir is None and (resume or reports is not None):
        raise errors.InvalidValue(
            "What goes on, and what reports, is a run in a folder",
            received=f"resume={resume}, reports={reports} without workdir",
            do="Pass workdir=FOLDER as well, or neither",
        )


def steps(method: str) -> None:
    """Refuses a method of Keras' own loop.

    Raises:
        Unsupported: Always.
    """
    raise errors.Unsupported(
        "A model is trained by stages, and not by single steps of Keras",
        received=method,
        do="Call fit(x, epochs=...), and evaluate(x) to measure",
    )
