"""What Keras and TensorFlow say, down to the cause, on one line."""

import re

MOST = 300


def cause_of(error: BaseException) -> str:
    """Return the cause of an error that Keras wraps.

    Keras prints a configuration of a thousand letters, a traceback or its own advice around the
    reason. The first sentence of the innermost error is the reason.

    Parameters
    ----------
    error : BaseException

    Returns
    -------
    str
        One line; never without the end that says what is wrong.
    """
    innermost = error
    while innermost.__cause__ is not None:
        innermost = innermost.__cause__
    text = str(
        innermost.args[0] if isinstance(innermost, KeyError) and innermost.args else innermost
    )
    lines = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
    told = [line for line in lines if re.search(r"exception encountered|error:", line, re.I)]
    line = (told or lines or [type(innermost).__name__])[-1 if told else 0]
    line = re.split(r"exception encountered: ", line, flags=re.I)[-1]
    if len(line) > MOST:
        line = f"{line[: MOST // 3]} ... {line[-(2 * MOST) // 3 :]}"
    return line.rstrip(".")
