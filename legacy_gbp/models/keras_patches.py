"""Layers that the Keras of today lacks, written with operations of TensorFlow."""

from typing import Any, List, Optional, Sequence, Union

import tensorflow as tf

VALID = "valid"


class LocallyConnected:
    """LocallyConnected1D and 2D: a convolution whose kernel differs from place to place."""

    @staticmethod
    def of(layer: Any, activation_named: Any, zeros: Any) -> Any:
        """Return the class.

        Parameters
        ----------
        layer : type
            ``Layer`` of the Keras that builds.
        activation_named : callable
            Its function that turns a name into an activation.
        zeros : type
            Initialiser of the variables.

        Returns
        -------
        type
        """

        class Patchwise(layer):  # type: ignore[misc]
            """(N, H, W, C) or (N, T, C); the kernel is (places, window, filters)."""

            def __init__(
                self,
                filters: int,
                kernel_size: Union[int, Sequence[int]],
                strides: Union[int, Sequence[int]] = 1,
                padding: str = VALID,
                activation: Any = None,
                use_bias: bool = True,
                data_format: Optional[str] = None,
                name: Optional[str] = None,
                dtype: Any = None,
            ) -> None:
                super().__init__(name=name, **({"dtype": dtype} if dtype else {}))
                self.filters, self.use_bias = filters, use_bias
                size: Any = kernel_size if isinstance(kernel_size, (list, tuple)) else [kernel_size]
                step: Any = strides if isinstance(strides, (list, tuple)) else len(size) * [strides]
                if padding != VALID or data_format == "channels_first":
                    raise ValueError(f"locally connected with {padding}, {data_format}")
                self.window, self.steps = [int(one) for one in size], [int(one) for one in step]
                self.function = activation_named(activation) if activation else None

            def build(self, input_shape: Any) -> None:
                shape = [int(size) for size in input_shape[1:]]
                places = 1
                self.places: List[int] = []
                for size, window, step in zip(shape, self.window, self.steps):
                    self.places.append((size - window) // step + 1)
                    places *= self.places[-1]
                length = shape[-1]
                for window in self.window:
                    length *= window
                self.kernel = self.add_weight(
                    name="kernel", shape=(places, length, self.filters), initializer=zeros()
                )
                if self.use_bias:
                    self.bias = self.add_weight(
                        name="bias", shape=(*self.places, self.filters), initializer=zeros()
                    )
                self.built = True

            def call(self, x: Any) -> Any:
                if len(self.window) == 1:
                    x = tf.expand_dims(x, 1)
                size, step = (
                    [1, *one] if len(one) == 1 else one for one in (self.window, self.steps)
                )
                patches = tf.image.extract_patches(
                    x, [1, *size, 1], [1, *step, 1], [1, 1, 1, 1], "VALID"
                )
                length = int(self.kernel.shape[1])
                flat = tf.reshape(patches, [-1, int(self.kernel.shape[0]), length])
                # Places first: one matrix product for each.
                product = tf.matmul(
                    tf.transpose(flat, [1, 0, 2]), tf.convert_to_tensor(self.kernel)
                )
                y = tf.reshape(tf.transpose(product, [1, 0, 2]), [-1, *self.places, self.filters])
                if self.use_bias:
                    y = y + self.bias
                return self.function(y) if self.function else y

            def compute_output_shape(self, input_shape: Any) -> Any:
                sizes = zip(input_shape[1:], self.window, self.steps)
                places = [(size - window) // step + 1 for size, window, step in sizes]
                return (input_shape[0], *places, self.filters)

        return Patchwise
