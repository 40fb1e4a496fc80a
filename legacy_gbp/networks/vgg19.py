"""VGG19, the network of the tutorials on guided backpropagation from 2015 to 2020.

=======  =====================================  ==============
block    layers                                 output
=======  =====================================  ==============
         images                                 224 x 224 x 3
block1   conv1, conv2, pool                     112 x 112 x 64
block2   conv1, conv2, pool                     56 x 56 x 128
block3   conv1, conv2, conv3, conv4, pool       28 x 28 x 256
block4   conv1, conv2, conv3, conv4, pool       14 x 14 x 512
block5   conv1, conv2, conv3, conv4, pool       7 x 7 x 512
         flatten                                25088
         fc1, fc2                               4096
         predictions                            1000 logits
=======  =====================================  ==============

Convolutions are 3x3 and SAME, poolings 2x2; every convolution, fc1 and fc2 has a ReLU
as its last operation; 143 667 240 parameters. Other image sizes from 32 x 32 up have
the same layers with another fc1. This module does not import TensorFlow.

References
----------
K. Simonyan, A. Zisserman, arXiv:1409.1556 (2014), table 1, column E.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from legacy_gbp.networks.keras_layout import KerasLayout

IMAGE_SHAPE = (224, 224)  # height and width, pixels
MEAN_BGR = (103.939, 116.779, 123.68)  # of the training images, grey levels 0..255


def vgg19(net: "KerasLayout") -> None:
    """Build VGG19 under the names of Keras, from the images to the logits.

    Parameters
    ----------
    net : KerasLayout
        At images (N, H, W, 3), floating point, from :func:`preprocess`; afterwards at the
        logits (N, 1000).
    """
    net.conv("block1_conv1", 64).conv("block1_conv2", 64)
    net.max_pool("block1_pool")
    net.conv("block2_conv1", 128).conv("block2_conv2", 128)
    net.max_pool("block2_pool")
    net.conv("block3_conv1", 256).conv("block3_conv2", 256)
    net.conv("block3_conv3", 256).conv("block3_conv4", 256)
    net.max_pool("block3_pool")
    net.conv("block4_conv1", 512).conv("block4_conv2", 512)
    net.conv("block4_conv3", 512).conv("block4_conv4", 512)
    net.max_pool("block4_pool")
    net.conv("block5_conv1", 512).conv("block5_conv2", 512)
    net.conv("block5_conv3", 512).conv("block5_conv4", 512)
    net.max_pool("block5_pool")
    net.flatten("flatten")
    net.dense("fc1", 4096).dense("fc2", 4096)
    net.logits("predictions", 1000)


def preprocess(pictures: Any) -> np.ndarray:
    """Return pictures as VGG19 takes them ("caffe" in Keras): BGR, less the mean, not scaled.

    Parameters
    ----------
    pictures : (..., 3) array of any number type
        RGB, grey levels 0..255.

    Returns
    -------
    (..., 3) float32 array
        BGR, grey levels about 0.

    Examples
    --------
    >>> preprocess([[255, 0, 10]]).round(2).tolist()
    [[-93.94000244140625, -116.77999877929688, 131.32000732421875]]
    """
    bgr = np.asarray(pictures)[..., ::-1].astype(np.float32)
    return bgr - np.array(MEAN_BGR, np.float32)
