# SPDX-License-Identifier: Apache-2.0
"""The 2015 Inception graph, whose 2,048 features the FID is defined on.

Szegedy, Vanhoucke, Ioffe, Shlens, Wojna, Rethinking the Inception Architecture for
Computer Vision, 2015, https://arxiv.org/abs/1512.00567

The graph takes RGB in [0, 255] of any size at `ExpandDims:0`, resizes it to 299 x 299
(bilinear, not antialiased, the corners as TensorFlow 1 placed them), maps it to
[-1, 1], and ends for us at `pool_3:0`. `keras.applications.InceptionV3` is another
network. Three things in the file are of 2015 and are brought up to date on import:

* shapes that fix the batch to one image are forgotten and inferred anew;
* `BatchNormWithGlobalNormalization`, which TensorFlow 2 refuses to run, becomes the
  `FusedBatchNormV3` of the same formula;
* all that follows `pool_3`, or only decodes JPEG, is left out.
"""

__all__ = ["DIM", "Inception", "find_graph"]

import hashlib
import pathlib
import tarfile
import urllib.error
import urllib.request

import numpy as np
import tensorflow as tf
from google.protobuf import message

from glf_tf import errors, files, types
from glf_tf.data import pixels
from glf_tf.metrics import digest
from glf_tf.metrics.extractors import features

DIM = 2048
FILE_NAME = "classify_image_graph_def.pb"
URL = (
    "https://storage.googleapis.com/download.tensorflow.org/models/image/imagenet/"
    "inception-2015-12-05.tgz"
)
_INPUT, _OUTPUT = "ExpandDims", "pool_3"
_TIMEOUT_SECONDS = 30
_MOST_GRAPH_BYTES = 2**28


class Inception(features.AbstractExtractor):
    """Features of the 2015 graph: `pool_3`, 2,048 numbers an image."""

    def __init__(self, path: pathlib.Path, *, batch_size: int = 50):
        """Reads the graph.

        Args:
            path: Of `classify_image_graph_def.pb`; see `find_graph`.
            batch_size: Images at a time; 50 take about 1 GB.

        Raises:
            NotFound: There is no such file.
            InvalidValue: The file is cut off, or is not the 2015 graph.
        """
        path = pathlib.Path(path).expanduser()
        self._function = _import(_read(path), path=path)
        super().__init__(
            name=features.INCEPTION,
            checksum=digest.of_file(path),
            dim=DIM,
            batch_size=batch_size,
        )

    def _extract(self, batch: np.ndarray) -> types.Tensor:
        images = tf.constant(pixels.to_rgb(batch) * np.float32(255))
        return tf.reshape(self._function(images), [-1, DIM])


def find_graph(
    cache_dir: pathlib.Path, *, download: bool = False, url: str = URL
) -> pathlib.Path:
    """Returns the path of the graph in a cache, after downloading it there if allowed.

    Nobody publishes a checksum of the file. The one of the download is written beside
    it, and a file that has changed since is refused.

    Args:
        cache_dir: The folder of the cache.
        download: Whether the network may be used.
        url: Of the archive that holds the graph.

    Raises:
        NotFound: It is not there and may not, or cannot, be downloaded.
        InvalidValue: It has changed since it was downloaded.
    """
    path = pathlib.Path(cache_dir).expanduser() / FILE_NAME
    if path.exists():
        _check_unchanged(path)
        return path
    if not download:
        raise errors.NotFound(
            f"FID needs the 2015 Inception graph, {FILE_NAME}",
            received=f"nothing at {path}",
            do=f"Allow the download, or fetch {url} elsewhere and pass its path",
        )
    _download(url, path=path)
    return path


def _download(url: str, *, path: pathlib.Path) -> None:
    try:
        with (
            urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as response,
            tarfile.open(fileobj=response, mode="r|gz") as archive,
        ):
            graph = _graph_in(archive)
        files.write(_checksum_path(path), hashlib.sha256(graph).hexdigest())
        files.write(path, graph)
    except errors.UserError:
        raise
    except (urllib.error.URLError, OSError, EOFError, tarfile.TarError) as error:
        raise errors.NotFound(
            "The Inception graph must be within reach to be downloaded",
            received=f"{url}: {error}",
            do="Fetch it on another machine and pass the path of the graph",
        ) from error


def _graph_in(archive: tarfile.TarFile) -> bytes:
    for member in archive:
        if pathlib.PurePath(member.name).name == FILE_NAME and member.isfile():
            if member.size > _MOST_GRAPH_BYTES:
                raise tarfile.TarError(f"{FILE_NAME} is larger than the graph")
            return archive.extractfile(member).read()
    raise tarfile.TarError(f"there is no {FILE_NAME} in the archive")


def _checksum_path(path: pathlib.Path) -> pathlib.Path:
    return path.with_suffix(".sha256")


def _check_unchanged(path: pathlib.Path) -> None:
    noted = _checksum_path(path)
    if noted.exists() and noted.read_text().strip() != digest.of_file(path):
        raise errors.InvalidValue(
            "The Inception graph must be the file that was downloaded",
            received=f"{path}, whose SHA-256 is not the one in {noted.name}",
            do="Delete both; the graph will be downloaded anew",
        )


def _read(path: pathlib.Path) -> tf.compat.v1.GraphDef:
    if not path.is_file():
        raise errors.NotFound(
            "The Inception graph must be a file",
            received=str(path),
            do=f"Pass the path of {FILE_NAME}",
        )
    graph = tf.compat.v1.GraphDef()
    try:
        graph.ParseFromString(path.read_bytes())
    except message.DecodeError as error:
        raise errors.InvalidValue(
            f"The Inception graph must be a complete {FILE_NAME}",
            received=f"{path}, {path.stat().st_size:,} bytes that do not parse",
            do="The file is probably cut off; fetch it again",
        ) from error
    missing = {_INPUT, _OUTPUT} - {node.name for node in graph.node}
    if missing:
        raise _not_the_graph(path, received=f"no node {' or '.join(sorted(missing))}")
    return graph


def _not_the_graph(path: pathlib.Path, *, received: str) -> errors.InvalidValue:
    return errors.InvalidValue(
        f"The graph must be that of 2015, with {_INPUT} and a {DIM} wide {_OUTPUT}",
        received=f"{path} with {received}",
        do=f"Fetch {URL}; a file that was cut off looks like this too",
    )


def _import(graph: tf.compat.v1.GraphDef, *, path: pathlib.Path):
    """Returns the graph as a function from RGB in [0, 255] to `pool_3`."""
    graph = _modernize(tf.compat.v1.graph_util.extract_sub_graph(graph, [_OUTPUT]))

    def pool_3(images):
        return tf.graph_util.import_graph_def(
            graph,
            input_map={f"{_INPUT}:0": images},
            return_elements=[f"{_OUTPUT}:0"],
        )[0]

    images = tf.TensorSpec([None, None, None, 3], tf.float32)
    try:
        function = tf.compat.v1.wrap_function(pool_3, [images])
        width = function(tf.zeros([2, 8, 8, 3])).shape.as_list()
    except (ValueError, tf.errors.OpError) as error:
        raise _not_the_graph(
            path, received=f"nodes that do not run: {error}"
        ) from error
    if width != [2, 1, 1, DIM]:
        raise _not_the_graph(path, received=f"{width} features of two images")
    return function


def _modernize(graph: tf.compat.v1.GraphDef) -> tf.compat.v1.GraphDef:
    for node in graph.node:
        # Kept shapes would be merged with the inferred ones: a batch of 1 for ever.
        node.attr.pop("_output_shapes", None)
    for node in [*graph.node]:
        if node.op == "BatchNormWithGlobalNormalization":
            _modernize_batch_norm(node, graph=graph)
    return graph


def _modernize_batch_norm(
    node: tf.compat.v1.NodeDef, *, graph: tf.compat.v1.GraphDef
) -> None:
    inputs, mean, variance, offset, scale = node.input
    if not node.attr["scale_after_normalization"].b:
        ones = graph.node.add(name=f"{node.name}/ones", op="OnesLike", input=[scale])
        ones.attr["T"].CopyFrom(node.attr["T"])
        scale = ones.name
    kind, epsilon = node.attr["T"].type, node.attr["variance_epsilon"].f
    node.op = "FusedBatchNormV3"
    node.input[:] = [inputs, scale, offset, mean, variance]
    node.attr.clear()
    node.attr["T"].type = node.attr["U"].type = kind
    node.attr["epsilon"].f = epsilon
    node.attr["is_training"].b = False
