"""Which graphs are run: a SavedModel is a program, and this one comes from a folder."""

from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

# What the samplers of `apps.export` hold, and arithmetic of the same kind that another model may
# need. A list of what is allowed: TensorFlow has more than a thousand operations, and does not
# say which of them touch files. `tests/serving/test_export_contract.py` says which are missing.
_NAMES = """
    Abs Add AddN AddV2 All Any ArgMax ArgMin Assert AssignVariableOp AvgPool BatchMatMulV2 BiasAdd
    BitwiseAnd BitwiseOr BitwiseXor BroadcastTo Cast CheckNumerics ClipByValue ConcatV2 Const Conv2D
    Conv2DBackpropInput Cos DepthToSpace DepthwiseConv2dNative DisableCopyOnRead Elu EncodePng Equal
    Erf Exp ExpandDims Expm1 Fill Floor FloorDiv FloorMod FusedBatchNormV3 GatherNd GatherV2 Greater
    GreaterEqual Identity IdentityN If LeakyRelu LeftShift Less LessEqual Log Log1p LogicalAnd
    LogicalNot LogicalOr MatMul Max MaxPool Maximum Mean Min Minimum MirrorPad Mul Neg NoOp NotEqual
    OneHot OnesLike Pack Pad PadV2 PartitionedCall Placeholder Pow Prod Range Rank ReadVariableOp
    RealDiv Reciprocal Relu Relu6 Reshape ResizeBilinear ResizeNearestNeighbor RightShift Round
    Rsqrt Select SelectV2 Selu Shape Sigmoid Sign Sin Size Slice Softmax Softplus SpaceToDepth Split
    SplitV Sqrt Square SquaredDifference Squeeze StatefulPartitionedCall StatelessIf
    StatelessRandomNormalV2 StatelessRandomUniformFullIntV2 StatelessRandomUniformV2 StatelessWhile
    StopGradient StridedSlice Sub Sum Tanh TensorListFromTensor TensorListGetItem TensorListReserve
    TensorListSetItem TensorListStack Tile Transpose Unpack VarHandleOp VarIsInitializedOp While
    ZerosLike
"""
_ALLOWED = frozenset(_NAMES.split())
# What stores and restores the weights. Nothing but TensorFlow's loader may call it.
_OF_CHECKPOINTS = frozenset({"MergeV2Checkpoints", "RestoreV2", "SaveV2", "ShardedFilename"})
_BESIDE_CHECKPOINTS = frozenset({"StaticRegexFullMatch", "StringJoin"})
# Others, such as tables, run functions of the graph's while it is loaded.
_OBJECTS = {"asset", "bare_concrete_function", "user_object", "variable"}


class GraphError(ValueError):
    """The graph holds an operation that a sampler has no use for."""


def check(content):
    """Refuses a SavedModel that could do more than compute: read or write files, call Python.

    Operations are refused unless samplers need them. Those that store and restore the weights may
    stand in functions that neither another function nor an object of the graph names.

    Args:
        content: Bytes of `saved_model.pb`.

    Raises:
        GraphError: Naming the operation.
        google.protobuf.message.DecodeError: If it is no SavedModel.
    """
    meta_graphs = SavedModel.FromString(content).meta_graphs
    # Of TensorFlow 1's, and where there are several, the loader runs the graph itself.
    if len(meta_graphs) != 1 or not meta_graphs[0].object_graph_def.nodes:
        raise GraphError("its graph is not one that TensorFlow 2 has saved")
    graph, objects = meta_graphs[0].graph_def, meta_graphs[0].object_graph_def
    functions = {function.signature.name: function for function in graph.library.function}
    loading = {
        name
        for name, function in functions.items()
        if any(node.op in _OF_CHECKPOINTS for node in function.node_def)
    }
    # A function hides the operation whose name it has.
    for name in functions.keys() & (_ALLOWED | _OF_CHECKPOINTS | _BESIDE_CHECKPOINTS):
        raise GraphError(f"it has a function with the name of the operation {name}")
    for node in graph.node:
        _check_node(node.op, "the graph", ())
    for name, function in functions.items():
        more = _OF_CHECKPOINTS | _BESIDE_CHECKPOINTS if name in loading else ()
        for node in function.node_def:
            _check_node(node.op, name, more)
            if loading & _named(node):
                raise GraphError(f"its function {name} calls one that reads or writes files")
    for node in objects.nodes:
        kind = node.WhichOneof("kind")
        if kind not in _OBJECTS:
            raise GraphError(f"it holds an object of the kind {kind}, for which it has no use")
        if node.bare_concrete_function.concrete_function_name in loading:
            raise GraphError("one of its objects calls a function that reads or writes files")


def check_signature(function):
    """Refuses a loaded signature that itself reads or writes a checkpoint.

    Args:
        function: A concrete function of a SavedModel that passed `check`.

    Raises:
        GraphError: Naming the operation.
    """
    for operation in function.graph.get_operations():
        _check_node(operation.type, "a signature", ())


def _named(node):
    """Returns the set of the functions that a node calls."""
    return {value.func.name for value in node.attr.values()} | {
        function.name for value in node.attr.values() for function in value.list.func
    }


def _check_node(name, where, more):
    if name not in _ALLOWED and name not in more:
        raise GraphError(
            f"{where} holds the operation {name}, which is none of those that samplers need, and "
            "may read or write files or run other programs"
        )
