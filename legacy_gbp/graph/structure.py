"""Refuse a graph that no exporter writes, before anything walks through it.

The walks of this package take it for granted that inputs exist, that operations have the inputs
and attributes of their definition, and that nothing computes itself except through a loop. A
graph made to exhaust a program breaks such a rule, or grows when it is opened: a function that
calls itself, forty functions of which each calls the next twice, a constant of one number that
declares the shape of a building. One pass over the graph finds these, in time proportional to it.
"""

import re
from typing import Any, Dict, Iterable, List, Optional, Sequence, Set, Tuple

import tensorflow as tf

from legacy_gbp.errors import ModelError
from legacy_gbp.graph.nodes import called, data_inputs, producer
from legacy_gbp.graph.registry import op_def_of

# The largest graphs that people train have some tens of thousands, on several GPUs together a
# hundred thousand. A million takes TensorFlow itself hours.
MOST_NODES = 150000  # also after every call became the operations of its function
# A file cannot hold more; a constant of one number can declare it.
MOST_BYTES = 2**31  # of all constants together, beyond those that the file stores

NODE_NAME = re.compile(r"[A-Za-z0-9._][A-Za-z0-9_.\\/>-]*")
INPUT = re.compile(r"\^?[^\^:]+|[^\^:]+:[0-9]{1,9}")
INPUT_OF_A_BODY = re.compile(r"\^?[^\^:]+|[^\^:]+(:[^\^:]+)?:[0-9]{1,9}")
LOOPING = ("NextIteration", "RefNextIteration")
LOOPS = ("While", "StatelessWhile", "_While")
CHOICES = ("If", "StatelessIf", "Case", "StatelessCase", "_If")  # the first input chooses
KINDS = {
    "type": "type", "shape": "shape", "tensor": "tensor", "int": "i", "bool": "b", "float": "f",
    "string": "s", "func": "func",
}  # fmt: skip
STRING_BYTES = 32


def check_structure(graph_def: Any, where: str) -> None:
    """Refuse a graph that is broken, or that grows without bounds.

    Parameters
    ----------
    graph_def : GraphDef
    where : str
        The file, for the message.

    Raises
    ------
    ModelError
        That names the first node or function that breaks a rule.
    """
    nodes = len(graph_def.node) + sum(len(f.node_def) for f in graph_def.library.function)
    found = _problem(graph_def) if nodes <= MOST_NODES else None
    if found:
        raise ModelError(f"{where}: the graph is broken: {found}; export it again")
    grown = _too_many(nodes) if nodes > MOST_NODES else _growth(graph_def)
    if grown:
        raise ModelError(f"{where}: {grown}; export a smaller graph")


def _problem(graph_def: Any) -> Optional[str]:
    functions = {function.signature.name: function for function in graph_def.library.function}
    definitions: Dict[str, Any] = {}
    found = _problem_of_nodes(graph_def.node, (), INPUT, functions, definitions)
    if found:
        return found
    for function in graph_def.library.function:
        name = _shown(function.signature.name)
        arguments = [argument.name for argument in function.signature.input_arg]
        found = _problem_of_nodes(
            function.node_def, arguments, INPUT_OF_A_BODY, functions, definitions
        )
        if found:
            return f"in its function {name} {found}"
        known = {*arguments, *(node.name for node in function.node_def)}
        for result in function.signature.output_arg:
            if producer(function.ret.get(result.name, "")) not in known:
                return f"its function {name} lacks the result {_shown(result.name)}"
    return None


def _problem_of_nodes(
    nodes: Sequence[Any],
    arguments: Sequence[str],
    pattern: Any,
    functions: Dict[str, Any],
    definitions: Dict[str, Any],
) -> Optional[str]:
    """Return what is wrong with the nodes of a graph, or of the body of a function."""
    names = set(arguments)
    for node in nodes:
        if not NODE_NAME.fullmatch(node.name):
            return f"a node has the name {_shown(node.name)}"
        if node.name in names:
            return f"it has two nodes {node.name!r}"
        names.add(node.name)
    for node in nodes:
        for read in node.input:
            if not pattern.fullmatch(read):
                return f"{node.name!r} reads {_shown(read)}"
            if producer(read) not in names:
                return f"it lacks its node {producer(read)!r}"
        found = _problem_of_inputs(node, functions, definitions, exact=pattern is INPUT)
        if found:
            return f"{node.name!r} ({_shown(node.op)}) {found}"
    looping = _in_a_circle(nodes)
    return f"{looping!r} computes itself" if looping else None


def _problem_of_inputs(
    node: Any, functions: Dict[str, Any], definitions: Dict[str, Any], exact: bool
) -> Optional[str]:
    """Return how a node departs from the definition of its operation, or of what it calls."""
    number = len(data_inputs(node))
    wrong = _problem_of_a_call(node, number, functions)
    if wrong or node.op in functions:
        return wrong
    if node.op not in definitions:
        definitions[node.op] = op_def_of(node.op)
    definition = definitions[node.op]
    if definition is None or node.op.startswith("_"):
        return None  # the import refuses what nobody knows; what an optimiser made has no contract
    for attribute in definition.attr:
        wrong = _problem_of_an_attribute(node, attribute)
        if wrong:
            return wrong
    lists = any(
        argument.number_attr or argument.type_list_attr for argument in definition.input_arg
    )
    if lists and not exact:  # in a body, one name may mean several tensors
        return None
    wanted = sum(_count(node, argument, definition) for argument in definition.input_arg)
    return None if number == wanted else f"has {number} inputs in place of {wanted}"


def _problem_of_a_call(node: Any, number: int, functions: Dict[str, Any]) -> Optional[str]:
    values = [value for name, value in node.attr.items() if not name.startswith("_")]
    names = [value.func.name for value in values if value.HasField("func")]
    names += [func.name for value in values for func in value.list.func]
    if node.op in functions:
        names.append(node.op)
    for name in names:
        if name not in functions:
            return f"calls {_shown(name)}, which is not there"
        signature = functions[name].signature
        given = number - 1 if node.op in CHOICES else number
        lists = any(one.number_attr or one.type_list_attr for one in signature.input_arg)
        passes = node.op in (*LOOPS, *CHOICES, "PartitionedCall", "StatefulPartitionedCall", name)
        if passes and not lists and given != len(signature.input_arg):
            return (
                f"calls {_shown(name)} with {given} values in place of {len(signature.input_arg)}"
            )
    if node.op in LOOPS and "body" in node.attr:
        results = len(functions[node.attr["body"].func.name].signature.output_arg)
        if results != number:
            return f"keeps {number} values, of which its body computes {results}"
    return None


def _problem_of_an_attribute(node: Any, attribute: Any) -> Optional[str]:
    name = attribute.name
    if name not in node.attr:
        if attribute.HasField("default_value"):
            return None
        return f"lacks its attribute {name}"
    value = node.attr[name]
    kind = value.WhichOneof("value")
    if kind == "placeholder":  # of a function for several types
        return None
    wanted = "list" if attribute.type.startswith("list(") else KINDS[attribute.type]
    if kind != wanted and not (kind is None and wanted == "list"):
        return f"has no {attribute.type} as its attribute {name}"
    if wanted == "type" and not _is_type(value.type):
        return f"has the type {value.type} as its attribute {name}"
    if wanted == "shape":
        return _problem_of_a_shape(value.shape)
    if wanted == "tensor":
        return _problem_of_a_tensor(value.tensor)
    return None


def _is_type(enum: int) -> bool:
    try:
        tf.as_dtype(enum)
    except TypeError:
        return False
    return True


def _problem_of_a_tensor(tensor: Any) -> Optional[str]:
    if not _is_type(tensor.dtype):
        return f"holds values of type {tensor.dtype}"
    if tensor.tensor_shape.unknown_rank or any(dim.size < 0 for dim in tensor.tensor_shape.dim):
        return "holds values of an open shape"
    number = _product(tensor.tensor_shape)
    stored = len(tensor.tensor_content)
    if stored and stored != number * tf.as_dtype(tensor.dtype).size:
        return f"holds {stored} bytes for {_number(number)} values"
    listed = max(
        len(getattr(tensor, field.name)) // (2 if "complex" in field.name else 1)
        for field in tensor.DESCRIPTOR.fields
        if field.name.endswith("_val")
    )
    # TensorFlow 1 does not repeat the last of several values.
    if listed > number or (not stored and listed not in (1, number) and _is_tensorflow_1()):
        return f"holds {listed} values in place of {_number(number)}"
    return None


def _problem_of_a_shape(shape: Any) -> Optional[str]:
    if any(dim.size < -1 for dim in shape.dim):
        return "has a negative size"
    number = _product(shape)
    return f"declares {_number(number)} values" if number > MOST_BYTES else None


def _product(shape: Any) -> int:
    """Return the number of values of a shape, an open size taken as 1."""
    number = 1
    for dim in shape.dim:
        number *= int(dim.size) if dim.size >= 0 else 1
    return number


def _is_tensorflow_1() -> bool:
    return bool(tf.__version__.startswith("1."))


def _count(node: Any, argument: Any, definition: Any) -> int:
    """Return how many tensors an argument takes."""
    name = argument.number_attr or argument.type_list_attr
    if not name:
        return 1
    if name in node.attr:
        value = node.attr[name]
    else:
        value = next(one.default_value for one in definition.attr if one.name == name)
    return int(value.i) if argument.number_attr else len(value.list.type)


def _in_a_circle(nodes: Sequence[Any]) -> str:
    """Return the name of a node that needs itself, except through a loop; empty for none."""
    waiting: Dict[str, int] = {node.name: 0 for node in nodes}
    readers: Dict[str, List[str]] = {}
    for node in nodes:
        if node.op in LOOPING:
            continue  # its reader does not wait for it
        readers[node.name] = []
    for node in nodes:
        for read in node.input:
            name = producer(read)
            if name in readers:
                readers[name].append(node.name)
                waiting[node.name] += 1
    ready = [name for name, number in waiting.items() if not number]
    for name in ready:  # grows
        for reader in readers.get(name, ()):
            waiting[reader] -= 1
            if not waiting[reader]:
                ready.append(reader)
    return next((name for name, number in waiting.items() if number), "")


def _growth(graph_def: Any) -> Optional[str]:
    """Return how a graph outgrows what its file holds."""
    functions = {function.signature.name: function for function in graph_def.library.function}
    sizes, recursive = _sizes(functions, graph_def.library.gradient)
    if recursive:
        return f"its function {_shown(recursive)} calls itself"
    nodes = _size(graph_def.node, sizes)
    if nodes > MOST_NODES:
        return _too_many(nodes)
    bodies = [function.node_def for function in graph_def.library.function]
    unstored, largest, most = 0, "", 0
    for body in (graph_def.node, *bodies):
        for node in body:
            grown = sum(_unstored_bytes(value) for value in node.attr.values())
            unstored += grown
            if grown > most:
                largest, most = node.name, grown
    if unstored > MOST_BYTES:
        return (
            f"its constants, such as {_shown(largest)}, declare {_number(unstored)} bytes that the "
            f"file does not hold where at most {MOST_BYTES} are taken"
        )
    return None


def _too_many(nodes: int) -> str:
    return f"it has {_number(nodes)} operations where at most {MOST_NODES} are taken"


def _sizes(functions: Dict[str, Any], gradients: Iterable[Any]) -> Tuple[Dict[str, int], str]:
    """Return the operations of every function with those that it calls, and a recursive one."""
    calls: Dict[str, Set[str]] = {
        name: {inner for node in function.node_def for inner in called(node) if inner in functions}
        for name, function in functions.items()
    }
    for entry in gradients:
        if entry.function_name in calls and entry.gradient_func in functions:
            calls[entry.function_name].add(entry.gradient_func)
    waiting = {name: len(inner) for name, inner in calls.items()}
    callers: Dict[str, List[str]] = {name: [] for name in functions}
    for name, inner in calls.items():
        for one in inner:
            callers[one].append(name)
    sizes: Dict[str, int] = {}
    ready = [name for name, number in waiting.items() if not number]
    for name in ready:  # grows
        sizes[name] = _size(functions[name].node_def, sizes)
        for caller in callers[name]:
            waiting[caller] -= 1
            if not waiting[caller]:
                ready.append(caller)
    return sizes, next((name for name in functions if name not in sizes), "")


def _size(nodes: Iterable[Any], sizes: Dict[str, int]) -> int:
    return sum(1 + sum(sizes.get(name, 0) for name in called(node)) for node in nodes)


def _unstored_bytes(value: Any) -> int:
    """Return the bytes of a constant that repeat its last value, or are not there at all."""
    grown = 0
    for tensor in [value.tensor, *value.list.tensor]:
        if not tensor.dtype or not _is_type(tensor.dtype):
            continue
        number = _product(tensor.tensor_shape)
        dtype = tf.as_dtype(tensor.dtype)
        size = number * (STRING_BYTES if dtype == tf.string else max(int(dtype.size), 1))
        if size > MOST_BYTES // 1024:  # the stored size of a small one does not matter
            grown += max(size - tensor.ByteSize(), 0)
    return grown


def _number(number: int) -> str:
    return str(number) if number < 10**12 else f"{float(min(number, 10**300)):.0e}"


def _shown(name: str) -> str:
    """Return a name as it may be printed, cut after 60 characters."""
    return repr(name if len(name) <= 60 else name[:60] + "...")
