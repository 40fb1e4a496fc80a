"""``legacy-gbp inspect``: endpoints and layers of a model, and whether a rule reaches its ReLUs."""

import os
from typing import Any, Iterator, List, NamedTuple, Optional, Tuple

from legacy_gbp.cli.inspect_contents import Plan, lines_and_plan, shape_text
from legacy_gbp.cli.messages import for_command
from legacy_gbp.cli.open_model import add_model_arguments, open_model
from legacy_gbp.cli.parser import Options, Parser
from legacy_gbp.errors import InputError, LegacyGbpError, ModelError
from legacy_gbp.io.console import print_line

NAME = "inspect"
HELP = "what a model file holds, and whether a rule reaches its ReLUs"
EXAMPLE = "inspect frozen.pb"
WITHOUT_RULE = "gradient"  # what can be tried where the rule misses nonlinearities
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


class _Audit(NamedTuple):
    """What opening and auditing a model says."""

    kind: str
    lines: List[str] = []  # noqa: RUF012 - never changed
    missed: bool = False


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
    if options.net is None:
        _check_there(options.model)
    from legacy_gbp.cli.quiet_tensorflow import load_quietly

    load_quietly()
    if options.net is not None:
        _print(options, _audited(options), [])
        return
    contents, lines, plan = _contents(options.model)
    audit, refusal = _attempt(options)
    if _is_named(options):
        if refusal is not None:
            raise refusal
    elif plan.complete and (refusal is not None or plan.feeds):
        assumed, refused = _attempt(_with_ends(options, plan))
        audit, refusal = assumed or audit, refused or refusal
    _print(options, audit or _Audit(contents.kind), lines)
    if refusal is not None:
        print_line(f"hinders {for_command(str(refusal), options.parser)}")
    if contents.opens:
        _print_command(options, plan, audit)


def _print_command(options: Options, plan: Plan, audit: Optional[_Audit]) -> None:
    """Print the command of the likeliest ends, where it can work or only lacks a value."""
    if not plan.output or (audit is None and not plan.unknown):
        return
    is_missed = audit is not None and audit.missed and options.rule == "guided"
    print_line(f"try     {plan.command(options.model, WITHOUT_RULE if is_missed else None)}")


def _is_named(options: Options) -> bool:
    return bool(options.input or options.output_tensor or options.feed)


def _check_there(path: str) -> None:
    if not any(os.path.exists(path + ending) for ending in ("", ".index", ".meta")):
        raise InputError(
            f"{path}: no such file or folder, and no checkpoint of that prefix; check the name"
        )


def _print(options: Options, audit: _Audit, lines: List[str]) -> None:
    first = f"model   {options.model}: {audit.kind}, SHA-256 {_sha256(options.model)}"
    for line in [first, *lines, *audit.lines]:
        print_line(line)


def _attempt(options: Options) -> Tuple[Optional[_Audit], Optional[LegacyGbpError]]:
    """Return the audit of a model, or what hinders it."""
    try:
        return _audited(options), None
    except (ModelError, InputError) as error:
        return None, error


def _contents(path: str) -> Tuple[Any, List[str], Plan]:
    from legacy_gbp.models.contents import contents_of

    contents = contents_of(path)
    return (contents, *lines_and_plan(contents))


def _with_ends(options: Options, plan: Plan) -> Options:
    """Return the options with the likeliest ends."""
    assumed = Options(**vars(options))
    assumed.input, assumed.output_tensor = list(plan.inputs), plan.output
    assumed.feed, assumed.assumed = list(plan.feeds.items()), True
    return assumed


def _audited(options: Options) -> _Audit:
    """Open a model and audit it."""
    from legacy_gbp.attribution.network import Network
    from legacy_gbp.graph.traverse import operations_between

    opened = open_model(options)
    feeds = ", ".join(f"{name}={value}" for name, value in options.feed)
    lines = [f"assumed {feeds}"] if feeds and getattr(options, "assumed", False) else []
    with Network(opened.source, allow_partial=True, plain=True) as net:
        graph = net.under(options.rule)
        endpoints = graph.endpoints
        lines += _about_ends(endpoints)
        for op in operations_between(endpoints.input_ts, endpoints.logits_t):
            if op.type in LAYERS:
                lines.append(f"layer   {op.name}: {op.type} {_shape(op.outputs[0])}")
        lines += _about_rule(graph.report, options.rule)
    return _Audit(opened.kind, lines, not all(finding.took for finding in graph.findings))


def _about_ends(endpoints: Any) -> Iterator[str]:
    """Yield inputs, output, flags, and what the import did."""
    for tensor_t in endpoints.input_ts:
        yield f"input   {_tensor(tensor_t)}"
    yield f"output  {_tensor(endpoints.logits_t)}"
    for name in endpoints.stepped_over:
        yield f"over    {name}: the final operation; what it reads is explained"
    for name in endpoints.flags:
        yield f"flag    {name}: has a default or a value; --feed {name}=VALUE sets it"
    for name in endpoints.removed_overrides:
        yield f"removed {name}: a gradient override of its exporter"


def _about_rule(report: Any, rule: str) -> Iterator[str]:
    """Yield the classes of the operations, and whether the rule reached each nonlinearity."""
    for op_type, kind in report.types.items():
        yield f"type    {op_type}: {kind}"
    counted = ", ".join(f"{count} {kind}" for kind, count in report.counts.items())
    yield f"classes {counted or 'no operation'}"
    for notice in report.notices:
        yield f"notice  {notice.name}: {notice.text}"
    took = sum(finding.took for finding in report.findings)
    yield f"audit   rule {rule}: {took} of {len(report.findings)} nonlinearities take it"
    for finding in report.findings:
        yield f"{'  takes ' if finding.took else '  MISSED'} {finding.name} ({finding.kind})"


def _sha256(path: str) -> str:
    from legacy_gbp.io.digest import sha256_of_model

    return sha256_of_model(path)[:16]


def _tensor(tensor_t: Any) -> str:
    return f"{tensor_t.name} {tensor_t.dtype.name} {_shape(tensor_t)}"


def _shape(tensor_t: Any) -> str:
    return "(unknown)" if tensor_t.shape.rank is None else shape_text(tensor_t.shape.as_list())
