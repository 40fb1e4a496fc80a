"""What is done to a file: functions of a random generator, its bytes and those of another file."""

import json
import re

INTERESTING = (0, 1, 2, 127, 128, 255, 256, 32767, 32768, 65535, 2**31 - 1, 2**31, 2**32 - 1, 2**63)
TEXTS = (
    "", "^", ":0", ":99999999", "\x00", "\x1b[31m", "../../etc/passwd", "/etc/passwd", "a" * 5000,
    "\ud83d\ude00", "NaN", "-1", "1e999", "logits", "images", "conv/kernel", "%s%n", "$x^$",
    "\n", "ReadFile", "PyFunc", "While", "VariableV2", "Placeholder", "Switch", "Lambda",
)  # fmt: skip


def flip_bits(rng, data, other):
    """Flip 1 to 16 bits."""
    found = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4, 16)) if found else 0):
        found[rng.randrange(len(found))] ^= 1 << rng.randrange(8)
    return bytes(found)


def overwrite(rng, data, other):
    """Put random bytes over a place."""
    at = rng.randrange(len(data) + 1)
    new = bytes(rng.randrange(256) for _ in range(rng.choice((1, 2, 4, 8, 32))))
    return data[:at] + new + data[at + len(new) :]


def put_integer(rng, data, other):
    """Put an integer at an edge of its type over a place."""
    size = rng.choice((1, 2, 4, 8))
    number = (rng.choice(INTERESTING) * rng.choice((1, -1))) % 256**size
    at = rng.randrange(max(1, len(data) - size))
    return data[:at] + number.to_bytes(size, rng.choice(("little", "big"))) + data[at + size :]


def truncate(rng, data, other):
    """Cut the end off."""
    return data[: rng.choice((0, len(data) - 1, rng.randrange(len(data) + 1)))]


def _block(rng, data):
    start = rng.randrange(len(data) + 1)
    return start, start + rng.randrange(1, 2 + min(4096, len(data) // 2))


def duplicate(rng, data, other):
    """Write a block twice, or a thousand times."""
    start, stop = _block(rng, data)
    return data[:start] + data[start:stop] * rng.choice((2, 3, 1000)) + data[stop:]


def remove(rng, data, other):
    """Leave a block out."""
    start, stop = _block(rng, data)
    return data[:start] + data[stop:]


def blank(rng, data, other):
    """Put zeros or ones over a block."""
    start, stop = _block(rng, data)
    return data[:start] + rng.choice((b"\0", b"\xff")) * len(data[start:stop]) + data[stop:]


def swap(rng, data, other):
    """Exchange two blocks."""
    places = sorted(rng.randrange(len(data) + 1) for _ in range(3))
    one, middle, last = places
    return data[:one] + data[middle:last] + data[one:middle] + data[last:]


def splice(rng, data, other):
    """Begin as one file and go on as another one."""
    return data[: rng.randrange(len(data) + 1)] + other[rng.randrange(len(other) + 1) :]


def append(rng, data, other):
    """Add to the end."""
    return data + rng.choice((b"\0", b"x", other, data, b"\xff" * 10000))


GENERAL = (
    flip_bits, overwrite, put_integer, truncate, duplicate, remove, blank, swap, splice, append,
)  # fmt: skip


def _other_value(rng, value):
    choices = [None, True, -1, 0, 2**31, 2**70, 1e308, [], {}, "", [value] * 3, {"x": value}]
    return rng.choice([*choices, *TEXTS])


def json_value(rng, data, other):
    """Exchange, remove, rename or repeat values of a JSON text, or nest one deeply."""
    try:
        tree = json.loads(data.decode())
    except ValueError:
        return flip_bits(rng, data, other)
    if rng.random() < 0.03:
        return b"[" * 100000 + data
    for _ in range(rng.choice((1, 1, 3))):
        places = list(_places(tree))
        if not places:
            break
        holder, key = rng.choice(places)
        action = rng.randrange(4)
        if action == 0 and isinstance(holder, dict):
            holder[rng.choice(TEXTS)] = holder.pop(key)
        elif action == 1:
            del holder[key]
        elif action == 2:
            other_holder, other_key = rng.choice(places)
            holder[key] = json.loads(json.dumps(other_holder[other_key]))
        else:
            holder[key] = _other_value(rng, holder[key])
    return json.dumps(tree).encode()


def _places(tree):
    pairs = (
        tree.items()
        if isinstance(tree, dict)
        else enumerate(tree)
        if isinstance(tree, list)
        else ()
    )
    for key, value in pairs:
        yield tree, key
        yield from _places(value)


def words(rng, data, other):
    """Exchange, repeat or remove words and lines of a text."""
    text = data.decode("utf-8", "replace")
    action = rng.randrange(5)
    if action == 0:
        lines = text.split("\n")
        at = rng.randrange(len(lines))
        lines[at : at + 1] = rng.choice(([], [lines[at]] * 3, [rng.choice(lines)]))
        return "\n".join(lines).encode()
    if action == 1:  # a number
        numbers = list(re.finditer(r"-?\d+", text))
        new = str(rng.choice(INTERESTING) * rng.choice((1, -1)))
    elif action == 2:  # a quoted text
        numbers = list(re.finditer(r'(?<=")[^"\n]*(?=")', text))
        new = rng.choice(TEXTS)
    elif action == 3:  # a quoted text by another one
        numbers = list(re.finditer(r'(?<=")[^"\n]*(?=")', text))
        new = rng.choice(numbers).group() if numbers else ""
    else:
        numbers = list(re.finditer(r"\w+", text))
        new = rng.choice((rng.choice(numbers).group() if numbers else "", "{", "}", '"', ""))
    if not numbers:
        return flip_bits(rng, data, other)
    match = rng.choice(numbers)
    changed = text[: match.start()] + new + text[match.end() :]
    return changed.encode("utf-8", "surrogatepass")


def _graph_of(message):
    if hasattr(message, "meta_graphs"):
        return message.meta_graphs[0].graph_def if message.meta_graphs else None
    return getattr(message, "graph_def", message)


def graph(kind):
    """Return a mutator of the nodes of a graph, in a message of this kind."""

    def mutate(rng, data, other):
        import tensorflow as tf
        from tensorflow.core.protobuf import saved_model_pb2

        types = {
            "graph": tf.compat.v1.GraphDef, "meta": tf.compat.v1.MetaGraphDef,
            "saved": saved_model_pb2.SavedModel,
        }  # fmt: skip
        message = types[kind]()
        message.ParseFromString(data)
        nodes = _graph_of(message)
        for _ in range(rng.choice((1, 1, 1, 2, 5))):
            if nodes is not None and nodes.node:
                _mutate_node(rng, nodes)
        return bytes(message.SerializeToString())

    return mutate


def _mutate_node(rng, graph_def):
    node = rng.choice(graph_def.node)
    action = rng.randrange(10)
    kinds = ["Add", "MatMul", "Switch", "Merge", "Enter", "Exit", "Const", "Placeholder", "While"]
    kinds += ["PartitionedCall", "Reshape", "Relu", "Softmax", "Fill", "Range", "NoSuchOp", "Cast"]
    if action == 0:
        node.op = rng.choice([*kinds, rng.choice(graph_def.node).op])
    elif action == 1 and node.input:
        node.input[rng.randrange(len(node.input))] = rng.choice(
            ["", "^", ":", "^" + rng.choice(graph_def.node).name, node.name, node.name + ":1",
             rng.choice(graph_def.node).name, "nobody", "a:999999999999", "\u00e9", "x" * 3000]
        )  # fmt: skip
    elif action == 2:
        node.input.append(rng.choice(graph_def.node).name)
    elif action == 3 and node.input:
        del node.input[:]
    elif action == 4 and node.attr:
        del node.attr[rng.choice(sorted(node.attr))]
    elif action == 5 and node.attr:
        _mutate_attribute(rng, node.attr[rng.choice(sorted(node.attr))])
    elif action == 6:
        graph_def.node.add().CopyFrom(node)
    elif action == 7:
        node.name = rng.choice(
            ["", "/", "a" * 3000, "\u00e9", "a:b", rng.choice(graph_def.node).name]
        )
    elif action == 8:
        node.device = rng.choice(["/gpu:0", "nonsense", "/job:worker/task:9/device:CPU:0"])
    else:
        name = rng.choice(["_class", "T", "dtype", "shape", "value", "_output_shapes", "f"])
        _mutate_attribute(rng, node.attr[name])


def _mutate_attribute(rng, value):
    action = rng.randrange(8)
    if action == 0:
        value.type = rng.choice((0, 1, 3, 7, 9, 10, 19, 20, 21, 23, 101, 9999))
    elif action == 1:
        value.i = rng.choice((0, -1, 2**31, 2**62))
    elif action == 2:
        value.s = rng.choice((b"", b"\xff\xfe", b"VALID", b"loc:@conv/kernel", b"x" * 5000))
    elif action == 3:
        value.shape.unknown_rank = rng.random() < 0.5
    elif action == 4:
        for _ in range(rng.choice((1, 4, 300))):
            value.shape.dim.add().size = rng.choice((-1, 0, 1, -5, 2**31, 2**62))
    elif action == 5:
        tensor = value.tensor
        tensor.dtype = rng.choice((1, 3, 7, 9, 10, 20, 9999))
        del tensor.tensor_shape.dim[:]
        for _ in range(rng.choice((0, 1, 2))):
            tensor.tensor_shape.dim.add().size = rng.choice((0, 1, -1, 3, 2**20, 2**40))
        tensor.tensor_content = rng.choice((b"", b"abc", b"\0" * 64))
    elif action == 6:
        value.func.name = rng.choice(("", "nobody"))
    else:
        value.list.i.extend([rng.choice((0, 1, -1, 2**40))] * rng.choice((0, 1, 4)))


def hdf5(rng, data, other):
    """Change attributes and datasets of an HDF5 file through the library."""
    import io

    import h5py
    import numpy as np

    buffer = io.BytesIO(data)
    with h5py.File(buffer, "r+") as file:
        places = [file]
        file.visititems(lambda name, one: places.append(one))
        for _ in range(rng.choice((1, 1, 2))):
            holder = rng.choice(places)
            if rng.random() < 0.5 and len(holder.attrs):
                name = rng.choice(sorted(holder.attrs))
                value = holder.attrs[name]
                text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
                if isinstance(text, str) and text.startswith(("{", "[")) and rng.random() < 0.8:
                    holder.attrs[name] = json_value(rng, text.encode(), b"")
                elif rng.random() < 0.3:
                    del holder.attrs[name]
                else:
                    new = [1, -1.5, "x", b"\xff\xfe", np.zeros((2, 2)), np.array([b"a", b"b"])]
                    holder.attrs[name] = rng.choice([*new, h5py.Empty("f")])
                continue
            groups = [one for one in places if isinstance(one, h5py.Group) and len(one)]
            if not groups:
                continue
            group = rng.choice(groups)
            name = rng.choice(sorted(group))
            action = rng.randrange(7)
            old = group.get(name)
            if action != 0:
                del group[name]
            if action == 0:
                group.move(name, "other")
            elif action == 2:
                group.create_dataset(name, (2**20, 2**14), "f4", chunks=(2**10, 2**10))
            elif action == 3:
                group[name] = rng.choice(["text", 5, np.zeros(0), np.zeros((3, 2, 1)), b"\xff"])
            elif action == 4:
                group[name] = h5py.SoftLink(rng.choice(["/", "/nobody", group.name]))
            elif action == 5:
                group[name] = h5py.ExternalLink("/etc/passwd", "/x")
            elif action == 6 and isinstance(old, h5py.Dataset):
                kind = rng.choice(["f8", "u1", "S5", "c16", "?"])
                group.create_dataset(name, old.shape, kind)
            places = [one for one in places if one]
    return buffer.getvalue()


def zipped(rng, data, other):
    """Change the members of a zip file."""
    import io
    import zipfile

    found = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(found, "w") as new:
        names = archive.namelist()
        chosen = rng.choice(names)
        for name in names:
            content = archive.read(name)
            if name == chosen:
                if name.endswith(".json"):
                    content = json_value(rng, content, other)
                elif name.endswith(".h5") and rng.random() < 0.7:
                    content = hdf5(rng, content, other)
                else:
                    content = rng.choice(GENERAL)(rng, content, other)
                if rng.random() < 0.1:
                    continue
            new.writestr(name, content)
    return found.getvalue()
