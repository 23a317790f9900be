"""A stream in blocks of whole lines, all in one buffer, so that a large log costs no more memory than a small one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from tollwatch.logs.files import DAMAGED, Stream

BOM = b"\xef\xbb\xbf"
LONGEST_LINE = 128 << 20
_PIECE = 1 << 20


class Lines:
    """Blocks that end at a line's end (the last one may not).

    Iterating gives a view of about ``size`` bytes, which the next block overwrites. A line of more than ``longest``
    bytes is left out, and None comes in its place. ``damaged`` is true once the stream has ended too early.
    """

    def __init__(self, stream: Stream, size: int, longest: int) -> None:
        self.damaged = False
        self._stream = stream
        self._size = size
        self._longest = max(size, longest)

    def __iter__(self) -> Iterator[memoryview | None]:
        buffer = bytearray(self._size)
        kept = 0
        while True:
            end = kept + self._fill(memoryview(buffer)[kept:])
            cut = buffer.rfind(b"\n", 0, end) + 1
            if end < len(buffer):
                if end:
                    yield memoryview(buffer)[:end]
                return
            if cut:
                yield memoryview(buffer)[:cut]
                buffer[: end - cut] = buffer[cut:end]
                kept = end - cut
            elif len(buffer) < self._longest:
                buffer, kept = buffer + bytearray(min(len(buffer), self._longest - len(buffer))), end
            else:
                yield None
                kept = self._skip(buffer)

    def _fill(self, buffer: memoryview) -> int:
        """Put the next bytes into the buffer; how many, fewer than there is room for only at the end."""
        filled = 0
        while filled < len(buffer) and (piece := self._read(min(_PIECE, len(buffer) - filled))):
            buffer[filled : filled + len(piece)] = piece
            filled += len(piece)
        return filled

    def _read(self, size: int) -> bytes:
        if self.damaged:
            return b""
        try:
            return self._stream.read(size)
        except DAMAGED:
            self.damaged = True
            return b""

    def _skip(self, buffer: bytearray) -> int:
        """Read to the end of the line. What was read of the next one goes to the buffer's start; its length."""
        while filled := self._fill(memoryview(buffer)):
            cut = buffer.find(b"\n", 0, filled) + 1
            if cut:
                buffer[: filled - cut] = buffer[cut:filled]
                return filled - cut
        return 0


def is_utf8(content: bytes | memoryview) -> bool:
    """Whether all of it is UTF-8; looked at in place, without a copy."""
    offsets = pa.py_buffer(np.array([0, len(content)], np.int64))
    text = pa.Array.from_buffers(pa.large_string(), 1, [None, offsets, pa.py_buffer(content)])
    try:
        text.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True
