# SPDX-License-Identifier: Apache-2.0
"""`predict`, `save` and `export`: a trained model used, and kept.

    model.save("glf.keras")
    model.export("serving/1")

Files and folders are refused before anything is written.
"""

__all__ = ["Saved"]

import pathlib
from collections.abc import Mapping, Sequence

import keras
import numpy as np

from glf_tf import errors, export
from glf_tf.data import python_arrays, python_vectors, vector_set
from glf_tf.datasets import dataset as dataset_lib
from glf_tf.datasets import given as given_lib
from glf_tf.keras_api import arguments


class Saved:
    """The methods of a Keras model by which it is used and kept."""

    def predict(
        self, x: object, batch_size: int | None = None, *args, **kwargs
    ) -> np.ndarray:
        """Returns what `call` returns, in batches, as Keras does.

        Those are reconstructions of images, and log-densities of vectors in nats.

        Args:
            x: Examples, as for `fit`; images are not rounded.
            batch_size: Images at once; 32 if None.
            *args: Further arguments of Keras' `predict`.
            **kwargs: As well.

        Raises:
            InvalidType: The images are of another kind, or `batch_size` is no number.
            InvalidValue: They do not fit the model, or are outside of [0, 1].
            Unsupported: The model has no encoder.
        """
        if type(self).call is keras.Model.call:
            by_chains = "Use tools/reconstruct.py, whose chains need none"
            raise errors.Unsupported(
                "Models with an encoder predict reconstructions",
                received=type(self).__name__,
                do=by_chains
                if hasattr(self, "infer_latents")
                else "Use sample, which is what such a model does",
            )
        x = self._unrounded(x)
        if batch_size is not None:
            batch_size = arguments.whole("batch_size", batch_size, least=1)
        return super().predict(x, batch_size, *args, **kwargs)

    def _unrounded(self, x: object) -> np.ndarray:
        """Returns examples of the model's size, images as floats."""
        if isinstance(x, (str, Mapping, dataset_lib.AbstractDataset)):
            x = given_lib.read(x, split="test", kind=self.example_kind).examples
        if self.example_kind is vector_set.VectorSet:
            rows = python_vectors.read(x).vectors
            self._check_made_for("event_dim", rows.shape[1])
            return rows
        images = python_arrays.read_unrounded(x)
        self._check_made_for("image_shape", images.shape[1:])
        return images

    def save(
        self,
        filepath: str | pathlib.Path,
        overwrite: bool = True,
        zipped: bool | None = None,
        **kwargs: object,
    ) -> None:
        """Saves the model as a `.keras` file, as Keras does.

        Raises:
            Unsupported: The name has another ending; nothing is written.
            NotFound: There is no folder for it; nothing is written.
            InvalidValue: The model has no configuration; nothing is written.
        """
        if zipped is not False and not str(filepath).endswith(".keras"):
            raise errors.Unsupported(
                "A model is saved as a .keras file",
                received=f"save({str(filepath)!r})",
                do="Let the name end in .keras; or use save_weights, or export",
            )
        _check_folder_of(filepath)
        self.get_config()  # what it refuses must not cost an older file
        super().save(filepath, overwrite=overwrite, zipped=zipped, **kwargs)

    def save_weights(self, filepath: str | pathlib.Path, *args, **kwargs) -> None:
        """Saves the weights alone as a `.weights.h5` file, as Keras does.

        Raises:
            Unsupported: The name has another ending; nothing is written.
            NotFound: There is no folder for it; nothing is written.
        """
        _check_weights(filepath)
        _check_folder_of(filepath)
        super().save_weights(filepath, *args, **kwargs)

    def load_weights(self, filepath: str | pathlib.Path, *args, **kwargs) -> None:
        """Loads the weights that `save_weights` saved, as Keras does.

        Raises:
            NotFound: There is no such file.
            Damaged: It has not the weights of such a model, whose own are kept.
        """
        if not pathlib.Path(filepath).exists():
            raise errors.NotFound(
                "Weights are loaded from a file",
                received=f"no file {filepath}",
                do="Pass a file that save_weights made",
            )
        before = [variable.numpy() for variable in self.variables]
        try:
            super().load_weights(filepath, *args, **kwargs)
        except (ValueError, KeyError, OSError) as error:
            for variable, value in zip(self.variables, before, strict=True):
                variable.assign(value)
            raise errors.Damaged(
                "A file of weights must be that of a model with the same parts",
                received=f"{filepath}: {error}".partition("\n")[0],
                do="Make the model as the one that was saved, or pass another file",
            ) from error

    def export(
        self,
        filepath: str | pathlib.Path,
        format: str | Sequence[str] = "saved_model",  # noqa: A002 - Keras' name
    ) -> tuple[str, ...]:
        """Writes a SavedModel with all signatures of `glf_tf.export`, and a card.

        Args:
            filepath: An empty folder, or an export of ours, which it replaces.
            format: "saved_model", which Keras calls "tf_saved_model"; and beside it
                "litert", "onnx" or "web", with commas between them.

        Returns:
            signatures: The names of the signatures.

        Raises:
            InvalidValue: Another format is asked for.
            Occupied: The folder holds something else.
            Unsupported: A library that a format needs is not installed, or it is not
                for such a model.
        """
        return export.export(self, pathlib.Path(filepath), formats=format)

    def _check_made_for(self, name: str, value: object) -> None:
        own = getattr(self, name, value)
        if own != value:
            raise errors.InvalidValue(
                f"The model was made for {name}={own}",
                received=f"{self.example_kind.noun} of {name}={value}",
                do=f"Make it with {name}={value}, or pass other "
                f"{self.example_kind.noun}",
            )


def _check_weights(path: object) -> None:
    if not str(path).endswith(".weights.h5"):
        raise errors.Unsupported(
            "Weights are saved as a .weights.h5 file",
            received=str(path),
            do="Let the name end in .weights.h5",
        )


def _check_folder_of(path: object) -> None:
    folder = pathlib.Path(path).parent
    if not folder.is_dir():
        raise errors.NotFound(
            "A file is saved into a folder that exists",
            received=f"{path}, and no folder {folder}",
            do="Make the folder first, or use another name",
        )
