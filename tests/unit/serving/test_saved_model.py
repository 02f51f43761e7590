# SPDX-License-Identifier: Apache-2.0
"""Names of an exported graph: short, and the same in each export."""

import numpy as np
import pytest
import tensorflow as tf

from glf_tf import errors, export
from glf_tf.serving import saved_model
from tests import descriptors


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "glf"
    spec = descriptors.MODELS["glf"]
    flow = {**spec["flow"], "blocks": 3}
    model = descriptors.catalogue.build(
        "model", {**spec, "flow": flow}, image_shape=descriptors.IMAGE_SHAPE
    )
    export.export(model, path)
    return path


def test_tensors_are_named_after_their_signature(folder):
    found = saved_model.read(folder).signature_def
    served = [name for name in found if not name.startswith("__")]
    assert {"reconstruct", "score", "serving_default"} <= set(served)
    for name in served:
        for key, tensor in found[name].inputs.items():
            assert tensor.name == f"{name}_{key}:0"
        for index, key in enumerate(sorted(found[name].outputs)):
            assert found[name].outputs[key].name == f"{name}:{index}"


def test_a_session_runs_by_these_names(folder):
    """What TensorFlow's C API does."""
    graph = tf.Graph()
    image = np.full([2, *descriptors.IMAGE_SHAPE], 0.25, np.float32)
    with tf.compat.v1.Session(graph=graph) as session:
        tf.compat.v1.saved_model.load(session, ["serve"], str(folder))
        found = session.run("reconstruct:0", {"reconstruct_image:0": image})
        scores = session.run(["score:2", "score:0"], {"score_image:0": image})
    served = tf.saved_model.load(str(folder)).signatures
    expected = served["reconstruct"](image=tf.constant(image))["image"]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    expected = served["score"](image=tf.constant(image))
    np.testing.assert_allclose(scores[0], expected["score"], rtol=1e-5)
    np.testing.assert_allclose(scores[1], expected["log_likelihood"], rtol=1e-5)


def _zeros(spec, *, rows, more=0):
    sizes = [rows if size is None else size for size in spec.shape]
    if more and len(sizes) > 1:
        sizes[-1] += more
    return tf.zeros(sizes, spec.dtype)


def test_other_shapes_are_refused(folder):
    """A graph alone takes pixels of one shape for pixels of another."""
    served = tf.saved_model.load(str(folder)).signatures
    count = 0
    for function in served.values():
        inputs = function.structured_input_signature[1]
        for wrong in [key for key, spec in inputs.items() if spec.shape.rank > 1]:
            given = {k: _zeros(inputs[k], rows=2, more=k == wrong) for k in inputs}
            with pytest.raises(tf.errors.InvalidArgumentError, match="expected shape"):
                function(**given)
            count += 1
    assert count > 10


@pytest.mark.parametrize("name", ["glf", "lebm"])
def test_batches_may_be_empty(name, tmp_path):
    export.export(descriptors.model(name), tmp_path / "x")
    served = tf.saved_model.load(str(tmp_path / "x")).signatures
    assert {"infer", "inpaint", "score"} <= set(served)
    for function in served.values():
        inputs = function.structured_input_signature[1]
        given = {key: _zeros(spec, rows=0) for key, spec in inputs.items()}
        for output in function(**given).values():
            assert output.shape[0] == 0


def test_the_fingerprint_is_that_of_the_graph(folder):
    found = tf.saved_model.experimental.read_fingerprint(str(folder))
    before = found.saved_model_checksum
    (folder / "fingerprint.pb").unlink()
    saved_model.fingerprinting_utils.write_fingerprint(str(folder))
    found = tf.saved_model.experimental.read_fingerprint(str(folder))
    assert found.saved_model_checksum == before


def test_no_node_is_named_for_a_whole_chain(folder):
    graph = saved_model.read(folder).graph_def
    nodes = [*graph.node, *(n for f in graph.library.function for n in f.node_def)]
    names = [part for node in nodes for part in node.name.split("/")]
    assert max(map(len, names)) < 70
    assert not [name for name in names if "chain_of" in name]


def test_the_default_is_what_it_is_said_to_be(folder):
    served = tf.saved_model.load(str(folder)).signatures
    image = tf.constant(np.full([3, *descriptors.IMAGE_SHAPE], 0.5, np.float32))
    expected = served["reconstruct"](image=image)["image"]
    found = served["serving_default"](image=image)["image"]
    np.testing.assert_array_equal(found, expected)


def test_what_is_no_saved_model_is_told(tmp_path):
    with pytest.raises(errors.NotFound, match=r"saved_model\.pb"):
        saved_model.read(tmp_path)
