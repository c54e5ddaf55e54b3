"""Which of the workers' sockets a connection comes to: by its address, always the same (socket(7)).

Left alone, the kernel shares out the connections of one client as well. Under TLS that costs a handshake whenever the
client comes to a worker whose tickets are not its own: pyOpenSSL has no call to share their keys. So for the doors of
TLS the kernel is given a program of classic BPF that picks the socket by the client's address.
"""

from __future__ import annotations

import ctypes
import socket
import struct

# asm-generic/socket.h; Python has no names for them
SO_ATTACH_REUSEPORT_CBPF = 51
SO_DETACH_REUSEPORT_BPF = 68

# linux/bpf_common.h and linux/filter.h
_LOAD_WORD, _TO_X, _RETURN_A = 0x20, 0x07, 0x16
_ADD_X, _MULTIPLY, _SHIFT_RIGHT, _XOR_X, _MODULO = 0x0C, 0x24, 0x74, 0xAC, 0x94
_NETWORK_HEADER = 0xFFF00000  # SKF_NET_OFF: offsets from here on count from the packet's IP header

_SPREAD = 0x9E3779B1
"""Knuth's multiplier: neighbours come to lie far from each other."""


def program(family: int, sockets: int) -> list[tuple[int, int]]:
    """The program, as (code, operand): the socket's number of the source address, of IPv6 by its /64."""
    if family == socket.AF_INET6:
        address = [
            (_LOAD_WORD, _NETWORK_HEADER + 8),
            (_MULTIPLY, _SPREAD),
            (_TO_X, 0),
            (_LOAD_WORD, _NETWORK_HEADER + 12),
            (_ADD_X, 0),
        ]
    else:
        address = [(_LOAD_WORD, _NETWORK_HEADER + 12)]
    fold = [(_MULTIPLY, _SPREAD), (_TO_X, 0), (_SHIFT_RIGHT, 16), (_XOR_X, 0)]  # the high half is the better mixed one
    return [*address, *fold, (_MODULO, sockets), (_RETURN_A, 0)]


def stick(listening: socket.socket, sockets: int) -> None:
    """Have each address come to one of the ``sockets`` that share ``listening``'s. Raises OSError where it can't be."""
    code = b"".join(struct.pack("HBBI", one, 0, 0, operand) for one, operand in program(listening.family, sockets))
    kept = ctypes.create_string_buffer(code, len(code))
    # struct sock_fprog: how many instructions, and where they are; the kernel copies them
    listening.setsockopt(
        socket.SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, struct.pack("HP", len(code) // 8, ctypes.addressof(kept))
    )


def unstick(listening: socket.socket) -> None:
    """Leave it to the kernel again. Raises OSError where there is nothing to take away."""
    listening.setsockopt(socket.SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, 0)
