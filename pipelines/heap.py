"""Having freed memory go back to the operating system, so that a process that runs for weeks stays small.

glibc takes a large block from the system and gives it back when it is freed, until the first one was: from
then on it keeps blocks of that size for itself, in up to eight heaps for each core. A page that opens
photographs in many threads ends with a gigabyte of holes. Here the limit is fixed and the heaps are few. This
module knows the allocator, and nothing of what is allocated.
"""

from __future__ import annotations

import ctypes

LARGE = 1 << 20  # bytes; blocks that are larger lie by themselves
HEAPS = 2  # Python's own lock lets few threads allocate at a time
_MMAP_THRESHOLD, _ARENA_MAX = -3, -8  # names of glibc's settings, from malloc.h


def settle() -> bool:
    """Set the allocator for a process that runs for long; call it before threads begin.

    Return whether there is a glibc to be set: other allocators are left as they are.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(_MMAP_THRESHOLD, LARGE) and mallopt(_ARENA_MAX, HEAPS))
