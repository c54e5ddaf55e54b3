"""Forward proxies."""

from __future__ import annotations

from pathlib import Path

from tests.bench.part import Start
from tests.bench.processes import Server, free_port, launch, program

TINYPROXY = """\
Port {tcp}
Listen 127.0.0.1
Timeout 600
MaxClients 1000
Allow 127.0.0.1
LogLevel Critical
LogFile "{folder}/tinyproxy.log"
"""

SQUID = """\
http_port 127.0.0.1:{tcp}
acl here src 127.0.0.1
http_access allow here
cache deny all
cache_mem 0
access_log none
cache_log /dev/null
cache_store_log none
pid_filename none
coredump_dir none
netdb_filename none
pinger_enable off
shutdown_lifetime 0 seconds
"""


def tinyproxy() -> Start:
    """tinyproxy, a thread for each connection. Without a ConnectPort it tunnels to any."""

    def start(folder: Path) -> Server:
        path = program("tinyproxy")
        ports = {"tcp": free_port()}
        (folder / "tinyproxy.conf").write_text(TINYPROXY.format(folder=folder, **ports))
        return launch("tinyproxy", [path, "-d", "-c", str(folder / "tinyproxy.conf")], folder, ports)

    return start


def squid() -> Start:
    """squid in one process, without its cache and its log. Started by root it runs as another user, who can write no
    file of ours."""

    def start(folder: Path) -> Server:
        path = program("squid")
        ports = {"tcp": free_port()}
        (folder / "squid.conf").write_text(SQUID.format(**ports))
        name = f"bench{ports['tcp']}"
        server = launch("squid", [path, "-N", "-n", name, "-f", str(folder / "squid.conf")], folder, ports)
        for segment in Path("/dev/shm").glob(f"{name}-*"):
            segment.unlink()  # it has them; nobody else would remove them
        return server

    return start
