"""The keys of a section that runs programs of the document tree for its peers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from netdaemon.config.keys import key
from netdaemon.config.settings import ServiceSettings
from netdaemon.config.values import duration, integer, size, text


@dataclass(frozen=True)
class ProgramSettings(ServiceSettings):
    """What `Programs` wants to be told."""

    cgi_timeout: float = key(
        duration, "How long a script may neither say anything nor take of its input, before it is ended.", default="60s"
    )
    cgi_lifetime: float = key(duration, "How long a script may run in all.", default="10m")
    cgi_processes: int = key(
        integer(1, 10_000),
        "Scripts that run at one time. As many more wait up to ten seconds for a place; others are told to try later.",
        default="32",
    )
    cgi_output: int = key(size, "The most that a script may say; 0 for no limit.", default="1G")
    cgi_memory: int = key(size, "The address space that a script may take (RLIMIT_AS); 0 for no limit.", default="1G")
    cgi_cpu: float = key(
        duration, "The processor time that a script may take (RLIMIT_CPU); 0s for no limit.", default="60s"
    )
    cgi_children: int = key(
        integer(0, 1_000_000),
        "The processes and threads that the scripts' user may have in all (RLIMIT_NPROC), the daemon's and whatever "
        "else is that user's included; 0 for no limit. It does not bind root.",
        default="4096",
    )
    cgi_user: str = key(
        text, "Run scripts as this user, for which the daemon has to be root; empty: as the daemon itself.", default=""
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        for name, seconds in (("cgi-timeout", self.cgi_timeout), ("cgi-lifetime", self.cgi_lifetime)):
            if seconds <= 0:
                yield name, "this must be longer than 0s"
        if self.cgi_user:
            from netdaemon.wire.programs import cannot_run_as  # here, so that `config check` stays quick

            if wrong := cannot_run_as(self.cgi_user):
                yield "cgi-user", wrong
