"""SMTP servers that take mail for an account of theirs: netdaemon, and Postfix."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.bench.part import Start
from tests.bench.peers import netdaemon
from tests.bench.processes import Missing, Server, environment, free_port, launch, program

RECIPIENT = "bench@localhost"


def netdaemon_smtp() -> Start:
    """[smtp], with a line in its access log for each message."""
    begin = netdaemon.netdaemon("smtp", "tcp", keys="access-log = access.log")

    def start(folder: Path) -> Server:
        ini = folder / "account.ini"
        ini.write_text("[netdaemon]\ndata = data\n[smtp]\nlisten = tcp:0\n")
        command = [sys.executable, "-m", "netdaemon", "-c", str(ini), "user", "add", "bench", "--password-stdin"]
        subprocess.run(command, input=b"not-a-secret", check=True, capture_output=True, cwd=folder, env=environment())
        return begin(folder)

    return start


MAIN = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/state
maillog_file = {folder}/mail.log
maillog_file_prefixes = {folder}
myhostname = localhost
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks =
smtpd_relay_restrictions = reject_unauth_destination
default_transport = error:nothing leaves
alias_maps =
alias_database =
virtual_mailbox_domains = localhost
virtual_mailbox_maps = static:bench/
virtual_mailbox_base = {folder}/mail
virtual_minimum_uid = 1
virtual_uid_maps = static:{user}
virtual_gid_maps = static:{group}
virtual_transport = {transport}
virtual_destination_concurrency_limit = 20
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
smtpd_tls_security_level = {tls}
smtpd_tls_chain_files = {chain}
smtpd_tls_loglevel = 0
smtp_dns_support_level = disabled
"""

MASTER = """\
127.0.0.1:{port} inet n - n - 100 smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
tlsmgr unix - - n 1000? 1 tlsmgr
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


def postfix(*, discard: bool = False, chain: Path | None = None) -> Start:
    """Postfix as it is, with a queue of its own; it delivers to a Maildir, or, with ``discard``, to nobody.

    With a key and its certificate in ``chain`` it has STARTTLS. Nothing leaves it.
    """

    def start(folder: Path) -> Server:
        path = program("postfix")
        if os.geteuid() != 0:
            raise Missing("Postfix is started by root only")
        import pwd

        try:
            owner = pwd.getpwnam("postfix")
        except KeyError:
            raise Missing("Postfix' user is missing") from None
        conf = folder / "conf"
        for one in (conf, folder / "queue", folder / "state", folder / "mail"):
            one.mkdir()
        for one in (folder, folder.parent):  # its users must get in
            one.chmod(one.stat().st_mode | 0o011)
        for one in (folder / "state", folder / "mail"):
            os.chown(one, owner.pw_uid, owner.pw_gid)
        ports = {"tcp": free_port()}
        transport = "discard" if discard else "virtual"
        main = MAIN.format(
            folder=folder,
            user=owner.pw_uid,
            group=owner.pw_gid,
            transport=transport,
            tls="none" if chain is None else "may",
            chain=chain or "",
        )
        (conf / "main.cf").write_text(main)
        (conf / "master.cf").write_text(MASTER.format(port=ports["tcp"]))
        return launch("postfix", [path, "-c", str(conf), "start-fg"], folder, ports)

    return start
