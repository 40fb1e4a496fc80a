"""What TensorBoard reads: all event files of a folder, in the order of their names."""

import os


def events(folder):
    """Yield the events of all files."""
    import tensorflow as tf

    for name in sorted(os.listdir(str(folder))):
        yield from tf.compat.v1.train.summary_iterator(os.path.join(str(folder), name))


def shown(folder, tag="loss"):
    """Return the points (step, value) of a curve, as TensorBoard shows them.

    The log of a session that starts at a step takes the points from there on away.
    """
    points: list = []
    for event in events(folder):
        if event.HasField("session_log"):
            assert event.session_log.status == event.session_log.START
            points = [point for point in points if point[0] < event.step]
        found = [value.simple_value for value in event.summary.value if value.tag == tag]
        points += [(event.step, value) for value in found]
    return points
