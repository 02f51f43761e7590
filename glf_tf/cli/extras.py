# SPDX-License-Identifier: Apache-2.0
"""Optional packages: the extras in pyproject.toml."""

__all__ = ["explained"]

from glf_tf import errors

_EXTRAS = {
    "matplotlib": "plots",
    "tensorflow_datasets": "tfds",
    "importlib_resources": "tfds",
}
"""The extra of a package, by the package's import name."""


def explained(error: ModuleNotFoundError) -> errors.NotFound | None:
    """Returns the error for a missing package; None if it belongs to no extra."""
    package = (error.name or "").partition(".")[0]
    if package not in _EXTRAS:
        return None
    return errors.NotFound(
        f"This needs {package}, which the extra {_EXTRAS[package]} installs",
        received="no such package",
        do=f"Run pip install 'glf_tf[{_EXTRAS[package]}]'",
    )
