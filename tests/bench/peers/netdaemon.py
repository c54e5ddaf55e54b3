"""netdaemon itself, as its users start it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.bench.part import Start
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
[documents]
root = {site}
[{section}]
listen = {listen}
max-connections = 100000
max-connections-per-address = 100000
{keys}
"""


def netdaemon(section: str, *transports: str, keys: str = "", daemon: str = "") -> Start:
    """The daemon with one service, its other ``keys`` and those of [netdaemon] as INI lines."""

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
            )
        )
        command = [sys.executable, "-c", "from twisted.scripts.twistd import run; run()"]
        command += ["-n", "--pidfile=", "netdaemon", "-c", str(file)]
        server = launch("netdaemon", command, folder, ready=ready)
        for address in json.loads(ready.read_text())["services"][section]:
            transport, port = address.partition(":")[0], address.rpartition(":")[2]
            server.ports = {**server.ports, transport: int(port)}
        return server

    return start


def http(*transports: str, access_log: bool = False, daemon: str = "") -> Start:
    """[http] over the documents."""
    return netdaemon("http", *transports, keys="access-log = access.log" if access_log else "", daemon=daemon)


def time() -> Start:
    """[time], its limit of answers per address out of the way: all the load comes from one."""
    return netdaemon("time", "tcp", "udp", keys="rate = 1000000")


def lines() -> Start:
    """The line service of `tests.bench.peers.linekind`."""
    return netdaemon("lines", "tcp", keys="kind = tests.bench.peers.linekind:kind")
