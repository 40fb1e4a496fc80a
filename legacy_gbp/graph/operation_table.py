"""What every operation of TensorFlow does: the table of the audit and of the check of trust.

The audit asks what an operation does to what depends on the image (:class:`.Kind`);
:mod:`legacy_gbp.graph.trust` asks what it reaches (:class:`.Reach`), and allows what is in the
table and does not reach outside. An operation that is not in the table is nonlinear, and may
reach outside.

The nonlinear operations and the state in memory are rows of
:mod:`legacy_gbp.graph.nonlinear_operations`.
"""

from typing import Dict

from legacy_gbp.graph.nonlinear_operations import NONLINEAR
from legacy_gbp.graph.operation_kinds import (
    ALL,
    ALL_BUT_FIRST,
    ALL_BUT_LAST,
    FIRST,
    Kind,
    Operation,
    Reach,
    rows,
)

OPERATIONS: Dict[str, Operation] = {
    # Element-wise and linear.
    **rows(
        Kind.LINEAR, ALL,
        "Add AddV2 AddN AccumulateNV2 Sub Neg", True,
    ),
    **rows(
        Kind.LINEAR, ALL,
        "Identity IdentityN Snapshot DeepCopy GuaranteeConst EnsureShape", True,
    ),
    **rows(
        Kind.LINEAR, FIRST,
        "CheckNumerics CheckNumericsV2 PreventGradient PlaceholderWithDefault", True,
    ),
    **rows(
        Kind.LINEAR, ALL,
        "BiasAdd BiasAddV1 Cast RiscAdd RiscSub RiscNeg", True,
    ),
    **rows(
        Kind.LINEAR, ALL,
        "RefIdentity StopGradient", True,
    ),
    # A debugger's: they write what passes to a file or to another computer.
    **rows(
        Kind.LINEAR, ALL,
        "DebugIdentity DebugIdentityV2 Copy CopyHost", True, Reach.OUTSIDE,
    ),
    # Linear, but numbers move or add up.
    **rows(
        Kind.LINEAR, FIRST,
        "Reshape Squeeze ExpandDims Transpose ConjugateTranspose Reverse ReverseV2 Roll "
        "ReverseSequence Slice StridedSlice BroadcastTo Tile Pad MirrorPad DepthToSpace "
        "SpaceToDepth SpaceToBatch SpaceToBatchND BatchToSpace BatchToSpaceND "
        "ExtractImagePatches ExtractVolumePatches Bitcast",
    ),
    **rows(
        Kind.LINEAR, (0, 2),
        "PadV2",
    ),
    **rows(
        Kind.LINEAR, ALL_BUT_LAST,
        "ConcatV2",
    ),
    **rows(
        Kind.LINEAR, ALL_BUT_FIRST,
        "Concat",
    ),
    **rows(
        Kind.LINEAR, ALL,
        "Pack ParallelConcat Unpack",
    ),
    **rows(
        Kind.LINEAR, (1,),
        "Split",
    ),
    **rows(
        Kind.LINEAR, FIRST,
        "SplitV",
    ),
    **rows(
        Kind.LINEAR, FIRST,
        "Sum Mean Cumsum SegmentSum SegmentSumV2 SegmentMean UnsortedSegmentSum "
        "SparseSegmentSum SparseSegmentMean SparseSegmentSqrtN "
        "SparseSegmentSumWithNumSegments SparseSegmentMeanWithNumSegments "
        "SparseSegmentSqrtNWithNumSegments BiasAddGrad",
    ),
    **rows(
        Kind.LINEAR, FIRST,
        "Gather GatherV2 GatherNd DynamicPartition",
    ),
    **rows(
        Kind.LINEAR, FIRST,
        "ResourceGather", reach=Reach.MEMORY,
    ),
    **rows(
        Kind.LINEAR, (1,),
        "ScatterNd",
    ),
    **rows(
        Kind.LINEAR, (0, 2),
        "TensorScatterAdd TensorScatterSub TensorScatterUpdate TensorStridedSliceUpdate "
        "ScatterNdNonAliasingAdd InplaceAdd InplaceUpdate InplaceSub",
    ),
    **rows(
        Kind.LINEAR, ALL,
        "DynamicStitch ParallelDynamicStitch",
    ),
    **rows(
        Kind.LINEAR, FIRST,
        "AvgPool AvgPool3D ResizeBilinear ResizeNearestNeighbor ResizeBicubic ResizeArea "
        "ScaleAndTranslate CropAndResize QuantizedResizeBilinear ImageProjectiveTransformV2 "
        "ImageProjectiveTransformV3 ExtractGlimpse ExtractGlimpseV2",
    ),
    **rows(
        Kind.LINEAR, FIRST,
        "FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3 BatchNormWithGlobalNormalization",
    ),
    **rows(
        Kind.LINEAR, FIRST,
        "Diag DiagPart MatrixDiag MatrixDiagPart MatrixDiagV2 MatrixDiagPartV2 MatrixDiagV3 "
        "MatrixDiagPartV3 MatrixBandPart BatchMatrixDiag BatchMatrixDiagPart "
        "BatchMatrixBandPart",
    ),
    **rows(
        Kind.LINEAR, (0, 1),
        "MatrixSetDiag MatrixSetDiagV2 MatrixSetDiagV3 BatchMatrixSetDiag",
    ),
    **rows(
        Kind.LINEAR, FIRST,
        "FFT FFT2D FFT3D FFTND IFFT IFFT2D IFFT3D IFFTND RFFT RFFT2D RFFT3D RFFTND IRFFT "
        "IRFFT2D IRFFT3D IRFFTND BatchFFT BatchFFT2D BatchFFT3D BatchIFFT BatchIFFT2D "
        "BatchIFFT3D Real Imag Conj",
    ),
    **rows(
        Kind.LINEAR, ALL,
        "Complex",
    ),
    **rows(
        Kind.LINEAR, (2,),
        "SparseToDense",
    ),
    # Control flow and containers of TensorFlow 1 and 2 pass values on.
    **rows(
        Kind.LINEAR, FIRST,
        "Enter RefEnter Exit RefExit NextIteration RefNextIteration Switch RefSwitch "
        "_SwitchN",
    ),
    **rows(
        Kind.LINEAR, ALL,
        "Merge RefMerge",
    ),
    **rows(
        Kind.LINEAR, ALL,
        "TensorListFromTensor TensorListStack TensorListSetItem TensorListGetItem "
        "TensorListGather TensorListScatter TensorListScatterV2 TensorListPushBack "
        "TensorListPopBack TensorListConcat TensorListConcatV2 TensorListSplit "
        "TensorListConcatLists TensorListPushBackBatch TensorListResize",
    ),
    **rows(
        Kind.LINEAR, ALL,
        "TensorArrayWriteV3 TensorArrayReadV3 TensorArrayGatherV3 TensorArrayScatterV3 "
        "TensorArrayConcatV3 TensorArraySplitV3 TensorArrayWriteV2 TensorArrayReadV2 "
        "TensorArrayGatherV2 TensorArrayScatterV2 TensorArrayConcatV2 TensorArraySplitV2",
        reach=Reach.MEMORY,
    ),
    # Products of two inputs.
    **rows(
        Kind.PRODUCT, ALL,
        "Mul MulNoNan", True,
    ),
    **rows(
        Kind.PRODUCT, FIRST,
        "RealDiv Div DivNoNan Xdivy", True,
    ),
    **rows(
        Kind.PRODUCT, ALL,
        "MatMul BatchMatMul BatchMatMulV2 BatchMatMulV3 SparseMatMul Einsum Conv Conv2D "
        "Conv3D DepthwiseConv2dNative Cross TridiagonalMatMul",
    ),
    **rows(
        Kind.PRODUCT, (1, 2),
        "Conv2DBackpropInput Conv2DBackpropInputV2 Conv3DBackpropInputV2 "
        "DepthwiseConv2dNativeBackpropInput",
    ),
    **rows(
        Kind.PRODUCT, (0, 1),
        "Conv3DBackpropInput",
    ),
    **rows(
        Kind.PRODUCT, (1, 3),
        "SparseTensorDenseMatMul",
    ),
    # The largest and the smallest.
    **rows(
        Kind.SELECTING, FIRST,
        "MaxPool MaxPoolV2 MaxPool3D MaxPoolWithArgmax FractionalMaxPool Max Min SegmentMax "
        "SegmentMin SegmentMaxV2 SegmentMinV2 UnsortedSegmentMax UnsortedSegmentMin TopK "
        "TopKV2 NthElement",
    ),
    # Rectifiers with a backward rule.
    **rows(
        Kind.RECTIFIER, FIRST,
        "Relu Relu6 LeakyRelu Elu Selu", True,
    ),
    # Staircases with the gradient of a line.
    **rows(
        Kind.STRAIGHT, FIRST,
        "FakeQuantWithMinMaxArgs FakeQuantWithMinMaxVars FakeQuantWithMinMaxVarsPerChannel "
        "QuantizeAndDequantize QuantizeAndDequantizeV2 QuantizeAndDequantizeV3 "
        "QuantizeAndDequantizeV4",
    ),
    # Functions.
    **rows(
        Kind.CALL, ALL,
        "PartitionedCall StatefulPartitionedCall",
    ),
    **rows(
        Kind.CALL, ALL_BUT_FIRST,
        "If StatelessIf Case StatelessCase",
    ),
    **rows(
        Kind.CALL, ALL,
        "While StatelessWhile",
    ),
    # Outputs without the values.
    **rows(
        Kind.VALUELESS, ALL,
        "Shape ShapeN Size Rank ZerosLike OnesLike TensorListLength TensorListElementShape "
        "NoOp Assert Const BroadcastGradientArgs ConcatOffset",
    ),
    **rows(
        Kind.VALUELESS, ALL,
        "TensorArraySizeV3 TensorArraySizeV2", reach=Reach.MEMORY,
    ),
    # Element-wise, piecewise linear: a rectifier is made of these.
    **rows(
        Kind.KINKED, ALL,
        "Maximum Minimum", True,
    ),
    **rows(
        Kind.KINKED, ALL,
        "Select SelectV2", True,
    ),
    **rows(
        Kind.KINKED, FIRST,
        "ClipByValue", True,
    ),
    **rows(
        Kind.KINKED, ALL,
        "Abs Sign Greater GreaterEqual Less LessEqual Equal NotEqual LogicalAnd LogicalOr "
        "LogicalNot", True,
    ),
    **NONLINEAR,
}  # fmt: skip

# Two runs of one image differ.
RANDOM = frozenset((
    "RandomUniform", "RandomUniformInt", "RandomStandardNormal", "TruncatedNormal",
    "ParameterizedTruncatedNormal", "RandomGamma", "RandomPoisson", "RandomPoissonV2",
    "RandomShuffle", "Multinomial", "StatefulStandardNormal", "StatefulStandardNormalV2",
    "StatefulTruncatedNormal", "StatefulUniform", "StatefulUniformFullInt",
    "StatefulUniformInt", "StatefulRandomBinomial", "NonDeterministicInts", "FractionalMaxPool",
    "FractionalAvgPool", "RandomCrop", "SampleDistortedBoundingBox",
    "SampleDistortedBoundingBoxV2",
))  # fmt: skip
BATCH_NORMS = ("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3")


UNKNOWN = Operation(Kind.NONLINEAR, ALL, reach=Reach.OUTSIDE)


def classify(op_type: str) -> Operation:
    """Return the row of an operation type.

    Parameters
    ----------
    op_type : str

    Returns
    -------
    Operation
        Nonlinear, and reaching outside, for every type that is not in the table.
    """
    return OPERATIONS.get(op_type, UNKNOWN)
