"""A graph is a program: what it may do, by the registries of both eras and by working exploits."""

import os

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format

from legacy_gbp.cli import main_all
from legacy_gbp.errors import ModelError
from legacy_gbp.graph.operation_kinds import Reach
from legacy_gbp.graph.operation_table import OPERATIONS, classify
from legacy_gbp.graph.static_shapes import StaticShapes
from legacy_gbp.graph.trust import check_harmless, reaches_outside
from legacy_gbp.models.frozen_graphs import from_graph_def
from tests.test_audit import registry

v1 = tf.compat.v1
TF2 = not tf.__version__.startswith("1.")
SECRET = b"hunter2!"
WEIGHTS = np.array([[1, -1, 0.5, 2]], np.float32)
X = np.array([[1, 2, 3, 4]], np.float32)


@pytest.fixture(autouse=True)
def _in_tmp(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def attr(value):
    if isinstance(value, v1.AttrValue):
        return value
    kind = {bool: "b", int: "i", float: "f", bytes: "s"}[type(value)]
    return v1.AttrValue(**{kind: value})


def raw(op, inputs=(), control=(), **attributes):
    """An operation of any type, also one that Python has no function for."""
    graph = v1.get_default_graph()
    node = v1.NodeDef(op=op, name=op)
    given = {f"in_{place}:0": t for place, t in enumerate(inputs)}
    node.input.extend(given)
    for name, value in attributes.items():
        node.attr[name].CopyFrom(attr(value))
    graph_def = v1.GraphDef(node=[node])
    for name, t in given.items():
        inner = graph_def.node.add(op="Placeholder", name=name[:-2])
        inner.attr["dtype"].type = t.dtype.as_datatype_enum
    with tf.control_dependencies(list(control)):
        tf.import_graph_def(graph_def, given, name="")
    return graph.get_operation_by_name(op)


def letters(text_t):
    return tf.cast(tf.io.decode_raw(text_t, tf.uint8)[:4], tf.float32)


def type_attr(dtype):
    return v1.AttrValue(type=dtype.as_datatype_enum)


def immutable_const():
    shape = v1.AttrValue(shape=tf.TensorShape([8]).as_proto())
    op = raw("ImmutableConst", dtype=type_attr(tf.uint8), shape=shape, memory_region_name=b"secret")
    return tf.cast(op.outputs[0][:4], tf.float32)


def record_input():
    op = raw(
        "RecordInput", file_pattern=b"records", batch_size=1, file_buffer_size=1,
        file_parallelism=1,
    )  # fmt: skip
    return letters(op.outputs[0][0])


def fixed_unigram():
    """The frequencies of two words are in the file: 3 of 8 and 5 of 8 samples are expected."""
    words_t = tf.constant([[0, 1]], tf.int64)
    op = raw(
        "FixedUnigramCandidateSampler", [words_t], num_true=2, num_sampled=8, unique=False,
        range_max=2, vocab_file=b"words.csv",
    )  # fmt: skip
    return tf.concat([op.outputs[1][0], [0.0, 0.0]], 0)


def skipgram():
    op = raw("Skipgram", filename=b"words", batch_size=1, min_count=5, subsample=0.0)
    return letters(op.outputs[0][1])  # word 0 is UNK


def read_file():
    return letters(tf.io.read_file("secret"))


def in_a_while_loop():
    """The body of a loop is a function."""
    was = v1.control_flow_v2_enabled()
    v1.enable_control_flow_v2()
    try:
        return tf.while_loop(lambda n, _: n < 1, lambda n, _: (n + 1, read_file()),
                             (0, tf.zeros(4)), shape_invariants=(tf.TensorShape(()),
                             tf.TensorShape((None,))))[1]  # fmt: skip
    finally:
        if not was:
            v1.disable_control_flow_v2()


def in_a_function():
    from tensorflow.python.framework import function

    @function.Defun()
    def inner():
        return read_file()

    return tf.reshape(inner(), (4,))


BYTES = np.frombuffer(SECRET[:4], np.uint8).astype(np.float32)
READING = {
    # Operation: (what leaks a file into the logits, what it leaks).
    "ImmutableConst": (immutable_const, BYTES),
    "RecordInput": (record_input, BYTES),
    "FixedUnigramCandidateSampler": (fixed_unigram, [3, 5, 0, 0]),
    "Skipgram": (skipgram, BYTES),
    "ReadFile": (read_file, BYTES),
    "ReadFile in a loop": (in_a_while_loop, BYTES),
    "ReadFile in a function": (in_a_function, BYTES),
}


def write_secrets():
    with open("secret", "wb") as file:
        file.write(SECRET)
    with v1.io.TFRecordWriter("records") as writer:
        writer.write(SECRET)
    with open("words.csv", "w", encoding="ascii") as file:
        file.write("a,3\nb,5\n")
    with open("words", "wb") as file:
        file.write((SECRET + b" ") * 200)


def leaking(function):
    """y = w relu(x) + what a file holds."""
    with tf.Graph().as_default() as graph:
        x_t = v1.placeholder(tf.float32, (None, 4), "x")
        tf.add(tf.nn.relu(x_t) * WEIGHTS, function(), name="y")
        return graph.as_graph_def()


def run(graph_def, fetch="y:0"):
    with tf.Graph().as_default(), v1.Session() as session:
        tf.import_graph_def(graph_def, name="")
        return session.run(fetch, {"x:0": X})


@pytest.mark.parametrize("name", READING)
def test_a_graph_that_reads_a_file_is_refused(name, capsys):
    """The exploit works in a session of TensorFlow; no command runs it."""
    function, expected = READING[name]
    write_secrets()
    graph_def = leaking(function)
    np.testing.assert_array_equal(run(graph_def) - WEIGHTS * X, [expected])
    why = rf"may reach outside of it: {name.split()[0]} \(.*; if you trust its author, set `trusted"
    with pytest.raises(ModelError, match=why):
        from_graph_def(graph_def, "g", "x", "y")
    assert from_graph_def(graph_def, "g", "x", "y", trusted=True).output == "y:0"
    with open("m.pb", "wb") as file:
        file.write(graph_def.SerializeToString())
    np.save("x.npy", X)
    refused_by_all_commands("m.pb", name.split()[0], capsys)


def refused_by_all_commands(model, operation, capsys):
    ends = ["--input", "x", "--output-tensor", "y"]
    for argv in (
        ["explain", model, "--images", "x.npy", *ends, "--output", "maps.h5"],
        ["selftest", model, *ends],
        ["inspect", model, *ends],
    ):
        code = main_all(argv)
        streams = capsys.readouterr()
        said = streams.out + streams.err
        assert code == 2, said
        lines = streams.err.strip().split("\n")
        assert len(lines) == 1 and operation in lines[0] and "--trust-graph" in lines[0], said
        assert "Traceback" not in said
    assert not os.path.exists("maps.h5")


def writing(operation):
    """y = relu(x), and a file is written before."""
    with tf.Graph().as_default() as graph:
        x_t = v1.placeholder(tf.float32, (None, 4), "x")
        if operation == "DumpTensor":
            op = raw(
                "DumpTensor", [x_t], T=type_attr(tf.float32), log_dir_path=b"owned",
                file_name=b"f", func_name=b"f", node_name=b"n", enabled=True,
            )  # fmt: skip
        elif operation == "WriteFile":
            op = tf.io.write_file("owned", "x")
        else:
            file_t = tf.constant("owned")
            tensors = [file_t, tf.constant(["w"]), tf.constant([""]), x_t]
            types = v1.AttrValue(list=v1.AttrValue.ListValue(type=[1]))
            op = raw("SaveV2", tensors, dtypes=types)
        with tf.control_dependencies([op]):
            tf.nn.relu(x_t, name="y")
        return graph.as_graph_def()


@pytest.mark.parametrize("operation", ["DumpTensor", "WriteFile", "SaveV2"])
def test_a_graph_that_writes_a_file_is_refused(operation, capsys):
    if operation == "DumpTensor" and not TF2:
        pytest.skip("TensorFlow 1.15 does not have it")
    graph_def = writing(operation)
    np.save("x.npy", X)
    with open("m.pb", "wb") as file:
        file.write(graph_def.SerializeToString())
    refused_by_all_commands("m.pb", operation, capsys)
    assert sorted(os.listdir(".")) == ["m.pb", "x.npy"]
    run(graph_def)
    assert any(name.startswith("owned") for name in os.listdir("."))


@pytest.mark.parametrize("kind", ["pb", "pbtxt", "meta", "saved"])
def test_a_graph_that_reads_a_file_is_refused_in_every_format(kind, capsys):
    write_secrets()
    np.save("x.npy", X)
    with tf.Graph().as_default() as graph, v1.Session() as session:
        x_t = v1.placeholder(tf.float32, (None, 4), "x")
        weights_t = v1.get_variable("w", initializer=WEIGHTS, use_resource=True)
        if kind.startswith("pb"):
            weights_t = tf.constant(WEIGHTS)
        y_t = tf.add(tf.nn.relu(x_t) * weights_t, immutable_const(), name="y")
        session.run(v1.global_variables_initializer())
        if kind == "meta":
            v1.train.Saver().save(session, "model")
        elif kind == "saved":
            v1.saved_model.simple_save(session, "model", {"x": x_t}, {"y": y_t})
        elif kind == "pb":
            with open("model.pb", "wb") as file:
                file.write(graph.as_graph_def().SerializeToString())
        else:
            with open("model.pbtxt", "w", encoding="ascii") as file:
                file.write(text_format.MessageToString(graph.as_graph_def()))
    model = "model." + kind if kind.startswith("pb") else "model"
    refused_by_all_commands(model, "ImmutableConst", capsys)


def shaped_by_a_file(operation):
    """The shape of y is (size of the file, ...)."""
    with tf.Graph().as_default() as graph:
        x_t = v1.placeholder(tf.float32, (None,), "x")
        size_t = tf.strings.length(operation())
        tf.reshape(x_t, tf.stack([size_t, -1]), name="y")
        return graph.as_graph_def()


def test_to_ask_for_a_shape_reads_no_file():
    """TensorFlow runs operations of constants while it imports a graph."""
    write_secrets()
    graph_def = shaped_by_a_file(lambda: tf.io.read_file("secret"))
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(graph_def, name="")
        assert graph.get_tensor_by_name("y:0").shape[0] == len(SECRET)  # the exploit
    assert StaticShapes(graph_def).shape("y:0") == [None, None]
    matching = shaped_by_a_file(lambda: tf.io.matching_files("sec*")[0])
    assert StaticShapes(matching).shape("y:0") == [None, None]


def test_shapes_in_front_of_a_reader_are_kept():
    def function():
        image_t = tf.io.decode_png(tf.io.read_file("secret"), channels=3)
        return tf.image.resize(tf.cast(image_t, tf.float32), (5, 7))

    with tf.Graph().as_default() as graph:
        tf.identity(function(), name="y")
        graph_def = graph.as_graph_def()
    assert StaticShapes(graph_def).shape("y:0") == [5, 7, 3]


def body(name, operation, inputs=("x",)):
    """A function of one argument that consists of one operation."""
    function = v1.GraphDef().library.function.add()
    function.signature.name = name
    function.signature.input_arg.add(name="x", type=1)
    function.signature.output_arg.add(name="y", type=1)
    node = function.node_def.add(op=operation, name="inner", input=inputs)
    node.attr["T"].type = 1
    output = "activations" if operation == "Relu" else "output"
    function.ret["y"] = f"inner:{output}:0"
    return function


def called_by(operation, functions, **attributes):
    graph_def = v1.GraphDef()
    graph_def.versions.producer = 27
    x = graph_def.node.add(op="Placeholder", name="x")
    x.attr["dtype"].type = 1
    y = graph_def.node.add(op=operation, name="y", input=["x"])
    for name, value in attributes.items():
        y.attr[name].CopyFrom(value)
    graph_def.library.function.extend(functions)
    return graph_def


def function_attr(name):
    return v1.AttrValue(func=v1.NameAttrList(name=name))


def test_a_function_smuggles_nothing_in():
    floats = v1.AttrValue(list=v1.AttrValue.ListValue(type=[1]))
    call = {"Tin": floats, "Tout": floats}
    harmless = called_by("f", [body("f", "Relu")])
    check_harmless(harmless, "g")
    for graph_def, why in (
        (called_by("f", [body("f", "ReadFile")]), r"ReadFile \(inner\)"),
        (called_by("f", [body("f", "g"), body("g", "ReadFile")]), r"ReadFile \(inner\)"),
        (called_by("Relu", [body("Relu", "Relu")]), "function Relu has the name of an operation"),
        (
            called_by("ReadFile", [body("ReadFile", "Relu")]),
            "function ReadFile has the name of an operation",
        ),
        (
            called_by("f", [body("f", "Relu"), body("f", "Identity")]),
            "it has two functions f",
        ),
        (
            called_by("PartitionedCall", [], f=function_attr("ReadFile"), **call),
            "y calls ReadFile, which is no function of it",
        ),
        (
            called_by(
                "PartitionedCall", [body("f", "ReadFile")], f=function_attr("f"), **call
            ),
            r"ReadFile \(inner\)",
        ),
        (
            called_by(
                "Case",
                [],
                branches=v1.AttrValue(
                    list=v1.AttrValue.ListValue(func=[v1.NameAttrList(name="WriteFile")])
                ),
            ),
            "y calls WriteFile",
        ),
    ):  # fmt: skip
        with pytest.raises(ModelError, match=why):
            check_harmless(graph_def, "g")
        check_harmless(graph_def, "g", trusted=True)


def test_the_gradient_of_a_function_is_checked_too():
    graph_def = called_by("f", [body("f", "Relu"), body("df", "WriteFile")])
    graph_def.library.gradient.add(function_name="f", gradient_func="df")
    with pytest.raises(ModelError, match=r"WriteFile \(inner\)"):
        check_harmless(graph_def, "g")


@pytest.mark.parametrize("dtype", [tf.resource, tf.variant])
def test_a_handle_is_never_a_constant(dtype):
    graph_def = called_by("Relu", [])
    node = graph_def.node.add(op="Const", name="handle")
    node.attr["dtype"].type = node.attr["value"].tensor.dtype = dtype.as_datatype_enum
    with pytest.raises(ModelError, match="constant handle refers to something outside"):
        check_harmless(graph_def, "g")


def test_names_in_a_refusal_are_printable():
    graph_def = called_by("Evil\x1b[2J", [])
    with pytest.raises(ModelError, match=r"outside of it: 'Evil\\x1b\[2J' \(y\)"):
        check_harmless(graph_def, "g")


def test_options_of_another_session_are_dropped():
    from legacy_gbp.graph.prune import prune

    graph_def = called_by("PartitionedCall", [body("f", "Relu")], f=function_attr("f"))
    inner = graph_def.library.function[0].node_def[0]
    inner.device = graph_def.node[1].device = "/job:worker/task:7/device:CPU:0"
    graph_def.node[1].attr["config_proto"].s = b"\x08\x01"
    graph_def.node[1].attr["executor_type"].s = b"OTHER"
    pruned = prune(graph_def, ["y"])
    call, inner = pruned.node[1], pruned.library.function[0].node_def[0]
    assert call.attr["config_proto"].s == call.attr["executor_type"].s == b""
    assert call.device == inner.device == ""


def printing(function):
    with tf.Graph().as_default() as graph:
        x_t = v1.placeholder(tf.float32, (None, 4), "x")
        tf.multiply(function(x_t), WEIGHTS, name="y")
        return graph.as_graph_def()


def printed(x_t):
    return tf.nn.relu(v1.Print(x_t, [x_t], "\x1b[2J owned"))


def printed_before(x_t):
    with tf.control_dependencies([tf.print("owned", x_t)]):
        return tf.nn.relu(x_t)


def printed_in_a_function(x_t):
    from tensorflow.python.framework import function

    return function.Defun(tf.float32)(printed)(x_t)


@pytest.mark.parametrize("function", [printed, printed_before, printed_in_a_function])
def test_what_prints_is_taken_out_before_the_check(function, capfd):
    from legacy_gbp.attribution.network import Network

    graph_def = printing(function)
    run(graph_def)
    assert "owned" in capfd.readouterr().err  # the graph as it is
    with Network(from_graph_def(graph_def, "g", "x", "y")) as net:
        np.testing.assert_array_equal(net.under("gradient").logits(X), X * WEIGHTS)
        found = net.under("guided").gradient(X, np.ones_like(X))
        np.testing.assert_array_equal(found, np.maximum(WEIGHTS, 0))
    assert "owned" not in capfd.readouterr().err


# Operations with state in the registry that are allowed, and why.
WITH_STATE = {
    "a variable of the session": """
        AssignAddVariableOp AssignSubVariableOp AssignVariableOp DestroyResourceOp
        DisableCopyOnRead ReadVariableOp ResourceCountUpTo ResourceGather ResourceGatherNd
        ResourceScatterAdd ResourceScatterDiv ResourceScatterMax ResourceScatterMin
        ResourceScatterMul ResourceScatterNdAdd ResourceScatterNdMax ResourceScatterNdMin
        ResourceScatterNdSub ResourceScatterNdUpdate ResourceScatterSub ResourceScatterUpdate
        ResourceStridedSliceAssign TemporaryVariable VarHandleOp VarIsInitializedOp Variable
        VariableShape VariableV2""",
    "a random number of its own seed": """
        AllCandidateSampler LearnedUnigramCandidateSampler LogUniformCandidateSampler Multinomial
        ParameterizedTruncatedNormal RandomCrop RandomGamma RandomPoisson RandomPoissonV2
        RandomShuffle RandomStandardNormal RandomUniform RandomUniformInt
        SampleDistortedBoundingBox SampleDistortedBoundingBoxV2 StatelessRandomGetAlg
        ThreadUnsafeUnigramCandidateSampler TruncatedNormal UniformCandidateSampler""",
    "a random number of a generator in a variable, or of the processor": """
        NonDeterministicInts RngReadAndSkip RngSkip StatefulRandomBinomial StatefulStandardNormal
        StatefulStandardNormalV2 StatefulTruncatedNormal StatefulUniform StatefulUniformFullInt
        StatefulUniformInt""",
    "a stack or an array of the session": """
        Stack StackCloseV2 StackPopV2 StackPushV2 StackV2 TensorArray TensorArrayCloseV3
        TensorArrayConcatV3 TensorArrayGatherV3 TensorArrayGrad TensorArrayGradV2
        TensorArrayGradV3 TensorArrayGradWithShape TensorArrayReadV3 TensorArrayScatterV3
        TensorArraySizeV3 TensorArraySplitV3 TensorArrayV2 TensorArrayV3 TensorArrayWriteV3
        TensorListResize""",
    "a table in memory, filled by tensors": """
        AnonymousHashTable AnonymousMutableDenseHashTable AnonymousMutableHashTable
        AnonymousMutableHashTableOfTensors HashTable HashTableV2 InitializeTableV2
        LookupTableExportV2 LookupTableFindV2 LookupTableImportV2 LookupTableInsertV2
        LookupTableRemoveV2 LookupTableSizeV2 MutableDenseHashTable MutableDenseHashTableV2
        MutableHashTable MutableHashTableOfTensors MutableHashTableOfTensorsV2
        MutableHashTableV2""",
    "a queue in memory, filled by tensors": """
        FIFOQueue FIFOQueueV2 PaddingFIFOQueue PaddingFIFOQueueV2 PriorityQueue PriorityQueueV2
        QueueCloseV2 QueueDequeueManyV2 QueueDequeueUpToV2 QueueDequeueV2 QueueEnqueueManyV2
        QueueEnqueueV2 QueueIsClosedV2 QueueSizeV2 RandomShuffleQueue RandomShuffleQueueV2""",
    "a call; the functions are checked": "Case If StatefulPartitionedCall While",
    "marked so that it is not folded, or raises an error": """
        Assert CheckNumerics CheckNumericsV2 DeepCopy DeviceIndex GuaranteeConst""",
    "the seeds of a dropout on a GPU": "CudnnRNN CudnnRNNV2 CudnnRNNV3",
}


def test_every_allowed_operation_with_state_has_a_reason():
    known = {name for names in WITH_STATE.values() for name in names.split()}
    stateful = {
        name
        for name, op in registry().items()
        if op.is_stateful and classify(name).reach is not Reach.OUTSIDE
    }
    assert stateful - known == set()
    assert known <= set(OPERATIONS)


# By reading both registries: files, checkpoints, network, processes, Python, code that is loaded
# or compiled, input pipelines, event files, terminals, clocks, accelerators, debuggers.
OUTSIDE = {
    "Abort", "AnonymousIterator", "AnonymousIteratorV2", "AnonymousIteratorV3",
    "AnonymousMultiDeviceIterator", "BatchFunction", "BigQueryReader", "CSVDataset",
    "CSVDatasetV2", "CacheDataset", "CacheDatasetV2", "CalibrationStatisticsSaver",
    "CloseSummaryWriter", "CollectiveBcastRecv", "CollectiveBcastRecvV2",
    "CollectiveBcastSend", "CollectiveBcastSendV2", "CollectiveGather", "CollectiveGatherV2",
    "CollectiveInitializeCommunicator", "CollectivePermute", "CollectiveReduce",
    "CollectiveReduceV2", "CollectiveReduceV3", "ConfigureDistributedTPU",
    "ConfigureTPUEmbedding", "Copy", "CopyHost", "CreateSummaryDbWriter",
    "CreateSummaryFileWriter", "CrossReplicaSum", "CustomAggregator", "DTensorRestoreV2",
    "DataServiceDataset", "DataServiceDatasetV2", "DataServiceDatasetV3",
    "DataServiceDatasetV4", "DatasetToGraph", "DatasetToGraphV2", "DatasetToSingleElement",
    "DatasetToTFRecord", "DebugGradientIdentity", "DebugGradientRefIdentity", "DebugIdentity",
    "DebugIdentityV2", "DebugIdentityV3", "DebugNanCount", "DebugNumericSummary",
    "DebugNumericSummaryV2", "DecodeAndCropJpeg", "DecodeBmp", "DecodeCSV", "DecodeCompressed",
    "DecodeGif", "DecodeImage", "DecodeJSONExample", "DecodeJpeg", "DecodePng",
    "DecodeProtoV2", "DecodeWav", "DecodeWebP", "DeserializeIterator", "DeserializeManySparse",
    "DeserializeSparse", "DistributedSave", "DumpTensor", "EagerPyFunc", "Empty",
    "EncodeProto", "ExperimentalCSVDataset", "ExperimentalDatasetToTFRecord",
    "ExperimentalLMDBDataset", "ExperimentalMatchingFilesDataset", "ExperimentalSqlDataset",
    "FileSystemSetConfiguration", "FixedLengthRecordDataset", "FixedLengthRecordDatasetV2",
    "FixedLengthRecordReader", "FixedLengthRecordReaderV2", "FixedUnigramCandidateSampler",
    "FlushSummaryWriter", "GcsConfigureBlockCache", "GcsConfigureCredentials",
    "GenerateBigQueryReaderPartitions", "GenerateVocabRemapping", "GeneratorDataset",
    "GetSessionHandle", "GetSessionHandleV2", "GetSessionTensor", "GraphDefVersion",
    "IdentityReader", "IdentityReaderV2", "ImmutableConst", "ImportEvent", "InfeedDequeue",
    "InfeedEnqueue", "InitializeTableFromDataset", "InitializeTableFromTextFile",
    "InitializeTableFromTextFileV2", "Iterator", "IteratorFromStringHandle", "IteratorGetNext",
    "IteratorGetNextSync", "IteratorV2", "LMDBDataset", "LMDBReader",
    "ListSnapshotChunksDataset", "LoadAndRemapMatrix", "LoadDataset", "MakeIterator",
    "MapDataset", "MapDefun", "MatchingFiles", "MatchingFilesDataset", "MergeV2Checkpoints",
    "MlirPassthroughOp", "NcclAllReduce", "NcclBroadcast", "NcclReduce", "OneShotIterator",
    "OutfeedDequeue", "OutfeedEnqueue", "ParallelMapDataset", "ParseExample", "ParseExampleV2",
    "ParseSingleExample", "ParseTensor", "Print", "PrintV2", "PyFunc", "PyFuncStateless",
    "ReadFile", "ReaderRead", "ReaderReadV2", "ReaderRestoreState", "ReaderRestoreStateV2",
    "RecordInput", "Recv", "RegisterDataset", "RegisterDatasetV2", "RemoteCall",
    "RemoteFusedGraphExecute", "Restore", "RestoreSlice", "RestoreV2", "Rpc", "RpcCall",
    "RpcClient", "RpcServer", "RpcServerStart", "Save", "SaveDataset", "SaveDatasetV2",
    "SaveSlices", "SaveV2", "Send", "SerializeIterator", "ShardedFilename", "ShardedFilespec",
    "Skipgram", "SleepDataset", "SnapshotChunkDataset", "SnapshotDataset",
    "SnapshotDatasetReader", "SnapshotDatasetV2", "SnapshotNestedDatasetReader", "SqlDataset",
    "StatsAggregatorSetSummaryWriter", "SummaryWriter", "SymbolicGradient", "TFRecordDataset",
    "TFRecordDatasetV2", "TFRecordReader", "TFRecordReaderV2", "TPUCompile", "TPUExecute",
    "TPUPartitionedCall", "TextLineDataset", "TextLineReader", "TextLineReaderV2", "Timestamp",
    "TryRpc", "UncompressElement", "WholeFileReader", "WholeFileReaderV2", "WorkerHeartbeat",
    "WriteAudioSummary", "WriteFile", "WriteGraphSummary", "WriteHistogramSummary",
    "WriteImageSummary", "WriteRawProtoSummary", "WriteScalarSummary", "WriteSummary",
    "XlaCallModule", "XlaCustomCall", "XlaCustomCallV2", "XlaHostCompute", "XlaLaunch",
    "XlaLaunchV2", "XlaRecv", "XlaSend", "XlaSendToHost", "_HostRecv", "_HostSend", "_Recv",
    "_Send", "_XlaCompile", "_XlaRun",
}  # fmt: skip
FAMILIES = (
    "Dataset", "Iterator", "Reader", "Writer", "PyFunc", "TPU", "Xla", "Debug", "Dump", "Save",
    "Restore", "Checkpoint", "Rpc", "Send", "Recv", "Collective", "Nccl", "File", "Print",
    "Session", "Sleep", "Remote", "Mlir", "DTensor", "Custom", "Infeed", "Outfeed", "Gcs",
    "BigQuery", "Proto", "Timestamp", "Configur", "Snapshot",
)  # fmt: skip


def test_what_reaches_outside_is_never_allowed():
    registered = set(registry())
    assert [name for name in OUTSIDE if not reaches_outside(name)] == []
    assert len(registered & OUTSIDE) > 150
    families = [name for name in registered if any(word in name for word in FAMILIES)]
    assert len(families) > 250
    # Snapshot is an identity of the optimiser.
    assert [name for name in families if not reaches_outside(name)] == ["Snapshot"]
    assert all(reaches_outside(name) for name in ("MyOp", "", "Relu ", "relu", "ReluX"))


def test_no_allowed_operation_names_a_file_or_a_program():
    """Attributes and arguments of text say what is opened; those of allowed operations do not."""
    suspicious = {
        "address", "cluster", "config", "container_path", "debug_urls", "device", "directory",
        "dir", "endpoint", "file", "filename", "filenames", "host", "path",
        "pattern", "port", "prefix", "program", "protocol", "region", "server", "token", "uri",
        "url", "vocab",
    }  # fmt: skip
    texts = {
        (name, argument.name)
        for name, op in registry().items()
        if not reaches_outside(name)
        for argument in [*op.attr, *op.input_arg]
        if (argument.type == "string" if hasattr(argument, "default_value") else argument.type == 7)
    }
    found = {
        (name, text)
        for name, text in texts
        if any(word in suspicious for word in text.lower().split("_"))
    }
    assert found <= EXPLAINED, found - EXPLAINED


EXPLAINED = {
    ("PartitionedCall", "config"),  # of the author's session; dropped
    ("PartitionedCall", "config_proto"),
    ("StatefulPartitionedCall", "config"),
    ("StatefulPartitionedCall", "config_proto"),
    ("RegexFullMatch", "pattern"),  # a regular expression
    ("RegexReplace", "pattern"),
    ("StaticRegexFullMatch", "pattern"),
    ("StaticRegexReplace", "pattern"),
}


def test_how_many_operations_are_allowed():
    """A change of these numbers is a change of what strangers' graphs may do."""
    registered = set(registry())
    if not TF2:
        registered -= {"ImageProjectiveTransformV2"}  # registered once tf.contrib is loaded
    counts = {
        reach.value: sum(classify(name).reach is reach for name in registered)
        for reach in (Reach.INPUTS, Reach.MEMORY)
    }
    assert counts == ({"inputs": 703, "memory": 148} if TF2 else {"inputs": 602, "memory": 138})
