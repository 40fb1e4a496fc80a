"""A network as people keep it: frozen graph, checkpoint with meta graph, SavedModel."""

import os
from typing import Any, Callable, Dict, List, NamedTuple, Sequence

import tensorflow as tf

from legacy_gbp.models.frozen_graphs import frozen_graph
from legacy_gbp.models.meta_graphs import meta_graph
from legacy_gbp.models.saved_models import saved_model
from legacy_gbp.models.source import Source
from tests.zoo.control_flow import control_flow_of_tensorflow_1
from tests.zoo.parts import Built, initial_values, v1


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


FORMATS = {"frozen": "frozen.pb", "checkpoint": "model-100", "SavedModel": "saved"}
OPENERS = {"frozen": frozen_graph, "checkpoint": meta_graph, "SavedModel": saved_model}


def _write_frozen(session: Any, built: Built, path: str) -> None:
    frozen = v1.graph_util.convert_variables_to_constants(
        session, session.graph.as_graph_def(), [built.output_t.op.name]
    )
    with open(path, "wb") as file:
        file.write(frozen.SerializeToString())


def _write_checkpoint(session: Any, built: Built, path: str) -> None:
    v1.train.Saver().save(session, path, write_state=False)


def _write_saved_model(session: Any, built: Built, path: str) -> None:
    inputs = {input_t.op.name: input_t for input_t in built.input_ts}
    inputs.update({name: session.graph.get_tensor_by_name(name + ":0") for name in built.feeds})
    v1.saved_model.simple_save(session, path, inputs, {"output": built.output_t})


WRITERS = {
    "frozen": _write_frozen,
    "checkpoint": _write_checkpoint,
    "SavedModel": _write_saved_model,
}


def save(
    build: Callable[[], Built],
    folder: str,
    formats: Sequence[str] = tuple(FORMATS),
    initialise: Callable[[Any], None] = initial_values,
) -> Saved:
    """Build a network and write it.

    Parameters
    ----------
    build : callable
        ``build() -> Built``.
    folder : str
        Made if need be.
    formats : sequence of str
        Rows of FORMATS.
    initialise : callable
        ``initialise(session)`` sets the variables.

    Returns
    -------
    Saved
    """
    config = v1.ConfigProto(allow_soft_placement=True)
    with control_flow_of_tensorflow_1(), tf.Graph().as_default(), v1.Session(
        config=config
    ) as session:
        built = build()
        initialise(session)
        for file_format in formats:
            path = os.path.join(folder, FORMATS[file_format])
            WRITERS[file_format](session, built, path)
        names = [input_t.name for input_t in built.input_ts]
        return Saved(folder, names, built.output_t.name, built.feeds)


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
    opener: Any = OPENERS[file_format]
    return opener(path, **names)
