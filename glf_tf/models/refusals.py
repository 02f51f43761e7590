# SPDX-License-Identifier: Apache-2.0
"""What a user of Keras may try, and a model cannot do: each in one line."""

__all__ = ["run_options", "settings", "steps", "target"]

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


def target(y: object) -> None:
    """Refuses a target: images are their own.

    Raises:
        Unsupported: There is one.
    """
    if y is not None:
        raise errors.Unsupported(
            "A generative model is fitted to images, which are their own target",
            received="a target `y`",
            do="Call fit(images, epochs=...) and evaluate(images)",
        )


def run_options(workdir: object, *, resume: bool, reports: object) -> None:
    """Refuses what is meant for the run of a folder where there is no folder.

    Raises:
        InvalidValue: Something of it is given.
    """
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
        do="Call fit(images, epochs=...), and evaluate(images) to measure",
    )
