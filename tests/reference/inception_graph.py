"""A small stand-in for the 2015 Inception graph, and the old way of running such a graph.

The stand-in has the tensor names, the operations and the GraphDef version of
`classify_image_graph_def.pb`, with two layers instead of forty-eight and weights drawn from a
seed. Nodes have only the attributes that TensorFlow knew in 2015.
"""

import numpy as np
import tensorflow as tf

v1 = tf.compat.v1

PRODUCER = 8
NUM_CLASSES = 1008


def graph_def(seed=0):
    """A frozen `GraphDef` that removed operations and a batch of one are built into."""
    random = np.random.default_rng(seed)
    graph = v1.GraphDef()
    graph.versions.producer = PRODUCER

    def node(name, op, *inputs, **attributes):
        new = graph.node.add(name=name, op=op, input=inputs)
        for key, value in attributes.items():
            attribute = new.attr[key]
            if isinstance(value, tf.DType):
                attribute.type = value.as_datatype_enum
            elif isinstance(value, bool):
                attribute.b = value
            elif isinstance(value, float):
                attribute.f = value
            elif isinstance(value, int):
                attribute.i = value
            elif isinstance(value, str):
                attribute.s = value.encode()
            elif isinstance(value, list):
                attribute.list.i.extend(value)
            else:
                attribute.tensor.CopyFrom(tf.make_tensor_proto(value))
        return name

    def const(name, value):
        value = np.asarray(value)
        return node(name, "Const", dtype=tf.as_dtype(value.dtype), value=value)

    def normal(name, shape, scale):
        return const(name, random.normal(0.0, scale, shape).astype(np.float32))

    def uniform(name, channels, low, high):
        return const(name, random.uniform(low, high, channels).astype(np.float32))

    def checked(name, value):
        """The value, once it is known to be finite: CheckNumerics as it was used then."""
        check = node(f"{name}/CheckNumerics", "CheckNumerics", value, T=tf.float32, message=name)
        return node(f"{name}/control_dependency", "Identity", value, f"^{check}", T=tf.float32)

    def conv(name, images, kernel, stride, scaled):
        params = normal(f"{name}/conv2d_params", kernel, 1.0 / np.sqrt(np.prod(kernel[:3])))
        value = node(
            f"{name}/Conv2D",
            "Conv2D",
            images,
            params,
            T=tf.float32,
            strides=[1, stride, stride, 1],
            padding="VALID",
            use_cudnn_on_gpu=True,
        )
        norm = f"{name}/batchnorm"
        value = node(
            norm,
            "BatchNormWithGlobalNormalization",
            value,
            normal(f"{norm}/moving_mean", kernel[3], 0.2),
            uniform(f"{norm}/moving_variance", kernel[3], 0.1, 0.5),
            normal(f"{norm}/beta", kernel[3], 0.5),
            uniform(f"{norm}/gamma", kernel[3], 0.5, 2.0),
            T=tf.float32,
            variance_epsilon=0.001,
            scale_after_normalization=scaled,
        )
        return node(name, "Relu", checked(name, value), T=tf.float32)

    def pool(name, op, images, side, stride):
        window = {"ksize": [1, side, side, 1], "strides": [1, stride, stride, 1]}
        return node(name, op, images, T=tf.float32, padding="VALID", **window)

    contents = const("DecodeJpeg/contents", np.array(b""))
    value = node("DecodeJpeg", "DecodeJpeg", contents, channels=3)
    value = node("Cast", "Cast", value, SrcT=tf.uint8, DstT=tf.float32)
    value = node(
        "ExpandDims", "ExpandDims", value, const("ExpandDims/dim", np.int32(0)), T=tf.float32
    )
    size = const("ResizeBilinear/size", np.array([299, 299], np.int32))
    value = node("ResizeBilinear", "ResizeBilinear", value, size, T=tf.float32)
    value = node("Sub", "Sub", value, const("Sub/y", np.float32(128.0)), T=tf.float32)
    value = node("Mul", "Mul", value, const("Mul/y", np.float32(1.0 / 128.0)), T=tf.float32)
    value = conv("conv", value, (3, 3, 3, 8), 16, scaled=True)
    value = pool("pool", "MaxPool", checked("pool", value), 3, 2)
    towers = [
        conv("mixed_10/conv", value, (2, 2, 8, 1024), 1, scaled=False),
        conv("mixed_10/tower/conv", value, (2, 2, 8, 1024), 1, scaled=True),
    ]
    axis = const("mixed_10/join/concat_dim", np.int32(3))
    value = node("mixed_10/join", "Concat", axis, *towers, T=tf.float32, N=2)
    value = pool("pool_3", "AvgPool", value, 8, 1)
    one_row = const("pool_3/_reshape/shape", np.array([1, 2048], np.int32))
    value = node("pool_3/_reshape", "Reshape", value, one_row, T=tf.float32)
    weights = normal("softmax/weights", (2048, NUM_CLASSES), 0.03)
    value = node("softmax/logits/MatMul", "MatMul", value, weights, T=tf.float32)
    biases = normal("softmax/biases", NUM_CLASSES, 1.0)
    value = node("softmax/logits", "BiasAdd", value, biases, T=tf.float32)
    node("softmax", "Softmax", value, T=tf.float32)
    return graph


def session_run(graph, fetches, images):
    """What a v1 Session makes of the graph as it is: one picture at a time, as in 2015.

    Args:
        graph: `GraphDef`.
        fetches: Names of tensors whose first axis is the batch.
        images: uint8 array `(num_images, height, width, 3)`, fed at `ExpandDims:0`.

    Returns:
        List of arrays, one row per picture.
    """
    with tf.Graph().as_default():
        tf.graph_util.import_graph_def(graph, name="")
        with v1.Session() as session:
            rows = [
                session.run(fetches, {"ExpandDims:0": image[None].astype(np.float32)})
                for image in images
            ]
    return [np.concatenate(values) for values in zip(*rows, strict=True)]


def constant(graph, name):
    """The array of a constant node."""
    (node,) = (node for node in graph.node if node.name == name)
    return tf.make_ndarray(node.attr["value"].tensor)


def features_and_probabilities(graph, images):
    """The features by a Session, and of them the probabilities without bias in float64."""
    (pooled,) = session_run(graph, ["pool_3:0"], images)
    features = pooled.reshape(len(images), 2048).astype(np.float64)
    logits = features @ constant(graph, "softmax/weights").astype(np.float64)
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return features, exponentials / exponentials.sum(axis=1, keepdims=True)
