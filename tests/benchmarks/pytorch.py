"""Captum on PyTorch: the same networks, weights and shots.

Layouts are tried both ways (channels first and channels last) and the faster
one is taken, so that the comparison does not depend on a setting that a user
could turn.
"""

import time

import numpy as np
import torch
import torch.nn.functional as functional
from captum.attr import GuidedBackprop, IntegratedGradients, NoiseTunnel
from torch import nn

from legacy_gbp.exercises.definitions import EXERCISES, LEARNING_RATE, MOMENTUM
from legacy_gbp.networks.batch_norm import EPSILON
from tests.benchmarks import material

LAYOUTS = (torch.contiguous_format, torch.channels_last)


class SamePool(nn.Module):
    """Max-pooling with TensorFlow's SAME padding."""

    def __init__(self, size, stride):
        super().__init__()
        self.size, self.stride = size, stride

    def forward(self, x):
        pads = []
        for side in (x.shape[3], x.shape[2]):
            lacking = max((-(-side // self.stride) - 1) * self.stride + self.size - side, 0)
            pads += [lacking // 2, lacking - lacking // 2]
        if any(pads):
            x = functional.pad(x, pads, value=-torch.inf)
        return functional.max_pool2d(x, self.size, self.stride)


class FlattenLikeTensorFlow(nn.Module):
    """Channel fastest, so that the dense weights are the same arrays."""

    def forward(self, x):
        return x.permute(0, 2, 3, 1).flatten(1)


class Builder:
    """Walks a network's table and lists PyTorch modules with the given arrays."""

    def __init__(self, arrays):
        self.modules, self._arrays, self._counts = [], arrays, {}

    def _named(self, kind):
        self._counts[kind] = self._counts.get(kind, 0) + 1
        self._name = f"{kind}{self._counts[kind]}"
        return self._name

    def _add(self, module, **arrays):
        with torch.no_grad():
            for name, array in arrays.items():
                getattr(module, name).copy_(torch.from_numpy(np.ascontiguousarray(array)))
        self.modules.append(module)
        return self

    def conv(self, channels, size, penalty=None):
        kernel = self._arrays[self._named("conv") + "/kernel"].transpose(3, 2, 0, 1)
        module = nn.Conv2d(kernel.shape[1], channels, size, padding="same", bias=False)
        return self._add(module, weight=kernel)

    def dense(self, units, penalty=None):
        weights = self._arrays[self._named("dense") + "/weights"].T
        return self._add(nn.Linear(weights.shape[1], units, bias=False), weight=weights)

    def logits(self, classes, penalty=None):
        weights = self._arrays["logits/weights"].T
        bias = self._arrays["logits/bias"]
        return self._add(nn.Linear(weights.shape[1], classes), weight=weights, bias=bias)

    def batch_norm(self):
        beta, gamma, mean, std = (
            self._arrays[f"{self._name}/batch_norm/{name}"]
            for name in ("beta", "gamma", "running_mean", "running_std")
        )
        kind = nn.BatchNorm2d if self._name.startswith("conv") else nn.BatchNorm1d
        module = kind(len(beta), eps=1e-12)  # the rest of the old epsilon is in the variance
        variance = (std + EPSILON) ** 2
        return self._add(module, bias=beta, weight=gamma, running_mean=mean, running_var=variance)

    def relu(self):
        return self._add(nn.ReLU())

    def max_pool(self, size, stride):
        return self._add(SamePool(size, stride))

    def flatten(self):
        return self._add(FlattenLikeTensorFlow())


def network(exercise):
    """The network in inference mode."""
    if exercise == "vgg19":
        return nn.Sequential(*_vgg19()).eval()
    builder = Builder(material.arrays(exercise))
    EXERCISES[exercise].network(builder)
    return nn.Sequential(*builder.modules).eval()


def _vgg19():
    arrays = material.vgg19_arrays()
    for layers, features in material.VGG19_BLOCKS:
        for _ in range(layers):
            kernel, _ = next(arrays)
            module = nn.Conv2d(kernel.shape[2], features, 3, padding=1)
            module.weight.data = torch.from_numpy(kernel.transpose(3, 2, 0, 1).copy())
            yield from (module, nn.ReLU())
        yield nn.MaxPool2d(2)
    yield FlattenLikeTensorFlow()
    for kernel, _ in arrays:
        module = nn.Linear(*kernel.shape)
        module.weight.data = torch.from_numpy(kernel.T.copy())
        yield module
        if kernel.shape[1] != material.VGG19_DENSE[-1]:
            yield nn.ReLU()


def prepare(task, exercise, batch):
    """See :mod:`tests.benchmarks.contestants`."""
    steps = [_prepare(task, exercise, batch, layout) for layout in LAYOUTS]
    return min(steps, key=_seconds)


def _seconds(step):
    step()
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def _prepare(task, exercise, batch, layout):
    net = network(exercise).to(memory_format=layout)
    pixels = material.images(exercise, batch).transpose(0, 3, 1, 2).copy()
    images = torch.from_numpy(pixels).to(memory_format=layout)
    if task == "train":
        return _training_step(net, images, torch.from_numpy(material.labels(exercise, batch)))
    images.requires_grad_()
    if task == "integrated":
        method = IntegratedGradients(net)
        return lambda: method.attribute(images, target=0, n_steps=50, internal_batch_size=16)
    if task == "smoothgrad":
        noisy = NoiseTunnel(GuidedBackprop(net))
        return lambda: noisy.attribute(
            images, target=0, nt_samples=50, nt_samples_batch_size=10, stdevs=20.0
        )
    method = GuidedBackprop(net)
    with torch.no_grad():
        predicted = net(images).argmax(dim=1)
    return lambda: method.attribute(images, target=predicted)


def _training_step(net, images, labels):
    net.train()
    optimizer = torch.optim.SGD(net.parameters(), LEARNING_RATE, MOMENTUM)

    def step():
        optimizer.zero_grad()
        loss = functional.cross_entropy(net(images), labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step
