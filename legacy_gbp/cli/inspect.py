"""``legacy-gbp inspect``: endpoints and layers of a model, and whether a rule reaches its ReLUs."""

from typing import Any

from legacy_gbp.cli.open_model import add_model_arguments, open_model
from legacy_gbp.cli.parser import Options, Parser
from legacy_gbp.io.console import print_line

NAME = "inspect"
HELP = "what a model file holds, and whether a rule reaches its ReLUs"
EXAMPLE = "inspect frozen.pb"
LAYERS = (
    "Conv2D", "DepthwiseConv2dNative", "Conv1D", "Conv3D", "MatMul", "MaxPool", "AvgPool",
    "FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3", "Mean", "ConcatV2", "Softmax",
)  # fmt: skip


def add_arguments(parser: Parser) -> None:
    """Add the options of the command.

    Parameters
    ----------
    parser : Parser
    """
    add_model_arguments(parser)
    parser.add_argument(
        "--rule",
        choices=("guided", "deconvnet", "gradient"),
        default="guided",
        help="the rule to audit (guided)",
    )


def run(options: Options) -> None:
    """Print what is known of the model.

    Parameters
    ----------
    options : Options
    """
    opened = open_model(options)
    from legacy_gbp.attribution.network import Network
    from legacy_gbp.graph.traverse import operations_between
    from legacy_gbp.io.digest import sha256_of_model

    with Network(opened.source, allow_partial=True, plain=True) as net:
        graph = net.under(options.rule)
        endpoints = graph.endpoints
        sha256 = sha256_of_model(options.model)[:16]
        print_line(f"model   {options.model}: {opened.kind}, SHA-256 {sha256}")
        for tensor_t in endpoints.input_ts:
            print_line(f"input   {_tensor(tensor_t)}")
        print_line(f"output  {_tensor(endpoints.logits_t)}")
        for name in endpoints.flags:
            print_line(f"flag    {name}: has a default or a value; --feed {name}=VALUE sets it")
        for name in endpoints.removed_overrides:
            print_line(f"removed {name}: a gradient override of its exporter")
        for op in operations_between(endpoints.input_ts, endpoints.logits_t):
            if op.type in LAYERS:
                print_line(f"layer   {op.name}: {op.type} {_shape(op.outputs[0])}")
        for op_type, kind in graph.report.types.items():
            print_line(f"type    {op_type}: {kind}")
        counted = ", ".join(f"{count} {kind}" for kind, count in graph.report.counts.items())
        print_line(f"classes {counted or 'no operation'}")
        for notice in graph.report.notices:
            print_line(f"notice  {notice.name}: {notice.text}")
        took = sum(finding.took for finding in graph.findings)
        total = len(graph.findings)
        print_line(f"audit   rule {options.rule}: {took} of {total} nonlinearities take it")
        for finding in graph.findings:
            print_line(
                f"{'  takes ' if finding.took else '  MISSED'} {finding.name} ({finding.kind})"
            )


def _tensor(tensor_t: Any) -> str:
    return f"{tensor_t.name} {tensor_t.dtype.name} {_shape(tensor_t)}"


def _shape(tensor_t: Any) -> str:
    if tensor_t.shape.rank is None:
        return "(unknown)"
    return "(" + ", ".join("?" if n is None else str(n) for n in tensor_t.shape.as_list()) + ")"
