"""System calls that fail in one thread, by a filter of the kernel's (seccomp); it can't be taken off again."""

from __future__ import annotations

import ctypes
import errno
import platform
import struct
import sys
import threading
from collections.abc import Callable

_NUMBERS = {
    "x86_64": {"write": 1, "pwrite64": 18, "fsync": 74, "fdatasync": 75, "ftruncate": 77, "fallocate": 285},
    "aarch64": {"write": 64, "pwrite64": 68, "fsync": 82, "fdatasync": 83, "ftruncate": 46, "fallocate": 47},
}

_LOAD, _EQUAL, _GREATER, _RETURN = 0x20, 0x15, 0x25, 0x06
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_NO_NEW_PRIVS, _SET_SECCOMP, _FILTER = 38, 22, 2


def possible() -> bool:
    """Does this machine have such filters?"""
    if not sys.platform.startswith("linux") or platform.machine() not in _NUMBERS:
        return False
    worked: list[bool] = []
    _in_thread(lambda: worked.append(_filter([], errno.EIO)))
    return worked == [True]


def failing_with(code: int, calls: list[str], run: Callable[[], object]) -> None:
    """Do ``run`` in a thread in which these calls fail so, on any descriptor but the standard ones."""

    def work() -> None:
        assert _filter(calls, code), "no filter"
        run()

    _in_thread(work)


def _in_thread(run: Callable[[], object]) -> None:
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()


def _filter(calls: list[str], code: int) -> bool:
    numbers = [_NUMBERS[platform.machine()][call] for call in calls]
    program = [(_LOAD, 0, 0, 16), (_GREATER, 0, 1, 2)]  # the first argument, which is a descriptor
    program += [(_LOAD, 0, 0, 0)]
    for place, number in enumerate(numbers):
        program.append((_EQUAL, len(numbers) - place, 0, number))
    program += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _ERRNO | code)]
    # a descriptor up to 2: over the load to the allowance
    program[1] = (_GREATER, 0, len(numbers) + 1, 2)
    if not numbers:
        program = [(_RETURN, 0, 0, _ALLOW)]
    packed = b"".join(struct.pack("HBBI", *line) for line in program)
    buffer = ctypes.create_string_buffer(packed)
    head = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(program), ctypes.addressof(buffer)))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl.argtypes = [ctypes.c_int, ctypes.c_ulong, ctypes.c_void_p, ctypes.c_ulong, ctypes.c_ulong]
    if libc.prctl(_NO_NEW_PRIVS, 1, None, 0, 0):
        return False
    return bool(libc.prctl(_SET_SECCOMP, _FILTER, ctypes.addressof(head), 0, 0) == 0)
