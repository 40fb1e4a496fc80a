"""``legacy-gbp inspect``: endpoints and layers of a model, and whether a rule reaches its ReLUs."""

import contextlib
import os
from typing import Any, List, Optional, Tuple

from legacy_gbp.cli.inspect_contents import Plan, lines_and_plan, shape_text
from legacy_gbp.cli.messages import for_command
from legacy_gbp.cli.open_model import add_model_arguments, open_model
from legacy_gbp.cli.parser import Options, Parser
from legacy_gbp.errors import InputError, ModelError
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

    Raises
    ------
    ModelError
        When ends that were named do not fit. Without names, what hinders is printed.
    """
    named = bool(options.input or options.output_tensor or options.feed or options.net)
    if options.net is None:
        _check_there(options.model)
    from legacy_gbp.cli.quiet_tensorflow import load_quietly

    load_quietly()
    lines: List[str] = []
    plan: Optional[Plan] = None
    kind = ""
    if options.net is None:
        lines, plan, kind = _contents(options.model)
    audited: List[str] = []
    refusal: Optional[ModelError] = None
    try:
        kind, audited = _audited(options)
    except ModelError as error:
        if named:
            raise
        refusal = error
    if refusal is not None and plan is not None and plan.complete:
        assumed = _with_ends(options, plan)
        with contextlib.suppress(ModelError):
            kind, audited = _audited(assumed)
            feeds = ", ".join(f"{name}={value}" for name, value in plan.feeds.items())
            audited = [f"assumed {feeds}", *audited] if feeds else audited
    sha256 = _sha256(options.model)
    for line in [f"model   {options.model}: {kind}, SHA-256 {sha256}", *lines, *audited]:
        print_line(line)
    if refusal is not None:
        print_line(f"hinders {for_command(str(refusal), options.parser)}")
    if plan is not None and (audited or not plan.complete):
        for line in plan.advice(options.model, opens=bool(audited)):
            print_line(line)


def _check_there(path: str) -> None:
    if not (os.path.exists(path) or os.path.exists(path + ".index")):
        raise InputError(
            f"{path}: no such file or folder, and no checkpoint of that prefix; check the name"
        )


def _contents(path: str) -> Tuple[List[str], Plan, str]:
    from legacy_gbp.models.contents import contents_of

    contents = contents_of(path)
    lines, plan = lines_and_plan(contents)
    return lines, plan, contents.kind


def _with_ends(options: Options, plan: Plan) -> Options:
    """Return the options with the likeliest ends."""
    assumed = Options(**vars(options))
    assumed.input, assumed.output_tensor = list(plan.inputs), plan.output
    assumed.feed = list(plan.feeds.items())
    return assumed


def _audited(options: Options) -> Tuple[str, List[str]]:
    """Return the format of a model, and what opening and auditing it says, a line each."""
    from legacy_gbp.attribution.network import Network
    from legacy_gbp.graph.traverse import operations_between

    opened = open_model(options)
    lines: List[str] = []
    with Network(opened.source, allow_partial=True, plain=True) as net:
        graph = net.under(options.rule)
        endpoints = graph.endpoints
        lines += [f"input   {_tensor(tensor_t)}" for tensor_t in endpoints.input_ts]
        lines.append(f"output  {_tensor(endpoints.logits_t)}")
        for name in endpoints.stepped_over:
            lines.append(f"over    {name}: the final operation; what it reads is explained")
        for name in endpoints.flags:
            lines.append(f"flag    {name}: has a default or a value; --feed {name}=VALUE sets it")
        for name in endpoints.removed_overrides:
            lines.append(f"removed {name}: a gradient override of its exporter")
        for op in operations_between(endpoints.input_ts, endpoints.logits_t):
            if op.type in LAYERS:
                lines.append(f"layer   {op.name}: {op.type} {_shape(op.outputs[0])}")
        for op_type, kind in graph.report.types.items():
            lines.append(f"type    {op_type}: {kind}")
        counted = ", ".join(f"{count} {kind}" for kind, count in graph.report.counts.items())
        lines.append(f"classes {counted or 'no operation'}")
        for notice in graph.report.notices:
            lines.append(f"notice  {notice.name}: {notice.text}")
        took = sum(finding.took for finding in graph.findings)
        total = len(graph.findings)
        lines.append(f"audit   rule {options.rule}: {took} of {total} nonlinearities take it")
        for finding in graph.findings:
            lines.append(
                f"{'  takes ' if finding.took else '  MISSED'} {finding.name} ({finding.kind})"
            )
    return opened.kind, lines


def _sha256(path: str) -> str:
    from legacy_gbp.io.digest import sha256_of_model

    return sha256_of_model(path)[:16]


def _tensor(tensor_t: Any) -> str:
    return f"{tensor_t.name} {tensor_t.dtype.name} {_shape(tensor_t)}"


def _shape(tensor_t: Any) -> str:
    return "(unknown)" if tensor_t.shape.rank is None else shape_text(tensor_t.shape.as_list())
