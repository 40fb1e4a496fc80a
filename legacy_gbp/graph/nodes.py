"""Words for reading and writing NodeDefs that every step uses."""

CALLS = ("PartitionedCall", "StatefulPartitionedCall")


def producer(name):
    """Name of the node that an input string refers to: ``^a`` and ``a:1`` come from ``a``."""
    return name.lstrip("^").split(":")[0]


def full(name):
    """Name of a tensor: that of a node means its first output."""
    return name if ":" in name else name + ":0"


def data_inputs(node):
    """Inputs of a node without its control inputs."""
    return [name for name in node.input if not name.startswith("^")]


def by_name(graph_def):
    """Nodes of a GraphDef by name."""
    return {node.name: node for node in graph_def.node}


def consumers(graph_def):
    """For each node name the nodes that read it, control inputs included."""
    found: dict = {node.name: [] for node in graph_def.node}
    for node in graph_def.node:
        for name in node.input:
            if producer(name) in found:
                found[producer(name)].append(node)
    return found


def all_nodes(graph_def):
    """Nodes of the graph, and of the functions in its library."""
    yield from graph_def.node
    for function in graph_def.library.function:
        yield from function.node_def


def called(node):
    """Names of what may be functions that a node calls: by an attribute, or by its own kind."""
    names = [value.func.name for value in node.attr.values() if value.HasField("func")]
    names += [func.name for value in node.attr.values() for func in value.list.func]
    return [*names, node.op]


def add(graph_def, op, name, inputs, **attributes):
    """Append a node; `attributes` are AttrValues to copy."""
    node = graph_def.node.add(op=op, name=name, input=inputs)
    for key, value in attributes.items():
        node.attr[key].CopyFrom(value)
    return node
