"""netdaemon itself, as its users start it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.bench.part import Start
from tests.bench.peers.scripts import CGI, scripts
from tests.bench.peers.site import certificate, documents
from tests.bench.processes import Server, launch

HEAD = """\
[netdaemon]
hostname = localhost
data = data
ready-file = ready.json
grace = 0s
{daemon}
[log]
level = error
[tls]
certificate = {chain}
private-key = {key}
{tls}
[documents]
root = {site}
[{section}]
listen = {listen}
max-connections = 100000
max-connections-per-address = 100000
{keys}
"""


def netdaemon(
    section: str, *transports: str, keys: str = "", daemon: str = "", tls: str = "", ballast: int = 0
) -> Start:
    """The daemon with one service, its other ``keys`` and those of [netdaemon] and [tls] as INI lines.

    ``ballast`` is MiB of memory that it holds besides.
    """

    def start(folder: Path) -> Server:
        chain, key = certificate(folder)
        listen = " ".join(f"{transport}:0:interface=127.0.0.1" for transport in transports)
        file, ready = folder / "bench.ini", folder / "ready.json"
        file.write_text(
            HEAD.format(
                chain=chain,
                key=key,
                site=documents(folder),
                section=section,
                listen=listen,
                keys=keys,
                daemon=daemon,
                tls=tls,
            )
        )
        holding = f"ballast = b'x' * ({ballast} << 20); " if ballast else ""
        command = [sys.executable, "-c", f"{holding}from twisted.scripts.twistd import run; run()"]
        command += ["-n", "--pidfile=", "netdaemon", "-c", str(file)]
        return launch("netdaemon", command, folder, ready=lambda: _ports(ready, section))

    return start


def _ports(ready: Path, section: str) -> dict[str, int] | None:
    """The service's ports by transport; None as long as the ready-file says nothing."""
    try:
        text = ready.read_text()
    except FileNotFoundError:
        return None
    if not text:
        return None  # tried whether it can be written
    addresses = json.loads(text)["services"][section]
    return {address.partition(":")[0]: int(address.rpartition(":")[2]) for address in addresses}


def http(*transports: str, access_log: bool = False, daemon: str = "", tls: str = "") -> Start:
    """[http] over the documents."""
    return netdaemon("http", *transports, keys="access-log = access.log" if access_log else "", daemon=daemon, tls=tls)


def cgi(ballast: int = 0) -> Start:
    """[http] with the scripts of `tests.bench.peers.scripts`."""

    def start(folder: Path) -> Server:
        scripts(folder)
        return netdaemon("http", "tcp", keys=f"cgi = {CGI}", ballast=ballast)(folder)

    return start


def proxy() -> Start:
    """[proxy], free to reach the bench's own origin by as many connections as come."""
    return netdaemon("proxy", "tcp", keys="allow-loopback = yes\nconnect-ports = *\nmax-connections-per-origin = 1000")


def time() -> Start:
    """[time], its limit of answers per address out of the way: all the load comes from one."""
    return netdaemon("time", "tcp", "udp", keys="rate = 1000000")


def lines() -> Start:
    """The line service of `tests.bench.peers.linekind`."""
    return netdaemon("lines", "tcp", keys="kind = tests.bench.peers.linekind:kind")
