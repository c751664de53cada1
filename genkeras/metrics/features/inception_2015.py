"""The Inception network of December 2015, with which Inception Score and FID are published.

References:
    [Salimans et al., 2016](https://arxiv.org/abs/1606.03498), section 4;
    [Heusel et al., 2017](https://arxiv.org/abs/1706.08500), section 4;
    [Szegedy et al., 2015](https://arxiv.org/abs/1512.00567), the network.
"""

import logging

import tensorflow as tf
from google.protobuf.message import DecodeError

from genkeras.metrics.features import Extractor, as_colour, inception_2015_file
from genkeras.metrics.features.errors import FeatureError, first_line

logger = logging.getLogger("genkeras")

FED, POOLED, PRODUCT = "ExpandDims", "pool_3", "softmax/logits/MatMul"
NUM_FEATURES = 2048
# A graph is a program. In a file that is not the published one only these operations, which
# compute on what they are given, are run: none that reads or writes files.
KNOWN_OPERATIONS = {
    "AvgPool",
    "BatchNormWithGlobalNormalization",
    "CheckNumerics",
    "Concat",
    "ConcatV2",
    "Const",
    "Conv2D",
    "FusedBatchNormV3",
    "Identity",
    "MaxPool",
    "Mul",
    "Relu",
    "ResizeBilinear",
    "Sub",
}


class Inception2015(Extractor):
    """Features and class probabilities of the original graph, `classify_image_graph_def.pb`.

    Pictures enter at `ExpandDims:0` as floats 0..255; the graph itself resizes them to
    299×299 (bilinearly, without antialiasing: that is the published protocol) and computes
    (x − 128) / 128. The features are `pool_3:0` as rows of 2048. The probabilities are
    softmax(features · W) with W, the second input of `softmax/logits/MatMul`, and **without**
    the bias that the graph's own output `softmax:0` has; there are 1008 of them. Grey pictures
    are repeated in three channels.

    The graph's version of 2015 holds `BatchNormWithGlobalNormalization`, which TensorFlow has
    removed, and reshapes to [1, 2048], for one picture at a time. The first is replaced by
    what computes the same today; the second is not imported.

    The tag is `2015` for the published file. Any other file is taken under the tag
    `custom_` and the first eight digits of its SHA-256, since its scores are others.

    Args:
        graph_file: Path of the graph. Defaults to the published graph, from the cache or
            downloaded.
        cache_dir: Folder of the cache.

    Raises:
        FeatureError: If the graph cannot be had, or is not the Inception network.
    """

    def __init__(self, graph_file=None, cache_dir=None):
        if graph_file is None:
            source = "The published graph"
            data = inception_2015_file.published_graph(cache_dir)
        else:
            source = f"--inception_graph={graph_file}"
            data = inception_2015_file.custom_graph(graph_file)
        digest = inception_2015_file.sha256(data)
        published = digest == inception_2015_file.SHA256
        tag = "2015" if published else f"custom_{digest[:8]}"
        super().__init__("inception", tag, 32, identity=digest)
        if not published:
            logger.warning(
                "%s is not the published graph of 2015: its scores are named %s, and cannot be "
                "compared with published ones.",
                source,
                self.tag,
            )
        self._run = _imported(data, source, KNOWN_OPERATIONS if not published else None)

    def extract_batch(self, images):
        return self._run(as_colour(images))


def _imported(data, source, known_operations):
    """TensorFlow function from colour pictures to features and probabilities."""
    graph = tf.compat.v1.GraphDef()
    try:
        graph.ParseFromString(data)
    except DecodeError as error:
        raise _unusable(source, "is broken, or no frozen TensorFlow graph") from error
    nodes = {node.name: node for node in graph.node}
    for name in (FED, POOLED, PRODUCT):
        if name not in nodes:
            raise _unusable(source, f"has no operation {name!r}")
    if len(nodes[PRODUCT].input) < 2:
        raise _unusable(source, f"has no weights in {PRODUCT!r}")
    weights_name = _operation(nodes[PRODUCT].input[1])
    needed = _needed(nodes, (POOLED, weights_name))
    for node in needed:
        if known_operations is not None and node.op not in known_operations:
            raise _unusable(source, f"holds the operation {node.op!r}, which is not run")

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8)], autograph=False)
    def run(images):
        pooled, weights = tf.graph_util.import_graph_def(
            _modernized(needed),
            input_map={f"{FED}:0": tf.cast(images, tf.float32)},
            return_elements=[f"{POOLED}:0", f"{weights_name}:0"],
        )
        weights = tf.ensure_shape(weights, [NUM_FEATURES, None])
        features = tf.reshape(pooled, [-1, NUM_FEATURES])
        return features, tf.nn.softmax(features @ weights)

    try:
        run.get_concrete_function()
    except (ValueError, TypeError, tf.errors.OpError) as error:
        raise _unusable(source, f"cannot be imported ({first_line(error)})") from error
    return run


def _needed(nodes, wanted):
    """The nodes that some are computed from, without the one that is fed."""
    found, waiting = {}, list(wanted)
    while waiting:
        name = waiting.pop()
        if name != FED and name not in found and name in nodes:
            found[name] = nodes[name]
            waiting += map(_operation, nodes[name].input)
    return list(found.values())


def _operation(input_name):
    """The node of an input, written `name`, `name:output`, or `^name` for mere order."""
    return input_name.removeprefix("^").partition(":")[0]


def _modernized(nodes):
    """A GraphDef of the same computation in operations of today."""
    modern = tf.compat.v1.GraphDef()
    modern.versions.producer = tf.version.GRAPH_DEF_VERSION
    for node in nodes:
        if node.op == "BatchNormWithGlobalNormalization":
            _add_batch_normalization(modern, node)
        else:
            modern.node.add().CopyFrom(node)
    return modern


def _add_batch_normalization(modern, node):
    """(x − mean) / √(variance + ε) · γ + β, where γ is left out unless the node asks for it."""
    images, mean, variance, beta, gamma, *order = node.input
    if not node.attr["scale_after_normalization"].b:
        ones = modern.node.add(name=f"{node.name}/ones", op="OnesLike", input=[variance])
        ones.attr["T"].CopyFrom(node.attr["T"])
        gamma = ones.name
    new = modern.node.add(
        name=node.name,
        op="FusedBatchNormV3",
        input=[images, gamma, beta, mean, variance, *order],
    )
    for name in ("T", "U"):
        new.attr[name].CopyFrom(node.attr["T"])
    new.attr["epsilon"].f = node.attr["variance_epsilon"].f
    new.attr["is_training"].b = False


def _unusable(source, reason):
    return FeatureError(
        f"{source} {reason}. Expected {inception_2015_file.FILE_NAME}, as unpacked from "
        f"{inception_2015_file.URL}."
    )
