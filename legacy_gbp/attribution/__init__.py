"""Attribution methods: ``method(net, images, target) -> maps``, one per file."""

from legacy_gbp.attribution.deconvnet import deconvnet
from legacy_gbp.attribution.gradient import gradient
from legacy_gbp.attribution.guided_backprop import guided_backprop

METHODS = {
    "gradient": gradient,
    "guided": guided_backprop,
    "deconvnet": deconvnet,
}
