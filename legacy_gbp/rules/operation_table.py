"""What every operation of TensorFlow does to what depends on the input: the table of the audit.

=============  ===================================================================
class          the operation, as a function of the inputs that depend on the image
=============  ===================================================================
LINEAR         is linear or affine in all of them together
PRODUCT        is linear in one of them; two of them make a product
SELECTING      passes the largest or smallest on: it has no backward rule to take
RECTIFIER      is ReLU or a relative, which takes a backward rule
STRAIGHT       is a staircase whose gradient is defined as that of a line
CALL           runs functions, whose operations are looked at one by one
VALUELESS      has an output that does not carry the values: a shape, a size
KINKED         is element-wise and piecewise linear: a part of a rectifier, or nonlinear
NONLINEAR      is nonlinear: every operation that is not in the table
=============  ===================================================================

:data:`OPERATIONS` names which inputs may depend on the image (``ALL``, or places): an
operation that depends on it elsewhere, such as a reshape to a computed shape, is nonlinear.
"""

import enum
from typing import Any, Dict, NamedTuple, Sequence, Tuple, Union


class Kind(enum.Enum):
    """The classes of operations."""

    LINEAR = "linear"
    PRODUCT = "product"
    SELECTING = "selecting"
    RECTIFIER = "rectifier"
    STRAIGHT = "straight-through"
    CALL = "call"
    VALUELESS = "valueless"
    KINKED = "kinked"
    NONLINEAR = "nonlinear"


Places = Union[slice, Tuple[int, ...]]
ALL = slice(None)
FIRST = (0,)
ALL_BUT_LAST = slice(None, -1)
ALL_BUT_FIRST = slice(1, None)


class Operation(NamedTuple):
    """A row of the table.

    Attributes
    ----------
    kind : Kind
    places : slice or tuple of int
        Data inputs that may depend on the image.
    elementwise : bool
        Whether every number of the output depends on one number of each such input.
    """

    kind: Kind
    places: Places = ALL
    elementwise: bool = False


def _rows(
    kind: Kind, places: Places, names: str, elementwise: bool = False
) -> Dict[str, Operation]:
    return dict.fromkeys(names.split(), Operation(kind, places, elementwise))


OPERATIONS: Dict[str, Operation] = {
    # Element-wise and linear.
    **_rows(
        Kind.LINEAR, ALL,
        "Add AddV2 AddN AccumulateNV2 Sub Neg", True,
    ),
    **_rows(
        Kind.LINEAR, ALL,
        "Identity IdentityN Snapshot DeepCopy GuaranteeConst EnsureShape", True,
    ),
    **_rows(
        Kind.LINEAR, FIRST,
        "CheckNumerics CheckNumericsV2 PreventGradient PlaceholderWithDefault", True,
    ),
    **_rows(
        Kind.LINEAR, ALL,
        "BiasAdd BiasAddV1 Cast RiscAdd RiscSub RiscNeg", True,
    ),
    **_rows(
        Kind.LINEAR, ALL,
        "RefIdentity DebugIdentity DebugIdentityV2 Copy CopyHost StopGradient", True,
    ),
    # Linear, but numbers move or add up.
    **_rows(
        Kind.LINEAR, FIRST,
        "Reshape Squeeze ExpandDims Transpose ConjugateTranspose Reverse ReverseV2 Roll "
        "ReverseSequence Slice StridedSlice BroadcastTo Tile Pad MirrorPad DepthToSpace "
        "SpaceToDepth SpaceToBatch SpaceToBatchND BatchToSpace BatchToSpaceND "
        "ExtractImagePatches ExtractVolumePatches Bitcast",
    ),
    **_rows(
        Kind.LINEAR, (0, 2),
        "PadV2",
    ),
    **_rows(
        Kind.LINEAR, ALL_BUT_LAST,
        "ConcatV2",
    ),
    **_rows(
        Kind.LINEAR, ALL_BUT_FIRST,
        "Concat",
    ),
    **_rows(
        Kind.LINEAR, ALL,
        "Pack ParallelConcat Unpack",
    ),
    **_rows(
        Kind.LINEAR, (1,),
        "Split",
    ),
    **_rows(
        Kind.LINEAR, FIRST,
        "SplitV",
    ),
    **_rows(
        Kind.LINEAR, FIRST,
        "Sum Mean Cumsum SegmentSum SegmentSumV2 SegmentMean UnsortedSegmentSum "
        "SparseSegmentSum SparseSegmentMean SparseSegmentSqrtN "
        "SparseSegmentSumWithNumSegments SparseSegmentMeanWithNumSegments "
        "SparseSegmentSqrtNWithNumSegments BiasAddGrad",
    ),
    **_rows(
        Kind.LINEAR, FIRST,
        "Gather GatherV2 GatherNd ResourceGather DynamicPartition",
    ),
    **_rows(
        Kind.LINEAR, (1,),
        "ScatterNd",
    ),
    **_rows(
        Kind.LINEAR, (0, 2),
        "TensorScatterAdd TensorScatterSub TensorScatterUpdate TensorStridedSliceUpdate "
        "ScatterNdNonAliasingAdd InplaceAdd InplaceUpdate InplaceSub",
    ),
    **_rows(
        Kind.LINEAR, ALL,
        "DynamicStitch ParallelDynamicStitch",
    ),
    **_rows(
        Kind.LINEAR, FIRST,
        "AvgPool AvgPool3D ResizeBilinear ResizeNearestNeighbor ResizeBicubic ResizeArea "
        "ScaleAndTranslate CropAndResize QuantizedResizeBilinear ImageProjectiveTransformV2 "
        "ImageProjectiveTransformV3 ExtractGlimpse ExtractGlimpseV2",
    ),
    **_rows(
        Kind.LINEAR, FIRST,
        "FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3 BatchNormWithGlobalNormalization",
    ),
    **_rows(
        Kind.LINEAR, FIRST,
        "Diag DiagPart MatrixDiag MatrixDiagPart MatrixDiagV2 MatrixDiagPartV2 MatrixDiagV3 "
        "MatrixDiagPartV3 MatrixBandPart BatchMatrixDiag BatchMatrixDiagPart "
        "BatchMatrixBandPart",
    ),
    **_rows(
        Kind.LINEAR, (0, 1),
        "MatrixSetDiag MatrixSetDiagV2 MatrixSetDiagV3 BatchMatrixSetDiag",
    ),
    **_rows(
        Kind.LINEAR, FIRST,
        "FFT FFT2D FFT3D FFTND IFFT IFFT2D IFFT3D IFFTND RFFT RFFT2D RFFT3D RFFTND IRFFT "
        "IRFFT2D IRFFT3D IRFFTND BatchFFT BatchFFT2D BatchFFT3D BatchIFFT BatchIFFT2D "
        "BatchIFFT3D Real Imag Conj",
    ),
    **_rows(
        Kind.LINEAR, ALL,
        "Complex",
    ),
    **_rows(
        Kind.LINEAR, (2,),
        "SparseToDense",
    ),
    # Control flow and containers of TensorFlow 1 and 2 pass values on.
    **_rows(
        Kind.LINEAR, FIRST,
        "Enter RefEnter Exit RefExit NextIteration RefNextIteration Switch RefSwitch "
        "_SwitchN",
    ),
    **_rows(
        Kind.LINEAR, ALL,
        "Merge RefMerge",
    ),
    **_rows(
        Kind.LINEAR, ALL,
        "TensorArrayWriteV3 TensorArrayReadV3 TensorArrayGatherV3 TensorArrayScatterV3 "
        "TensorArrayConcatV3 TensorArraySplitV3 TensorArrayWriteV2 TensorArrayReadV2 "
        "TensorArrayGatherV2 TensorArrayScatterV2 TensorArrayConcatV2 TensorArraySplitV2 "
        "TensorListFromTensor TensorListStack TensorListSetItem TensorListGetItem "
        "TensorListGather TensorListScatter TensorListScatterV2 TensorListPushBack "
        "TensorListPopBack TensorListConcat TensorListConcatV2 TensorListSplit "
        "TensorListConcatLists TensorListPushBackBatch TensorListResize",
    ),
    # Products of two inputs.
    **_rows(
        Kind.PRODUCT, ALL,
        "Mul MulNoNan", True,
    ),
    **_rows(
        Kind.PRODUCT, FIRST,
        "RealDiv Div DivNoNan Xdivy", True,
    ),
    **_rows(
        Kind.PRODUCT, ALL,
        "MatMul BatchMatMul BatchMatMulV2 BatchMatMulV3 SparseMatMul Einsum Conv Conv2D "
        "Conv3D DepthwiseConv2dNative Cross TridiagonalMatMul",
    ),
    **_rows(
        Kind.PRODUCT, (1, 2),
        "Conv2DBackpropInput Conv2DBackpropInputV2 Conv3DBackpropInputV2 "
        "DepthwiseConv2dNativeBackpropInput",
    ),
    **_rows(
        Kind.PRODUCT, (0, 1),
        "Conv3DBackpropInput",
    ),
    **_rows(
        Kind.PRODUCT, (1, 3),
        "SparseTensorDenseMatMul",
    ),
    # The largest and the smallest.
    **_rows(
        Kind.SELECTING, FIRST,
        "MaxPool MaxPoolV2 MaxPool3D MaxPoolWithArgmax FractionalMaxPool Max Min SegmentMax "
        "SegmentMin SegmentMaxV2 SegmentMinV2 UnsortedSegmentMax UnsortedSegmentMin TopK "
        "TopKV2 NthElement",
    ),
    # Rectifiers with a backward rule.
    **_rows(
        Kind.RECTIFIER, FIRST,
        "Relu Relu6 LeakyRelu Elu Selu", True,
    ),
    # Staircases with the gradient of a line.
    **_rows(
        Kind.STRAIGHT, FIRST,
        "FakeQuantWithMinMaxArgs FakeQuantWithMinMaxVars FakeQuantWithMinMaxVarsPerChannel "
        "QuantizeAndDequantize QuantizeAndDequantizeV2 QuantizeAndDequantizeV3 "
        "QuantizeAndDequantizeV4",
    ),
    # Functions.
    **_rows(
        Kind.CALL, ALL,
        "PartitionedCall StatefulPartitionedCall",
    ),
    **_rows(
        Kind.CALL, ALL_BUT_FIRST,
        "If StatelessIf Case StatelessCase",
    ),
    **_rows(
        Kind.CALL, ALL,
        "While StatelessWhile",
    ),
    # Outputs without the values.
    **_rows(
        Kind.VALUELESS, ALL,
        "Shape ShapeN Size Rank ZerosLike OnesLike TensorArraySizeV3 TensorArraySizeV2 "
        "TensorListLength TensorListElementShape NoOp Assert Const BroadcastGradientArgs "
        "ConcatOffset",
    ),
    # Element-wise, piecewise linear: a rectifier is made of these.
    **_rows(
        Kind.KINKED, ALL,
        "Maximum Minimum", True,
    ),
    **_rows(
        Kind.KINKED, ALL,
        "Select SelectV2", True,
    ),
    **_rows(
        Kind.KINKED, FIRST,
        "ClipByValue", True,
    ),
    **_rows(
        Kind.KINKED, ALL,
        "Abs Sign Greater GreaterEqual Less LessEqual Equal NotEqual LogicalAnd LogicalOr "
        "LogicalNot", True,
    ),
}  # fmt: skip

# Nonlinear, but element-wise: may be a part of a rectifier, such as sqrt(x x) of |x|.
ELEMENTWISE = frozenset((
    "Abs", "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atan2", "Atanh", "Ceil", "Cos", "Cosh",
    "Erf", "Erfc", "Exp", "Expm1", "Floor", "FloorDiv", "FloorMod", "Inv", "Log", "Log1p",
    "Mod", "Pow", "Reciprocal", "Rint", "Round", "Rsqrt", "Sigmoid", "Sign", "Sin", "Sinh",
    "Softplus", "Softsign", "Sqrt", "Square", "SquaredDifference", "Tan", "Tanh", "TruncateDiv",
    "TruncateMod",
))  # fmt: skip

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


def classify(op_type: str) -> Operation:
    """Return the row of an operation type.

    Parameters
    ----------
    op_type : str

    Returns
    -------
    Operation
        Nonlinear for every type that is not in the table.
    """
    return OPERATIONS.get(
        op_type, Operation(Kind.NONLINEAR, ALL, elementwise=op_type in ELEMENTWISE)
    )


def may_depend(operation: Operation, dependent: Sequence[int], count: int) -> bool:
    """Return whether an operation has its dependent inputs at places that the table allows.

    Parameters
    ----------
    operation : Operation
    dependent : sequence of int
        Places of the data inputs that depend on the image.
    count : int
        Number of data inputs.

    Returns
    -------
    bool
    """
    places = operation.places
    allowed: Any = range(count)[places] if isinstance(places, slice) else places
    return set(dependent) <= set(allowed)
