# SPDX-License-Identifier: Apache-2.0
"""An experiment with a model that Python made: `fit` in the folder of a run."""

__all__ = ["fit"]

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence

import keras

from glf_tf import errors, parts
from glf_tf.data import image_set
from glf_tf.data import paths as paths_lib
from glf_tf.datasets import dataset as dataset_lib
from glf_tf.devices import workers
from glf_tf.experiments import experiment, history, identity, session
from glf_tf.experiments import folder as folder_lib
from glf_tf.experiments import plan as plan_lib
from glf_tf.models import base_model
from glf_tf.training import options as options_lib


def fit(
    model: base_model.AbstractModel,
    data: image_set.ImageSet,
    *,
    workdir: str | pathlib.Path,
    options: options_lib.Training,
    settings: options_lib.Optimizers,
    dataset: dataset_lib.AbstractDataset | None = None,
    validation_data: image_set.ImageSet | None = None,
    callbacks: Sequence[object] = (),
    reports: plan_lib.Reports | Mapping[str, object] | None = None,
    resume: bool = False,
    accept_new_data: bool = False,
    is_silent: bool = False,
) -> keras.callbacks.History:
    """Trains a model, and leaves in a folder all that `folder.Folder` names.

    Call it in the strategy's scope; `model.fit(images, workdir=...)` does. A training
    that goes on ends with the bits of one that was not interrupted: the first weights
    are saved before the first step. Callbacks of Keras begin anew where it goes on.

    Args:
        model: The model.
        data: The training set.
        workdir: The folder: new, or that of the run to go on with.
        options: The settings of training.
        settings: The optimisers'.
        dataset: The data set that the images are of, by which tools find them again;
            None for images without one, which the data set `arrays` reads.
        validation_data: The test set; by default the data set's, if there is one.
        callbacks: Keras' and ours.
        reports: How often to report; a mapping has fields of `plan.Reports`.
        resume: Whether to continue from the newest checkpoint, if there is one.
        accept_new_data: Whether to continue although the images have changed.
        is_silent: Whether no progress is shown.

    Returns:
        history: Keras' own, of the epochs that this process ran.

    Raises:
        InvalidValue: The folder holds a run and `resume` is false, or another plan; or
            the model's class has no name by which it is found again.
        Busy: Another process trains in the folder.
        Damaged: The images are others than the run began with.
        Diverged: A loss term became NaN or infinite.
        Stopped: A signal came; the state is saved.
        Unsupported: The images have masks, and no data set.
    """
    has_labels = model.num_classes > 0
    data, test = _test_of(data, validation_data, dataset=dataset, has_labels=has_labels)
    plan = _plan(model, dataset, options=options, settings=settings, reports=reports)
    sets = (data,) if test is None else (data, test)
    _check_reports(plan.reports, has_test=test is not None)
    folder = folder_lib.Folder(pathlib.Path(workdir).expanduser())
    arguments = type(model).arguments_of(data)
    experiment.check(plan, model=model, sets=sets)
    if workers.Workers().is_chief:
        identity.check(folder, plan, resume=resume)
        identity.check_data(
            folder,
            arguments=arguments,
            data=identity.data_of(*sets, model=plan.model),
            accept_new_data=accept_new_data,
        )
    done = session.carry_out(
        plan,
        folder,
        model=model,
        sets=sets,
        arguments=arguments,
        resume=resume,
        callbacks=callbacks,
        is_silent=is_silent,
    )
    return done.listeners.history


def _test_of(
    data: image_set.ImageSet,
    test: image_set.ImageSet | None,
    *,
    dataset: dataset_lib.AbstractDataset | None,
    has_labels: bool,
) -> tuple[image_set.ImageSet, image_set.ImageSet | None]:
    """Returns training and test images as tools would find them again."""
    if dataset is not None:
        own = dataset.load_for_training()[1]
        if test is not None and test.identity != own.identity:
            raise errors.InvalidValue(
                "A run on a data set is validated on its own split for that",
                received=f"validation_data of {len(test)} other {test.noun}",
                do=f"Leave it out, or pass the training {test.noun} in the data "
                "set's place",
            )
        return data, own
    for images in (data, test):
        if images is not None and images.masks is not None:
            raise errors.Unsupported(
                "Masks are found again by the data set that has them",
                received=f"an ImageSet of {images.name} alone",
                do="Pass the data set itself: fit(Occluded(paths), workdir=...)",
            )
    # Others are left out: `arrays` need not have them to find the images again.
    left_out = {} if has_labels else {"labels": None}
    data = dataclasses.replace(data, split="train", **left_out)
    if test is not None:
        test = dataclasses.replace(test, split="test", **left_out)
    return data, test


def _plan(
    model: base_model.AbstractModel,
    dataset: dataset_lib.AbstractDataset | None,
    *,
    options: options_lib.Training,
    settings: options_lib.Optimizers,
    reports: plan_lib.Reports | Mapping[str, object] | None,
) -> plan_lib.Plan:
    if not isinstance(reports, plan_lib.Reports):
        reports = _reports(reports or {})
    how = _flat(options, settings, reports)
    lines = (f"{name}={value}" for name, value in how.items())
    has_name = dataset is not None
    return plan_lib.Plan(
        dataset=parts.specification("dataset", dataset) if has_name else "arrays",
        model=parts.specification("model", model),
        paths=dataset.paths if has_name else paths_lib.DataPaths(),
        training=options,
        optimizers=settings,
        reports=reports,
        recipe="\n".join([history.OF_PYTHON, *lines, ""]),
        flags=how,
    )


def _reports(given: Mapping[str, object]) -> plan_lib.Reports:
    known = [field.name for field in dataclasses.fields(plan_lib.Reports)]
    for name, value in given.items():
        if name not in known:
            raise errors.InvalidValue(
                "`reports` has fields of experiments.plan.Reports",
                received=f"{name}={value!r}",
                do=errors.suggestion(name, known),
            )
    return plan_lib.Reports(**given)


def _check_reports(reports: plan_lib.Reports, *, has_test: bool) -> None:
    """Refuses reports that need test images where there are none."""
    is_default = reports.best_by in ("", plan_lib.Reports.best_by)
    if has_test or (is_default and not reports.evaluate_every):
        return
    raise errors.InvalidValue(
        "Samples, and the best checkpoint, are measured on a test split",
        received=f"evaluate_every={reports.evaluate_every}, "
        f"best_by={reports.best_by!r} without validation_data",
        do="Pass validation_data, or leave both out",
    )


def _flat(*records: object) -> dict[str, object]:
    """Returns the fields of data classes, those by group under names of their own."""
    flat = {}
    for record in records:
        for name, value in dataclasses.asdict(record).items():
            if isinstance(value, Mapping):
                flat |= {f"{name}.{k}" if k else name: v for k, v in value.items()}
            else:
                flat[name] = value
    return flat
