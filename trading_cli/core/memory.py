"""What a cycle used and freed goes back to the machine: the next one begins as the first."""

import ctypes


def give_back() -> None:
    """Let the C library give back to the system what was freed; where it cannot (musl), nothing.

    glibc keeps freed pieces between pieces in use. A cycle's largest parts grow with the file for
    weeks (SQLite's cache up to 64 MB a connection, a month of prices to correlate), and without
    this the process holds the most that ever was: 7 MB more each day, of which nothing is in use.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
