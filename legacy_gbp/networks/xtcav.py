"""The two networks of the 2016 tutorial, written like the tutorial's tables.

Each function calls a builder (:class:`legacy_gbp.networks.builder.Builder`) from
the float images (N, 363, 284, 1) to the logits (N, K). This module does not
import TensorFlow, so an exercise can name its network without importing it.
"""

from legacy_gbp.networks.builder import Builder


def ex07(net: Builder) -> None:
    """Build "lasing or not": two small convolutions, two dense layers, two logits.

    Parameters
    ----------
    net : Builder
        At images (N, 363, 284, 1), floating point; afterwards at the logits (N, 2).
    """
    net.conv(2, size=4).batch_norm().relu().max_pool(4, stride=4)
    net.conv(6, size=4).batch_norm().relu().max_pool(4, stride=4)
    net.flatten()
    net.dense(40).batch_norm().relu()
    net.dense(10).batch_norm().relu()
    net.logits(2)


def ex08(net: Builder) -> None:
    """Build "which of two colours lased": three convolutions, two dense layers, four logits.

    The window of the first pooling is smaller than its stride (2 against 3), as in 2016.

    Parameters
    ----------
    net : Builder
        At images (N, 363, 284, 1), floating point; afterwards at the logits (N, 4).
    """
    hidden, last = ("l2", 0.01), ("l2", 0.002)
    net.conv(16, size=8, penalty=hidden).batch_norm().relu().max_pool(2, stride=3)
    net.conv(16, size=6, penalty=hidden).batch_norm().relu().max_pool(3, stride=3)
    net.conv(16, size=6, penalty=hidden).batch_norm().relu().max_pool(3, stride=3)
    net.flatten()
    net.dense(48, penalty=hidden).batch_norm().relu()
    net.dense(32, penalty=hidden).batch_norm().relu()
    net.logits(4, penalty=last)
