"""How a command that works through large logs asks for memory."""

from __future__ import annotations

import ctypes
import sys

# Parameters of mallopt, from glibc's malloc.h.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3
_LARGE, _PAD = 1 << 30, 64 << 20


def keep_pages() -> None:
    """Let the process keep freed pages until it ends.

    Blocks and arrays come and go by the hundred megabytes; given back to the system each time, their pages are faulted
    in again, which costs a sixth of the time. Where the C library has no mallopt, only Arrow is told.
    """
    import pyarrow as pa

    pa.set_memory_pool(pa.system_memory_pool())
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        for parameter, value in ((_TRIM_THRESHOLD, _LARGE), (_TOP_PAD, _PAD), (_MMAP_THRESHOLD, _LARGE)):
            mallopt(parameter, value)
