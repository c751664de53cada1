"""Which graphs are run: a SavedModel is a program, and this one comes from a folder."""

import re

from tensorflow.core.protobuf.saved_model_pb2 import SavedModel
from tensorflow.python.framework import op_def_registry

# Operations with side effects that samplers have: variables, control flow, checks.
_HARMLESS = {
    "Assert",
    "AssignVariableOp",
    "CheckNumerics",
    "DisableCopyOnRead",
    "If",
    "NoOp",
    "PartitionedCall",
    "Placeholder",
    "ReadVariableOp",
    "StatefulPartitionedCall",
    "VarHandleOp",
    "VarIsInitializedOp",
    "While",
}
# Those that TensorFlow's loader needs for the weights, and nothing else may call.
_OF_CHECKPOINTS = {"MergeV2Checkpoints", "RestoreV2", "SaveV2", "ShardedFilename"}
# TensorFlow says of some operations on files that they have no side effects.
_OF_FILES = re.compile("File|PyFunc|Reader|Dataset|Checkpoint|Save|Restore|Sql|Remote|Debug")


class GraphError(ValueError):
    """The graph holds an operation that a sampler has no use for."""


def check(content):
    """Refuses a SavedModel that could do more than compute: read or write files, call Python.

    Operations with side effects are refused unless they are known to be harmless, and all that
    name files. Those that load the weights may stand in functions that no other function calls;
    `check_signature` makes sure that no signature is one of them.

    Args:
        content: Bytes of `saved_model.pb`.

    Raises:
        GraphError: Naming the operation.
        google.protobuf.message.DecodeError: If it is no SavedModel.
    """
    for meta_graph in SavedModel.FromString(content).meta_graphs:
        graph = meta_graph.graph_def
        for node in graph.node:
            _check_node(node.op, "the graph", _OF_CHECKPOINTS)
        loading = {
            function.signature.name
            for function in graph.library.function
            if any(node.op in _OF_CHECKPOINTS for node in function.node_def)
        }
        for function in graph.library.function:
            name = function.signature.name
            for node in function.node_def:
                _check_node(node.op, name, _OF_CHECKPOINTS if name in loading else ())
                called = {value.func.name for value in node.attr.values()} | {
                    function.name for value in node.attr.values() for function in value.list.func
                }
                if called & loading:
                    raise GraphError(f"its function {name} calls one that reads or writes files")


def check_signature(function):
    """Refuses a loaded signature that itself reads or writes a checkpoint.

    Args:
        function: A concrete function of a SavedModel that passed `check`.

    Raises:
        GraphError: Naming the operation.
    """
    for operation in function.graph.get_operations():
        _check_node(operation.type, "a signature", ())


def _check_node(name, where, allowed):
    if name in _HARMLESS or name in allowed:
        return
    definition = op_def_registry.get(name)
    # What this TensorFlow does not know, it will not load either.
    if definition is None or definition.is_stateful or _OF_FILES.search(name):
        raise GraphError(
            f"{where} holds the operation {name}, which may read or write files or run other "
            "programs"
        )
