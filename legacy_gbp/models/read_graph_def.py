"""A frozen graph from its file: binary ``.pb`` or text ``.pbtxt``."""

import os

import tensorflow as tf
from google.protobuf import text_format
from google.protobuf.message import DecodeError

from legacy_gbp.errors import InputError

# Old protobuf libraries raise SystemError for a message that breaks off.
BROKEN = (DecodeError, text_format.ParseError, UnicodeDecodeError, RuntimeError, SystemError)


def read_graph_def(path):
    """Read a GraphDef.

    Parameters
    ----------
    path : str

    Returns
    -------
    GraphDef

    Raises
    ------
    InputError
        For a missing or truncated file, or one that holds something else.
    """
    data = read_bytes(path)
    graph_def = tf.compat.v1.GraphDef()
    try:
        if path.endswith(".pbtxt"):
            text_format.Parse(data.decode("utf-8"), graph_def)
        else:
            graph_def.ParseFromString(data)
    except BROKEN as error:
        if _is_saved_model(data):
            raise InputError(f"{path}: is a SavedModel; give the folder that holds it") from error
        reason = str(error).splitlines()[0][:100]
        raise InputError(
            f"{path}: not a GraphDef, or cut off ({reason}); copy it again, or give a .pb or "
            ".pbtxt file of a frozen graph"
        ) from error
    if not any(node.op for node in graph_def.node):
        raise InputError(f"{path}: holds no operation; give a .pb or .pbtxt file of a frozen graph")
    return graph_def


def read_bytes(path):
    """Contents of a file, or one line that says why not."""
    if not os.path.exists(path):
        raise InputError(f"{path}: no such file; check the name")
    if not os.path.isfile(path):
        raise InputError(f"{path}: is not a file; give the name of a file")
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error


def _is_saved_model(data):
    from tensorflow.core.protobuf import saved_model_pb2

    try:
        return bool(saved_model_pb2.SavedModel.FromString(data).meta_graphs)
    except BROKEN:
        return False
