"""The keys that every line protocol's section has beside those of every service."""

from __future__ import annotations

from dataclasses import dataclass

from netdaemon.config.keys import key
from netdaemon.config.settings import ServiceSettings
from netdaemon.config.values import duration, integer


@dataclass(frozen=True)
class LineSettings(ServiceSettings):
    """What a LineSession wants to be told."""

    idle_timeout: float = key(duration, "How long a session may be silent between two commands.", default="5m")
    command_timeout: float = key(
        duration, "How long one command line may take, from its first octet to its last.", default="60s"
    )
    stall_timeout: float = key(
        duration,
        "How long 64 KiB of a message, or a full buffer of answers, may take on the way before the peer is dropped.",
        default="3m",
    )
    bad_commands: int = key(integer(1, 1_000_000), "Bad commands that end a session.", default="10")
    bad_commands_before_login: int = key(
        integer(1, 1_000_000), "Bad commands that end a session in which nobody has logged in.", default="3"
    )
