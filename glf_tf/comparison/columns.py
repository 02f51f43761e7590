# SPDX-License-Identifier: Apache-2.0
"""The columns of a comparison's table: what is said of a row, and how."""

__all__ = [
    "NONE",
    "RECOVERED",
    "TRAINING",
    "Column",
    "cell",
    "chosen",
    "of_anomalies",
    "of_densities",
    "of_hidden",
    "of_models",
    "of_modes",
    "of_scalars",
    "seeds",
]

import dataclasses
from collections.abc import Callable, Mapping, Sequence

from glf_tf import errors
from glf_tf.comparison import row as row_lib
from glf_tf.metrics import written

NONE = "-"
"""The cell of what was not measured."""

RECOVERED = "recovered"
"""What recovered training images are called, beside the names of masks."""

TRAINING = "training"
"""What scalars of training are of, in the place of samples."""


@dataclasses.dataclass(frozen=True)
class Column:
    """A column.

    Attributes:
        key: By what a choice of columns names it, such as "fd/reconstructions".
        title: Its title.
        value: Returns the cell of a row.
        real: The metric of real images that it shows; "" for none.
        number: Returns mean and deviation of a row, or None; for a column of words or
            costs it is always None.
        notes: Returns the caveats of a row's measurements.
    """

    key: str
    title: str
    value: Callable[[row_lib.Row], str]
    real: str = ""
    number: Callable[[row_lib.Row], tuple[float, float | None] | None] = lambda _: None
    notes: Callable[[row_lib.Row], Sequence[str]] = lambda _: ()


def _measured(
    title: str,
    metric: str,
    source: str = "samples",
    *,
    extractor: str = "",
    real: str = "",
) -> Column:
    """Returns the column of a measure, by default the main extractor's.

    Args:
        title: The title.
        metric: The measure.
        source: What is measured.
        extractor: The name of a further extractor.
        real: Name of that of real images; by default the metric, of samples alone.
    """
    how = {"source": source, "extractor": extractor}
    of_real = real or (metric if source == "samples" else "")
    named = [metric, *([] if source == "samples" else [source]), extractor]
    key = "/".join(filter(None, named))

    def number(row: row_lib.Row) -> tuple[float, float | None] | None:
        return row.number(metric, **how)

    def notes(row: row_lib.Row) -> Sequence[str]:
        return row.caveats(metric, **how)

    return Column(key, title, lambda row: cell(number(row)), of_real, number, notes)


def _cost(title: str, field: str) -> Column:
    return Column(field, title, lambda row: _plain(row.cost(field)))


def _speed(title: str, metric: str) -> Column:
    """Returns the column of a speed that was measured, which no picture shows."""
    measured = _measured(title, metric, "all")
    return Column(measured.key, title, measured.value)


def _epochs() -> Column:
    return Column("epochs", "epochs", lambda row: row.epochs or NONE)


def seeds() -> Column:
    """Returns the column of the number of trainings."""
    return Column("seeds", "seeds", lambda row: str(len(row.results)))


def _distances(distance: str, *, others: Mapping[str, str]) -> list[Column]:
    """Returns the columns of distances of samples, the main one first."""
    further = (
        _measured(title, "fd", extractor=by, real=title) for title, by in others.items()
    )
    return [_measured(distance, "fd"), *further]


def of_anomalies() -> list[Column]:
    """Returns the columns of what finds anomalies, by the chosen checkpoint."""
    chosen = {"first": "first", "last": "last", "best": "best by validation"}
    chosen["best_on_test"] = "best on test"
    return [
        *(
            _measured(f"{title}, {by}", metric, source)
            for metric, title in (
                ("average_precision", "average precision"),
                ("auroc", "AUROC"),
            )
            for source, by in chosen.items()
        ),
        _measured("chance", "chance", "last"),
        _cost("parameters", "parameters"),
        _epochs(),
        _cost("s/epoch", "seconds_per_epoch"),
        _speed("scored/s", "scored_per_second"),
    ]


def of_modes() -> list[Column]:
    """Returns the columns of modes that samples cover."""
    return [_measured("modes", "modes_covered"), _measured("KL of modes", "modes_kl")]


def of_hidden(names: Sequence[str]) -> list[Column]:
    """Returns the columns of errors where pixels were hidden, by what hid them."""
    titles = {"hidden_error": "hidden pixels", "all_error": "all pixels"}
    return [
        _measured(f"{name.replace('_', ' ')}, {title}", metric, name)
        for name in names
        for metric, title in titles.items()
    ]


def of_scalars(names: Sequence[str]) -> list[Column]:
    """Returns the columns of scalars of training, whose keys are their names."""
    return [
        dataclasses.replace(_measured(name, name, TRAINING), key=name) for name in names
    ]


def of_models(distance: str, *, others: Mapping[str, str]) -> list[Column]:
    """Returns the columns of whole models; see `of_densities`."""
    of = "reconstructions"
    return [
        *_distances(distance, others=others),
        _measured(f"of {of}", "fd", of),
        *(
            _measured(f"of {of}, {title}", "fd", of, extractor=by)
            for title, by in others.items()
        ),
        _measured("error an image", "reconstruction_per_image", of),
        _measured("precision", "precision"),
        _measured("recall", "recall"),
        _measured("coverage", "coverage"),
        _cost("parameters", "parameters"),
        _epochs(),
        _cost("s/epoch", "seconds_per_epoch"),
        _cost("training s", "training_seconds"),
        _cost("samples/s", "samples_per_second"),
    ]


def of_densities(distance: str, *, others: Mapping[str, str]) -> list[Column]:
    """Returns the columns of densities on the codes of one encoder.

    Args:
        distance: The name of the main distance.
        others: The extractors of further distances, by the distance's name.
    """
    return [
        _measured("NLL, validation", "nll", "validation latents"),
        _measured("NLL, test", "nll", "test latents"),
        *_distances(distance, others=others),
        _measured("recall", "recall"),
        _measured("coverage", "coverage"),
        _cost("density's parameters", "prior_parameters"),
        _epochs(),
        _cost("training s", "training_seconds"),
        _cost("fit s", "fit_seconds"),
        _cost("latents/s", "latents_per_second"),
    ]


def chosen(
    keys: Sequence[str],
    *,
    distance: str = "FD",
    others: Mapping[str, str] | None = None,
    hidden: Sequence[str] = (),
    scalars: Sequence[str] = (),
    finds_anomalies: bool = False,
) -> list[Column]:
    """Returns the columns of keys.

    Args:
        keys: Keys of columns.
        distance: The name of the main distance.
        others: The extractors of further distances, by the distance's name.
        hidden: What pixels were hidden of.
        scalars: Names of scalars of training.
        finds_anomalies: Whether they are of `of_anomalies`, and of no other.

    Raises:
        InvalidValue: There is no such column.
    """
    how = {"others": others or {}}
    found = [*of_scalars(scalars), *of_hidden(hidden), *of_modes()]
    found += [*of_densities(distance, **how), *of_models(distance, **how)]
    found = [*(of_anomalies() if finds_anomalies else found), seeds()]
    by_key = {column.key: column for column in found}
    for key in keys:
        if key not in by_key:
            raise errors.InvalidValue(
                "The columns of a table must be measured",
                received=key,
                do=errors.suggestion(key, by_key),
            )
    return [by_key[key] for key in keys]


def cell(number: tuple[float, float | None] | None) -> str:
    """Returns the cell of a mean and its deviation, either of which may be None."""
    return NONE if number is None else written.number(*number)


def _plain(value: float | None) -> str:
    if value is None:
        return NONE
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
