"""What is measured: one row a workload, and who takes part in it."""

from collections import namedtuple

Workload = namedtuple("Workload", "title task exercise batch contestants")
Workload.__doc__ = """One row of the table.

title : str
task, exercise, batch : what :func:`tests.benchmarks.contestants` are asked for
contestants : names, this project first
"""

MAPS = ("here", "plain graph", "plain gradient", "PyTorch")
FOREIGN = ("here", "plain gradient", "PyTorch")
PEERS = ("here", "PyTorch")

COMPARED = [
    Workload(f"{name} maps, batch {batch}", "maps", name, batch, MAPS)
    for name in ("ex07", "ex08")
    for batch in (1, 16, 64)
]
COMPARED += [
    Workload("VGG19 maps, batch 1", "maps", "vgg19", 1, FOREIGN),
    Workload("VGG19 maps, batch 4", "maps", "vgg19", 4, FOREIGN),
    Workload("ex08 SmoothGrad of 50", "smoothgrad", "ex08", 1, PEERS),
    Workload("ex08 integrated gradients, 50 steps", "integrated", "ex08", 1, PEERS),
    Workload("ex07 training step of 24", "train", "ex07", 24, PEERS),
    Workload("ex08 training step of 64", "train", "ex08", 64, PEERS),
]

# Images of a quarter and of four times the pixels, for this project alone.
SIZES = [
    Workload(f"{name} maps of {size}, batch 16", f"maps {size}", name, 16, ("here",))
    for name in ("ex07", "ex08")
    for size in ("182x142", "363x284", "726x568")
]
CEILING = Workload("product of two 2048 x 2048 matrices", "product", "", 1, ("matrix product",))
