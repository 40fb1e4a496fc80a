r"""All that is printed leaves through here, legible: nothing in a text commands the terminal.

Names of files, data sets, operations and classes come from strangers. Characters that are not
drawn, such as those of escape sequences, are shown as Python and bash write them: ``\x1b``,
``\n``, ``\u202e``; a byte of a file's name that is no UTF-8 is ``\udcff``. Letters of any language
stay, as far as the stream can encode them.
"""

import contextlib
import logging
import shlex
import sys
import time
import traceback
import unicodedata
import warnings
from types import TracebackType
from typing import Any, Iterable, Iterator, Optional, TextIO, Type, TypeVar

SECONDS_BETWEEN_LINES = 30
# Control, format (direction, no width), surrogate, private, unassigned, line, paragraph.
HIDDEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
NOT_UTF_8 = "\udc80", "\udcff"  # the bytes 128 and 255 of a file's name, as Python has them

Item = TypeVar("Item")


def legible(text: str) -> str:
    r"""Return a text as one line of characters that are drawn.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
        With escapes in place of control characters, line ends, characters that have no width or
        change the direction, and surrogates. The same for a text that has none of them.

    Examples
    --------
    >>> legible("a\x1b[31m\nb")
    'a\\x1b[31m\\nb'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(escaped(one) if unicodedata.category(one) in HIDDEN else one for one in text)


def escaped(character: str) -> str:
    r"""Return a character as Python writes it in ASCII.

    Parameters
    ----------
    character : str

    Returns
    -------
    str
        Such as ``\x1b``, ``\n``, ``\u202e``.
    """
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def shell_word(text: str) -> str:
    r"""Return a word that bash reads as a text, and that a terminal shows as it is typed.

    Parameters
    ----------
    text : str
        Such as the name of a file.

    Returns
    -------
    str
        Quoted where it must be; ``$'...'`` with the bytes of what is not drawn.

    Examples
    --------
    >>> print(shell_word("my file"), shell_word("a\x1b[m"))
    'my file' $'a\x1b[m'
    """
    if legible(text) == text and _encodable(text, sys.stdout) == text:
        return shlex.quote(text)
    return "$'" + "".join(map(_ansi_c, text)) + "'"


def _ansi_c(character: str) -> str:
    """Return a character as bash reads it within ``$'...'``."""
    if character in "\\'":
        return "\\" + character
    if " " <= character <= "~":
        return character
    if NOT_UTF_8[0] <= character <= NOT_UTF_8[1]:
        return f"\\x{ord(character) & 0xFF:02x}"
    return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", "surrogatepass"))


def print_line(line: str, to_stderr: bool = False) -> None:
    """Print one line, legible and flushed, without tearing the progress bar below it.

    Parameters
    ----------
    line : str
    to_stderr : bool
        True for errors; stdout otherwise.
    """
    print_text(legible(line) + "\n", to_stderr)


def print_text(text: str, to_stderr: bool = False) -> None:
    """Print some lines, each legible, and flush.

    Parameters
    ----------
    text : str
        With its line ends.
    to_stderr : bool
        True for errors; stdout otherwise.
    """
    stream = sys.stderr if to_stderr else sys.stdout
    lines = _encodable("\n".join(map(legible, text.split("\n"))), stream)
    if "tqdm" in sys.modules and sys.stderr.isatty():
        from tqdm import tqdm

        tqdm.write(lines, file=stream, end="")
    else:
        stream.write(lines)
    stream.flush()


def _encodable(text: str, stream: TextIO) -> str:
    """Return a text with escapes in place of what the encoding of a stream lacks."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def ask(question: str) -> str:
    """Print a question and return the reader's answer.

    Parameters
    ----------
    question : str

    Returns
    -------
    str
        A line, without its end.

    Raises
    ------
    EOFError
        At the end of the input.
    """
    return input(_encodable(legible(question), sys.stdout))


def progress(items: Iterable[Item], total: int, title: str) -> Iterator[Item]:
    """Pass items through and show how many have passed.

    Parameters
    ----------
    items : iterable
    total : int
        Number of items.
    title : str

    Yields
    ------
    object
        The items.
    """
    if sys.stderr.isatty():
        from tqdm import tqdm

        title = _encodable(legible(title), sys.stderr)
        yield from tqdm(items, total=total, desc=title, file=sys.stderr, leave=False)
        return
    last = time.monotonic()
    for number, item in enumerate(items, 1):
        yield item
        if time.monotonic() - last >= SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            print_line(f"-- {title}: {number} of {total}")


class _LegibleRecord(logging.LogRecord):
    """A record of a log whose message is legible."""

    def getMessage(self) -> str:  # noqa: N802 - the name is that of the base class
        return legible(super().getMessage())


def _legible_warning(
    message: Any, category: Type[Warning], filename: str, lineno: int, line: Optional[str] = None
) -> str:
    """Return a warning in one line."""
    return legible(f"{filename}:{lineno}: {category.__name__}: {message}") + "\n"


@contextlib.contextmanager
def legible_libraries() -> Iterator[None]:
    """Make legible what libraries log, and what they warn of.

    For a command, which owns its process.
    """
    factory, form = logging.getLogRecordFactory(), warnings.formatwarning
    logging.setLogRecordFactory(_LegibleRecord)
    warnings.formatwarning = _legible_warning
    try:
        yield
    finally:
        logging.setLogRecordFactory(factory)
        warnings.formatwarning = form


def print_fault(
    kind: Type[BaseException], error: BaseException, trace: Optional[TracebackType]
) -> None:
    """Print a traceback legibly; a hook for ``sys.excepthook``.

    Parameters
    ----------
    kind : type
        Of the exception.
    error : BaseException
    trace : traceback or None
    """
    print_text("".join(traceback.format_exception(kind, error, trace)), to_stderr=True)
