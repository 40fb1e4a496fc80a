"""A graph is a program: refuse operations that reach outside of it.

The list is of operations that read or write files, start Python or other
processes, load code, or talk over the network. It is applied to what would
run: to the part of the graph that the output needs, with all functions.
"""

import re
from typing import Any

from legacy_gbp.errors import ModelError, shortened
from legacy_gbp.graph.nodes import all_nodes

DANGEROUS = re.compile(
    r"""
    (Eager)?PyFunc(Stateless)?$ | .*PyFunc.* | PyCall | .*Python.*
    | ReadFile | WriteFile | MatchingFiles | .*Reader(V2)?$ | ReaderRead.* | ReaderRestore.*
    | Save(V2|Slices)?$ | Restore(V2|Slice)?$ | MergeV2Checkpoints | ShardedFilename
    | PrintV2 | (?!(Scalar|Histogram|Image|Audio|Tensor|Merge)Summary(V2)?$).*Summary.*
    | .*FileWriter.* | ImportEvent | Debug.* | GenerateVocabRemapping | LoadAndRemapMatrix
    | InitializeTableFromTextFile.* | .*Dataset.* | .*Iterator.* | .*LMDB.*
    | DecodeProto.* | EncodeProto.* | .*Rpc.* | .*Grpc.* | .*Send$ | .*Recv$
    | ConfigureDistributed.* | .*Custom(Op)?Library.* | LoadLibrary.* | XlaLaunch.* | RemoteCall
    | .*GcsConfigure.* | Abort | .*Shell.* | .*Subprocess.*
    """,
    re.VERBOSE,
)


def check_harmless(graph_def: Any, where: str, trusted: bool = False) -> None:
    """Refuse dangerous operations.

    Parameters
    ----------
    graph_def : GraphDef
    where : str
        The file, for the message.
    trusted : bool
        The user trusts the graph: nothing is refused.

    Raises
    ------
    ModelError
        That names the operations.
    """
    found = sorted(
        {f"{node.op} ({node.name})" for node in all_nodes(graph_def) if DANGEROUS.match(node.op)}
    )
    if found and not trusted:
        raise ModelError(
            f"{where}: the graph holds operations that reach outside of it: {shortened(found)}; "
            "if you trust its author, set `trusted`"
        )
