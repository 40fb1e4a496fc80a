"""Rows of nonlinear operations that reach nothing outside, and of state in memory.

Not here, though it reaches nothing outside: what parses foreign bytes (JPEG, PNG, GIF, BMP, WAV,
protocol buffers, compressed text). A network is explained behind its decoder, which does not run
then, and a parser of bytes that a stranger chose is the likeliest place of an error in memory.
Nor what returns memory that nobody has filled (Empty).
"""

from typing import Dict

from legacy_gbp.graph.operation_kinds import ALL, Kind, Operation, Reach, rows


def _nonlinear(
    names: str, elementwise: bool = False, reach: Reach = Reach.INPUTS
) -> Dict[str, Operation]:
    return rows(Kind.NONLINEAR, ALL, names, elementwise, reach)


NONLINEAR: Dict[str, Operation] = {
    # Element-wise: may be a part of a rectifier, such as sqrt(x x) of |x|.
    **_nonlinear(
        "Acos Acosh Asin Asinh Atan Atan2 Atanh Ceil Cos Cosh Erf Erfc Exp Expm1 Floor FloorDiv "
        "FloorMod Inv Log Log1p Mod Pow Reciprocal Rint Round Rsqrt Sigmoid Sin Sinh Softplus "
        "Softsign Sqrt Square SquaredDifference Tan Tanh TruncateDiv TruncateMod", True,
    ),
    # Element-wise too, but of no rectifier.
    **_nonlinear(
        "Angle ApproximateEqual Betainc BitwiseAnd BitwiseOr BitwiseXor Bucketize ComplexAbs "
        "Digamma Erfinv Igamma IgammaGradA Igammac Invert IsFinite IsInf IsNan LeftShift Lgamma "
        "Ndtri NextAfter Polygamma PopulationCount RightShift Xlog1py Xlogy Zeta",
    ),
    **_nonlinear(
        "BesselI0 BesselI0e BesselI1 BesselI1e BesselJ0 BesselJ1 BesselK0 BesselK0e BesselK1 "
        "BesselK1e BesselY0 BesselY1 Dawsn Expint FresnelCos FresnelSin Spence",
    ),
    # Fed, made of nothing, or about the control flow.
    **_nonlinear(
        "Placeholder PlaceholderV2 FakeParam Fill Range LinSpace OneHot BroadcastArgs "
        "ControlTrigger LoopCond ToBool For DeviceIndex EmptyTensorList TensorListReserve "
        "TensorListScatterIntoExistingList",
    ),
    # Numbers of several places together.
    **_nonlinear(
        "All Any ApproxTopK ArgMax ArgMin Cumprod CumulativeLogsumexp EuclideanNorm InTopK "
        "InTopKV2 InvertPermutation IsotonicRegression KthOrderStatistic L2Loss ListDiff "
        "LogSoftmax LowerBound MakeUnique Prod SegmentProd SegmentProdV2 Softmax TensorScatterMax "
        "TensorScatterMin TopKUnique TopKWithUnique Unique UniqueV2 UniqueWithCounts "
        "UniqueWithCountsV2 UnravelIndex UnsortedSegmentProd UpperBound Where",
    ),
    **_nonlinear(
        "Bincount DenseBincount DenseCountSparseOutput HistogramFixedWidth RaggedBincount "
        "RaggedCountSparseOutput SparseBincount SparseCountSparseOutput",
    ),
    # Layers and losses.
    **_nonlinear(
        "BlockLSTM BlockLSTMV2 CTCBeamSearchDecoder CTCGreedyDecoder CTCLoss CTCLossV2 "
        "DataFormatDimMap DataFormatVecPermute Dilation2D EditDistance FractionalAvgPool "
        "FusedPadConv2D FusedResizeAndPadConv2D GRUBlockCell LRN LSTMBlockCell "
        "SoftmaxCrossEntropyWithLogits SparseSoftmaxCrossEntropyWithLogits",
    ),
    **_nonlinear(
        "CudnnRNN CudnnRNNV2 CudnnRNNV3 CudnnRNNParamsSize CudnnRNNCanonicalToParams "
        "CudnnRNNCanonicalToParamsV2 CudnnRNNParamsToCanonical CudnnRNNParamsToCanonicalV2",
    ),
    # Fused by an optimiser; some are expanded again.
    **_nonlinear(
        "_FusedBatchNormEx _FusedConv2D _FusedConv3D _FusedDepthwiseConv2dNative _FusedMatMul "
        "_UnaryOpsComposition",
    ),
    # Gradients of operations, in graphs that were saved with their training.
    **_nonlinear(
        "AvgPool3DGrad AvgPoolGrad BatchNormWithGlobalNormalizationGrad BlockLSTMGrad "
        "BlockLSTMGradV2 Conv2DBackpropFilter Conv2DBackpropFilterV2 Conv3DBackpropFilter "
        "Conv3DBackpropFilterV2 CropAndResizeGradBoxes CropAndResizeGradImage "
        "DepthwiseConv2dNativeBackpropFilter Dilation2DBackpropFilter Dilation2DBackpropInput "
        "EluGrad FakeQuantWithMinMaxArgsGradient FakeQuantWithMinMaxVarsGradient "
        "FakeQuantWithMinMaxVarsPerChannelGradient FractionalAvgPoolGrad FractionalMaxPoolGrad "
        "FusedBatchNormGrad FusedBatchNormGradV2 FusedBatchNormGradV3 GRUBlockCellGrad InvGrad "
        "LRNGrad LSTMBlockCellGrad LeakyReluGrad MaxPool3DGrad MaxPool3DGradGrad MaxPoolGrad "
        "MaxPoolGradGrad MaxPoolGradGradV2 MaxPoolGradGradWithArgmax MaxPoolGradV2 "
        "MaxPoolGradWithArgmax MirrorPadGrad QuantizeAndDequantizeV4Grad RandomGammaGrad "
        "ReciprocalGrad Relu6Grad ReluGrad ResizeBicubicGrad ResizeBilinearGrad "
        "ResizeNearestNeighborGrad RsqrtGrad ScaleAndTranslateGrad SeluGrad SigmoidGrad "
        "SoftplusGrad SoftsignGrad SqrtGrad StridedSliceGrad TanhGrad TileGrad",
    ),
    # Linear algebra.
    **_nonlinear(
        "BandedTriangularSolve BatchCholesky BatchCholeskyGrad BatchMatrixDeterminant "
        "BatchMatrixInverse BatchMatrixSolve BatchMatrixSolveLs BatchMatrixTriangularSolve "
        "BatchSelfAdjointEig BatchSelfAdjointEigV2 BatchSvd Cholesky CholeskyGrad Eig "
        "LogMatrixDeterminant Lu MatrixDeterminant MatrixExponential MatrixInverse "
        "MatrixLogarithm MatrixSolve MatrixSolveLs MatrixSquareRoot MatrixTriangularSolve Qr "
        "SelfAdjointEig SelfAdjointEigV2 Svd TridiagonalSolve",
    ),
    # Pictures and sounds.
    **_nonlinear(
        "AdjustContrast AdjustContrastv2 AdjustHue AdjustSaturation AudioSpectrogram "
        "CombinedNonMaxSuppression DrawBoundingBoxes DrawBoundingBoxesV2 "
        "GenerateBoundingBoxProposals HSVToRGB Mfcc NonMaxSuppression NonMaxSuppressionV2 "
        "NonMaxSuppressionV3 NonMaxSuppressionV4 NonMaxSuppressionV5 "
        "NonMaxSuppressionWithOverlaps RGBToHSV",
    ),
    # Random numbers.
    **_nonlinear(
        "AllCandidateSampler ComputeAccidentalHits LearnedUnigramCandidateSampler "
        "LogUniformCandidateSampler Multinomial ParameterizedTruncatedNormal RandomCrop "
        "RandomGamma RandomIndexShuffle RandomPoisson RandomPoissonV2 RandomShuffle "
        "RandomStandardNormal RandomUniform RandomUniformInt SampleDistortedBoundingBox "
        "SampleDistortedBoundingBoxV2 SobolSample StochasticCastToInt "
        "ThreadUnsafeUnigramCandidateSampler TruncatedNormal UniformCandidateSampler",
    ),
    **_nonlinear(
        "StatelessMultinomial StatelessParameterizedTruncatedNormal StatelessRandomBinomial "
        "StatelessRandomGammaV2 StatelessRandomGammaV3 StatelessRandomGetAlg "
        "StatelessRandomGetKeyCounter StatelessRandomGetKeyCounterAlg StatelessRandomNormal "
        "StatelessRandomNormalV2 StatelessRandomPoisson StatelessRandomUniform "
        "StatelessRandomUniformFullInt StatelessRandomUniformFullIntV2 StatelessRandomUniformInt "
        "StatelessRandomUniformIntV2 StatelessRandomUniformV2 "
        "StatelessSampleDistortedBoundingBox StatelessShuffle StatelessTruncatedNormal "
        "StatelessTruncatedNormalV2",
    ),
    **_nonlinear(
        "NonDeterministicInts RngReadAndSkip RngSkip StatefulRandomBinomial StatefulStandardNormal "
        "StatefulStandardNormalV2 StatefulTruncatedNormal StatefulUniform StatefulUniformFullInt "
        "StatefulUniformInt", reach=Reach.MEMORY,
    ),
    # Integers in the place of floating point.
    **_nonlinear(
        "CompareAndBitpack Dequantize QuantizeDownAndShrinkRange QuantizeV2 QuantizedAdd "
        "QuantizedAvgPool QuantizedBatchNormWithGlobalNormalization QuantizedBiasAdd "
        "QuantizedConcat QuantizedConcatV2 QuantizedConv2D QuantizedConv2DAndRelu "
        "QuantizedConv2DAndReluAndRequantize QuantizedConv2DAndRequantize "
        "QuantizedConv2DPerChannel QuantizedConv2DWithBias QuantizedConv2DWithBiasAndRelu "
        "QuantizedConv2DWithBiasAndReluAndRequantize QuantizedConv2DWithBiasAndRequantize "
        "QuantizedConv2DWithBiasSignedSumAndReluAndRequantize QuantizedConv2DWithBiasSumAndRelu "
        "QuantizedConv2DWithBiasSumAndReluAndRequantize QuantizedDepthwiseConv2D "
        "QuantizedDepthwiseConv2DWithBias QuantizedDepthwiseConv2DWithBiasAndRelu "
        "QuantizedDepthwiseConv2DWithBiasAndReluAndRequantize QuantizedInstanceNorm "
        "QuantizedMatMul QuantizedMatMulWithBias QuantizedMatMulWithBiasAndDequantize "
        "QuantizedMatMulWithBiasAndRelu QuantizedMatMulWithBiasAndReluAndRequantize "
        "QuantizedMatMulWithBiasAndRequantize QuantizedMaxPool QuantizedMul QuantizedRelu "
        "QuantizedRelu6 QuantizedReluX QuantizedReshape RequantizationRange "
        "RequantizationRangePerChannel Requantize RequantizePerChannel",
    ),
    **_nonlinear(
        "UniformDequantize UniformQuantize UniformQuantizedAdd UniformQuantizedClipByValue "
        "UniformQuantizedConvolution UniformQuantizedConvolutionHybrid UniformQuantizedDot "
        "UniformQuantizedDotHybrid UniformRequantize",
    ),
    # Sparse and ragged tensors, sets.
    **_nonlinear(
        "DenseToDenseSetOperation DenseToSparseSetOperation SetSize SparseToSparseSetOperation",
    ),
    **_nonlinear(
        "SparseAdd SparseAddGrad SparseConcat SparseCross SparseDenseCwiseAdd "
        "SparseDenseCwiseDiv SparseDenseCwiseMul SparseFillEmptyRows SparseFillEmptyRowsGrad "
        "SparseReduceMax SparseReduceMaxSparse SparseReduceSum SparseReduceSumSparse "
        "SparseReorder SparseReshape SparseSegmentMeanGrad SparseSegmentMeanGradV2 "
        "SparseSegmentSqrtNGrad SparseSegmentSqrtNGradV2 SparseSegmentSumGrad "
        "SparseSegmentSumGradV2 SparseSlice SparseSliceGrad SparseSoftmax SparseSparseMaximum "
        "SparseSparseMinimum SparseSplit SparseTensorDenseAdd",
    ),
    **_nonlinear(
        "RaggedFillEmptyRows RaggedFillEmptyRowsGrad RaggedGather RaggedRange "
        "RaggedTensorFromVariant RaggedTensorToSparse RaggedTensorToTensor RaggedTensorToVariant",
    ),
    # Text.
    **_nonlinear(
        "AsString DecodeBase64 DecodePaddedRaw DecodeRaw EncodeBase64 Fingerprint ReduceJoin "
        "RegexFullMatch RegexReplace StaticRegexFullMatch StaticRegexReplace StringFormat "
        "StringJoin StringLength StringLower StringNGrams StringSplit StringSplitV2 StringStrip "
        "StringToHashBucket StringToHashBucketFast StringToHashBucketStrong StringToNumber "
        "StringUpper Substr UnicodeScript UnsortedSegmentJoin",
    ),
    **_nonlinear(
        "AudioSummary AudioSummaryV2 HistogramSummary ImageSummary MergeSummary ScalarSummary "
        "TensorSummary TensorSummaryV2",
    ),
    # Variables.
    **_nonlinear(
        "Variable VariableV2 VarHandleOp ReadVariableOp VariableShape VarIsInitializedOp "
        "IsVariableInitialized TemporaryVariable DestroyTemporaryVariable DestroyResourceOp "
        "DisableCopyOnRead RefSelect Assign AssignAdd AssignSub AssignVariableOp "
        "AssignAddVariableOp AssignSubVariableOp CountUpTo ResourceCountUpTo StridedSliceAssign "
        "ResourceStridedSliceAssign ResourceGatherNd", reach=Reach.MEMORY,
    ),
    **_nonlinear(
        "ScatterAdd ScatterDiv ScatterMax ScatterMin ScatterMul ScatterSub ScatterUpdate "
        "ScatterNdAdd ScatterNdMax ScatterNdMin ScatterNdSub ScatterNdUpdate ResourceScatterAdd "
        "ResourceScatterDiv ResourceScatterMax ResourceScatterMin ResourceScatterMul "
        "ResourceScatterSub ResourceScatterUpdate ResourceScatterNdAdd ResourceScatterNdMax "
        "ResourceScatterNdMin ResourceScatterNdSub ResourceScatterNdUpdate", reach=Reach.MEMORY,
    ),
    # Stacks, arrays, tables, queues.
    **_nonlinear(
        "Stack StackV2 StackPush StackPushV2 StackPop StackPopV2 StackClose StackCloseV2 "
        "TensorArray TensorArrayV2 TensorArrayV3 TensorArrayGrad TensorArrayGradV2 "
        "TensorArrayGradV3 TensorArrayGradWithShape TensorArrayClose TensorArrayCloseV2 "
        "TensorArrayCloseV3 TensorArrayConcat TensorArrayGather TensorArrayPack TensorArrayRead "
        "TensorArrayScatter TensorArraySize TensorArraySplit TensorArrayUnpack "
        "TensorArrayWrite", reach=Reach.MEMORY,
    ),
    **_nonlinear(
        "AnonymousHashTable AnonymousMutableDenseHashTable AnonymousMutableHashTable "
        "AnonymousMutableHashTableOfTensors HashTable HashTableV2 InitializeTable "
        "InitializeTableV2 LookupTableExport LookupTableExportV2 LookupTableFind "
        "LookupTableFindV2 LookupTableImport LookupTableImportV2 LookupTableInsert "
        "LookupTableInsertV2 LookupTableRemoveV2 LookupTableSize LookupTableSizeV2 "
        "MutableDenseHashTable MutableDenseHashTableV2 MutableHashTable MutableHashTableOfTensors "
        "MutableHashTableOfTensorsV2 MutableHashTableV2", reach=Reach.MEMORY,
    ),
    **_nonlinear(
        "FIFOQueue FIFOQueueV2 PaddingFIFOQueue PaddingFIFOQueueV2 PriorityQueue PriorityQueueV2 "
        "RandomShuffleQueue RandomShuffleQueueV2 QueueClose QueueCloseV2 QueueDequeue "
        "QueueDequeueMany QueueDequeueManyV2 QueueDequeueUpTo QueueDequeueUpToV2 QueueDequeueV2 "
        "QueueEnqueue QueueEnqueueMany QueueEnqueueManyV2 QueueEnqueueV2 QueueIsClosed "
        "QueueIsClosedV2 QueueSize QueueSizeV2", reach=Reach.MEMORY,
    ),
}  # fmt: skip
