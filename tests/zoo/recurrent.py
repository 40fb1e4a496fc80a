"""Recurrent cells and attention."""

from typing import Any, Callable, List, Sequence, Tuple

import tensorflow as tf

from tests.zoo.parts import Built, ZooNetwork, dense, images, logits, v1, variable

UNITS = 4


def zeros(x_t: Any, units: int = UNITS) -> Any:
    """Return the state before the first step."""
    return tf.zeros(tf.stack([tf.shape(x_t)[0], units]))


def over_time(cell: Callable[..., Sequence[Any]], x_t: Any, states: Sequence[Any]) -> List[Any]:
    """Return the last states of a loop over the steps of sequences, as ``dynamic_rnn`` does it."""
    steps_t = tf.transpose(x_t, (1, 0, 2))
    count = x_t.shape.as_list()[1]
    array = tf.TensorArray(tf.float32, count).unstack(steps_t)

    def body(number_t: Any, *states: Any) -> Tuple[Any, ...]:
        step_t = tf.reshape(array.read(number_t), (-1, x_t.shape.as_list()[2]))
        return (number_t + 1, *cell(step_t, *states))

    return v1.while_loop(lambda number_t, *_: number_t < count, body, (0, *states))[1:]


def unrolled() -> Built:
    """A cell with ReLU, repeated in the graph for every step."""
    x_t = images(6, 5, name="sequences")
    weights, bias = variable("weights", (5 + 7, 7)), variable("bias", (7,), 0.3)
    state_t = zeros(x_t, 7)
    for step_t in tf.unstack(x_t, axis=1):
        state_t = tf.nn.relu(tf.matmul(tf.concat([step_t, state_t], 1), weights) + bias)
    return Built((x_t,), logits(tf.nn.relu(dense(state_t, 8, "hidden"))))


def lstm() -> Built:
    """A long short-term memory in a loop, between ReLUs."""
    x_t = images(6, 5, name="sequences")
    weights, bias = variable("weights", (5 + UNITS, 4 * UNITS)), variable("bias", (4 * UNITS,), 0.3)

    def cell(step_t: Any, memory_t: Any, state_t: Any) -> Tuple[Any, Any]:
        gates_t = tf.matmul(tf.concat([step_t, state_t], 1), weights) + bias
        write_t, new_t, forget_t, read_t = tf.split(gates_t, 4, 1)
        kept_t = memory_t * tf.sigmoid(forget_t + 1.0)
        memory_t = kept_t + tf.sigmoid(write_t) * tf.tanh(new_t)
        return memory_t, tf.tanh(memory_t) * tf.sigmoid(read_t)

    states = over_time(cell, tf.nn.relu(x_t), (zeros(x_t), zeros(x_t)))
    return Built((x_t,), logits(tf.nn.relu(dense(states[1], 8, "hidden"))))


def gru_both_ways() -> Built:
    """Gated recurrent units forwards and backwards in time."""
    x_t = images(6, 5, name="sequences")

    def last_state(x_t: Any, name: str) -> Any:
        gates = variable(name + "_gates", (5 + UNITS, 2 * UNITS))
        candidate = variable(name + "_candidate", (5 + UNITS, UNITS))

        def cell(step_t: Any, state_t: Any) -> Tuple[Any]:
            both_t = tf.sigmoid(tf.matmul(tf.concat([step_t, state_t], 1), gates))
            reset_t, update_t = tf.split(both_t, 2, 1)
            seen_t = tf.concat([step_t, reset_t * state_t], 1)
            new_t = tf.tanh(tf.matmul(seen_t, candidate))
            return (update_t * state_t + (1 - update_t) * new_t,)

        return over_time(cell, x_t, (zeros(x_t),))[0]

    y_t = tf.nn.relu(x_t)
    states = [last_state(y_t, "forwards"), last_state(tf.reverse(y_t, [1]), "backwards")]
    hidden_t = dense(tf.concat([tf.reshape(s_t, (-1, UNITS)) for s_t in states], 1), 8, "hidden")
    return Built((x_t,), logits(tf.nn.relu(hidden_t)))


def attention() -> Built:
    """A block of a transformer: attention, layer normalisation, two dense layers."""
    x_t = images(7, 6, name="sequences")
    query_t, key_t, value_t = [
        tf.tensordot(x_t, variable(name, (6, 6)), 1) for name in ("query", "key", "value")
    ]
    weights_t = tf.nn.softmax(tf.matmul(query_t, key_t, transpose_b=True) / 2.0)
    y_t = x_t + tf.matmul(weights_t, value_t)
    mean_t, variance_t = v1.nn.moments(y_t, [-1], keep_dims=True)
    y_t = (y_t - mean_t) * tf.math.rsqrt(variance_t + 1e-5)
    hidden_t = tf.nn.relu(tf.tensordot(y_t, variable("wide", (6, 12)), 1))
    return Built((x_t,), logits(y_t + tf.tensordot(hidden_t, variable("narrow", (12, 6)), 1)))


NETWORKS = {
    "unrolled": ZooNetwork(unrolled),
    "lstm": ZooNetwork(
        lstm, holds=("Enter", "TensorArrayV3"), missed=("Sigmoid", "Tanh"), loop=True
    ),
    "gru_both_ways": ZooNetwork(
        gru_both_ways, holds=("Enter", "TensorArrayV3"), missed=("Sigmoid", "Tanh"), loop=True
    ),
    "attention": ZooNetwork(attention, missed=("Softmax",)),
}
