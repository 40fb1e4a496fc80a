"""The table of all small networks."""

from typing import Dict

from tests.zoo import (
    activations,
    control_flow,
    convolutions,
    inputs_and_outputs,
    normalisation,
    recurrent,
)
from tests.zoo.parts import ZooNetwork

NETWORKS: Dict[str, ZooNetwork] = {
    **convolutions.NETWORKS,
    **normalisation.NETWORKS,
    **activations.NETWORKS,
    **control_flow.NETWORKS,
    **recurrent.NETWORKS,
    **inputs_and_outputs.NETWORKS,
}
