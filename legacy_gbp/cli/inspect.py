"""``legacy-gbp inspect``: ends and layers of a model, and whether a rule reaches its ReLUs."""

from legacy_gbp.cli.open_model import open_model, sha256_of_model
from legacy_gbp.io.console import say

LAYERS = (
    "Conv2D", "DepthwiseConv2dNative", "Conv1D", "Conv3D", "MatMul", "MaxPool", "AvgPool",
    "FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3", "Mean", "ConcatV2", "Softmax",
)  # fmt: skip


def run(_, options):
    """Print what is known of the model."""
    source, kind = open_model(options)
    from legacy_gbp.attribution.network import Network
    from legacy_gbp.rules.audit import path

    with Network(source, allow_partial=True, plain=True) as net:
        model = net.under(options.rule)
        ends = model.ends
        say(f"model   {options.model}: {kind}, SHA-256 {sha256_of_model(options.model)[:16]}")
        for tensor_t in ends.input_ts:
            say(f"input   {_tensor(tensor_t)}")
        say(f"output  {_tensor(ends.logits_t)}")
        for name in getattr(source, "stripped", ()):
            say(f"mark    {name}: a gradient override of its exporter, stripped")
        for op in path(ends.input_ts, ends.logits_t):
            if op.type in LAYERS:
                say(f"layer   {op.name}: {op.type} {_shape(op.outputs[0])}")
        took = sum(finding.took for finding in model.audit)
        say(f"audit   rule {options.rule}: {took} of {len(model.audit)} nonlinearities take it")
        for finding in model.audit:
            say(f"{'  takes ' if finding.took else '  MISSED'} {finding.name} ({finding.kind})")


def _tensor(tensor_t):
    return f"{tensor_t.name} {tensor_t.dtype.name} {_shape(tensor_t)}"


def _shape(tensor_t):
    if tensor_t.shape.rank is None:
        return "(unknown)"
    return "(" + ", ".join("?" if n is None else str(n) for n in tensor_t.shape.as_list()) + ")"
