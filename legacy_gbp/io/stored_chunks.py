"""Read the chunks of an HDF5 dataset, and check the length of each.

HDF5 reads a chunk that inflates to fewer bytes than a chunk beyond its end: three runs, three
results, or a crash (HDF5 1.10.4 and 1.14.6). A chunk that was never written reads as the fill
value.

So chunks are fetched as they are stored, and inflated (gzip, LZF) and put in order (shuffle) here.
That takes as long as HDF5 takes. Datasets through other filters are read by HDF5, after a check
that each chunk is there and says the length of a chunk where its filter says one.

No chunk inflates to more than its own length: 512 MiB at most.
"""

import zlib
from typing import Any, Iterator, Optional, Sequence, Tuple

import numpy as np

from legacy_gbp.errors import InputError
from legacy_gbp.io.hdf5 import (
    DEFLATE,
    FLETCHER32,
    LOCK,
    LZF,
    NBIT,
    SCALEOFFSET,
    SHUFFLE,
    SZIP,
    unreadable,
)
from legacy_gbp.io.hdf5_filters import (
    NUMBERS,
    filter_values,
    filters_of,
    has_lzf,
    has_plain_numbers,
    lzf_inflated,
)
from legacy_gbp.io.wanted_rows import COPY_AGAIN, Rows, ask_hdf5

KNOWN = (SHUFFLE, DEFLATE)
KEEP_LENGTH = {SHUFFLE: 0, FLETCHER32: 4}  # bytes that a filter adds
MOST_BYTES_A_CHUNK = 1 << 29
SPARE = 4096  # bytes by which a filter that is not known here may lengthen a chunk


def read_chunks(rows: Rows, found: np.ndarray) -> None:
    """Read rows of a chunked dataset.

    Parameters
    ----------
    rows : Rows
    found : array
        Of the shape of `rows` and the dataset's type: written to.

    Raises
    ------
    InputError
        For a chunk that is missing, damaged or of another length.
    """
    dataset = rows.dataset
    filters = filters_of(dataset)
    if _chunk_bytes(dataset) > MOST_BYTES_A_CHUNK:
        raise InputError(
            f"{rows.path}: dataset {rows.name!r} has chunks of {_chunk_bytes(dataset)} bytes, and "
            f"{MOST_BYTES_A_CHUNK} at most are read; write it in smaller chunks, such as by "
            "h5repack"
        )
    numbers = dataset.dtype.kind in NUMBERS  # the length of others is not that of their type
    if numbers:
        _check_unfiltered(rows, filters)
    known = (*KNOWN, LZF) if has_lzf() else KNOWN
    if not has_plain_numbers(dataset) or any(code not in known for code in filters):
        for offset in _offsets(rows):
            stored = _stored(rows, offset)
            if stored is not None and numbers:
                _check_length(rows, offset, filters, *stored)
        found[...] = ask_hdf5(rows, slice(rows.start, rows.stop))
        return
    for offset in _offsets(rows):
        stored = _stored(rows, offset)
        inside, outside = _overlap(rows, offset)
        target = found[outside]
        if stored is None:
            found[outside] = dataset.fillvalue
        elif target.shape == tuple(dataset.chunks) and target.flags.c_contiguous:
            _unpack(rows, offset, filters, stored, target)
        else:
            chunk = np.empty(dataset.chunks, dataset.dtype)
            _unpack(rows, offset, filters, stored, chunk)
            found[outside] = chunk[inside]


def _offsets(rows: Rows) -> Iterator[Tuple[int, ...]]:
    """Yield where each chunk begins that has a part of the rows."""
    chunks, shape = rows.dataset.chunks, rows.dataset.shape
    first = rows.start - rows.start % chunks[0]
    ranges = [range(first, rows.stop, chunks[0])]
    ranges += [range(0, size, chunk) for size, chunk in zip(shape[1:], chunks[1:])]
    return _product(ranges)


def _product(ranges: Sequence[range]) -> Iterator[Tuple[int, ...]]:
    """Yield what itertools.product yields, without a list of every range: there may be 2^31."""
    if not ranges:
        yield ()
        return
    for first in ranges[0]:
        for rest in _product(ranges[1:]):
            yield (first, *rest)


def _overlap(rows: Rows, offset: Sequence[int]) -> Tuple[Tuple[slice, ...], Tuple[slice, ...]]:
    """Return the wanted part of a chunk: its place in the chunk, and in the rows."""
    inside, outside = [], []
    starts = [rows.start, *([0] * (len(offset) - 1))]
    stops = [rows.stop, *rows.dataset.shape[1:]]
    for begin, chunk, start, stop in zip(offset, rows.dataset.chunks, starts, stops):
        low, high = max(begin, start), min(begin + chunk, stop)
        inside.append(slice(low - begin, high - begin))
        outside.append(slice(low - start, high - start))
    return tuple(inside), tuple(outside)


def _stored(rows: Rows, offset: Tuple[int, ...]) -> Optional[Tuple[int, bytes]]:
    """Return the filter mask and the bytes of a chunk; None where it may be missing."""
    identifier = rows.dataset.id
    try:
        with LOCK:
            mask, content = identifier.read_direct_chunk(offset)
        return int(mask), content
    except (MemoryError, OSError, RuntimeError, ValueError) as error:
        # Where no chunk at all was written, the kind of error depends on the version.
        missing = "not allocated" in str(error) or not identifier.get_storage_size()
        if not missing and isinstance(error, MemoryError):
            raise
        if not missing:
            raise unreadable(rows.path, rows.name, error) from error
    if rows.filled:
        return None
    last = min(offset[0] + rows.dataset.chunks[0], rows.dataset.shape[0]) - 1
    which = f"row {offset[0]}" if last == offset[0] else f"rows {offset[0]} to {last}"
    raise rows.missing(f"holds no data for {which} (never written)")


def _unpack(
    rows: Rows,
    offset: Tuple[int, ...],
    filters: Sequence[int],
    stored: Tuple[int, bytes],
    target: np.ndarray,
) -> None:
    """Write a chunk into an array of its size, contiguous in memory."""
    mask, content = stored
    wanted = target.nbytes
    shuffled = False
    for number in reversed(range(len(filters))):
        if mask >> number & 1:
            continue
        if filters[number] == DEFLATE:
            content = _inflated(rows, offset, content, wanted)
        elif filters[number] == LZF:
            content = _lzf_inflated(rows, offset, content, wanted)
        else:
            shuffled = True
    if len(content) != wanted:
        raise _wrong_length(rows, offset, len(content), wanted)
    itemsize = target.dtype.itemsize
    parts = np.frombuffer(content, np.uint8)
    flat = target.reshape(-1).view(np.uint8)
    if not shuffled or itemsize == 1:
        flat[:] = parts
        return
    for byte, values in enumerate(parts.reshape(itemsize, -1)):
        flat[byte::itemsize] = values


def _inflated(rows: Rows, offset: Tuple[int, ...], content: bytes, wanted: int) -> bytes:
    """Return what a chunk inflates to, one byte more than wanted at most."""
    inflater = zlib.decompressobj()
    try:
        values = inflater.decompress(content, wanted + 1)
    except zlib.error as error:
        if _is_partial(rows, offset) and len(content) == wanted:  # HDF5 may leave these alone
            return content
        raise unreadable(rows.path, rows.name, error) from error
    if not inflater.eof and len(values) <= wanted:
        raise _wrong_length(rows, offset, len(values), wanted)
    return values


def _lzf_inflated(rows: Rows, offset: Tuple[int, ...], content: bytes, wanted: int) -> bytes:
    """Return what a chunk inflates to, which must have the wanted length."""
    try:
        return lzf_inflated(content, wanted)
    except ValueError as error:
        raise InputError(
            f"{rows.path}: dataset {rows.name!r} row {offset[0]}: {error}; {COPY_AGAIN}"
        ) from error


def _is_partial(rows: Rows, offset: Tuple[int, ...]) -> bool:
    dataset = rows.dataset
    ends = zip(offset, dataset.chunks, dataset.shape)
    return any(begin + chunk > size for begin, chunk, size in ends)


def _wrong_length(rows: Rows, offset: Tuple[int, ...], found: int, wanted: int) -> InputError:
    more = f"more than {wanted}" if found > wanted else str(found)
    return InputError(
        f"{rows.path}: dataset {rows.name!r} row {offset[0]}: a chunk holds {more} bytes, not "
        f"{wanted}; {COPY_AGAIN}"
    )


def _check_length(
    rows: Rows, offset: Tuple[int, ...], filters: Sequence[int], mask: int, content: bytes
) -> None:
    """Check the length of a chunk that HDF5 reads, where its filters let it be known."""
    wanted = _chunk_bytes(rows.dataset)
    for number in reversed(range(len(filters))):
        if mask >> number & 1:
            continue
        earlier = [code for place, code in enumerate(filters[:number]) if not mask >> place & 1]
        added = sum(KEEP_LENGTH.get(code, 0) for code in earlier)
        if filters[number] == DEFLATE:
            known = all(code in KEEP_LENGTH for code in earlier)
            most = wanted + added if known else 2 * wanted + SPARE
            content = _inflated(rows, offset, content, most)
            if len(content) > most:
                raise _wrong_length(rows, offset, len(content), wanted)
        elif filters[number] in KEEP_LENGTH:
            content = content[: len(content) - KEEP_LENGTH[filters[number]]]
        else:
            if DEFLATE in earlier:
                raise rows.missing("is compressed by gzip and by another filter after it")
            _check_declared(rows, offset, filters[number], number, wanted + added, content)
            return
    if len(content) != wanted:
        raise _wrong_length(rows, offset, len(content), wanted)


def _check_declared(
    rows: Rows, offset: Tuple[int, ...], code: int, number: int, wanted: int, content: bytes
) -> None:
    """Check the length that a filter says; HDF5 takes it as the room that it needs."""
    values = filter_values(rows.dataset, number) + [0] * 5
    declared = wanted  # of filters that are not known here
    if code == LZF:
        declared = values[2]
        if len(content) >= wanted:  # it is not applied where it does not make a chunk smaller
            raise _wrong_length(rows, offset, wanted + 1, wanted)
        if has_lzf():
            declared = min(declared, len(_lzf_inflated(rows, offset, content, wanted)))
    elif code == SCALEOFFSET or (code == NBIT and not values[1]):
        declared = values[2] * values[4]
    elif code == SZIP:
        declared = int.from_bytes(content[:4], "little")
    if declared != wanted:
        raise _wrong_length(rows, offset, declared, wanted)


def _check_unfiltered(rows: Rows, filters: Sequence[int]) -> None:
    """Refuse chunks that were written too short: the length fetched is always that of a chunk.

    HDF5 1.10.4 knows the sum of all lengths alone.
    """
    dataset, wanted = rows.dataset, _chunk_bytes(rows.dataset)
    if filters or not dataset.size:
        return
    grid = [-(-size // chunk) for size, chunk in zip(dataset.shape, dataset.chunks)]
    total = dataset.id.get_storage_size()
    if total == wanted * int(np.prod(grid, dtype=np.int64)):
        return
    if not hasattr(dataset.id, "get_chunk_info_by_coord"):
        if total % wanted:
            raise rows.missing(f"has chunks of less than {wanted} bytes")
        return
    for offset in _offsets(rows):
        info = dataset.id.get_chunk_info_by_coord(offset)
        if info.byte_offset is None and not rows.filled:
            return  # refused when it is read; there may be 2^31 of them
        if info.byte_offset is not None and info.size != wanted:
            raise _wrong_length(rows, offset, int(info.size), wanted)


def _chunk_bytes(dataset: Any) -> int:
    count = int(dataset.id.get_type().get_size())
    for size in dataset.chunks:
        count *= int(size)
    return count
