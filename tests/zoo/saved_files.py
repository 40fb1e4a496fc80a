"""A network as people keep it: frozen graph, checkpoint with meta graph, SavedModel."""

import os
from typing import Any, Callable, Dict, List, NamedTuple

import tensorflow as tf

from legacy_gbp.models.frozen_graphs import frozen_graph
from legacy_gbp.models.meta_graphs import meta_graph
from legacy_gbp.models.saved_models import saved_model
from legacy_gbp.models.source import Source
from tests.zoo.control_flow import control_flow_of_tensorflow_1
from tests.zoo.parts import Built, v1


class Saved(NamedTuple):
    """The files of a network, and the names to open them by.

    Attributes
    ----------
    folder : str
    inputs : list of str
    output : str
    feeds : dict of str to value
    """

    folder: str
    inputs: List[str]
    output: str
    feeds: Dict[str, Any]


def save(build: Callable[[], Built], folder: str) -> Saved:
    """Build a network and write it in every format.

    Parameters
    ----------
    build : callable
        ``build() -> Built``.
    folder : str
        Made if need be.

    Returns
    -------
    Saved
    """
    with control_flow_of_tensorflow_1(), tf.Graph().as_default() as graph, v1.Session() as session:
        built = build()
        session.run(v1.global_variables_initializer())
        v1.train.Saver().save(session, os.path.join(folder, "model"), global_step=100)
        frozen = v1.graph_util.convert_variables_to_constants(
            session, graph.as_graph_def(), [built.output_t.op.name]
        )
        with open(os.path.join(folder, "frozen.pb"), "wb") as file:
            file.write(frozen.SerializeToString())
        inputs = {input_t.op.name: input_t for input_t in built.input_ts}
        inputs.update({name: graph.get_tensor_by_name(name + ":0") for name in built.feeds})
        v1.saved_model.simple_save(
            session, os.path.join(folder, "saved"), inputs, {"output": built.output_t}
        )
        names = [input_t.name for input_t in built.input_ts]
        return Saved(folder, names, built.output_t.name, built.feeds)


FORMATS = {"frozen": "frozen.pb", "checkpoint": "model-100", "SavedModel": "saved"}
OPENERS = {"frozen": frozen_graph, "checkpoint": meta_graph, "SavedModel": saved_model}


def open_file(saved: Saved, file_format: str) -> Source:
    """Open a network by the names of its inputs and its output.

    Parameters
    ----------
    saved : Saved
    file_format : str
        A row of FORMATS.

    Returns
    -------
    Source
    """
    path = os.path.join(saved.folder, FORMATS[file_format])
    names = {"input": saved.inputs, "output": saved.output, "feeds": saved.feeds}
    return OPENERS[file_format](path, **names)
