"""POP3 servers, each with the same mail for the same accounts: netdaemon and Dovecot."""

from __future__ import annotations

import grp
import os
import pwd
import subprocess
from pathlib import Path

from netdaemon.accounts.hashing import Hasher
from netdaemon.accounts.store import Store as Accounts
from netdaemon.messages.interfaces import Summary, Target
from netdaemon.messages.store import Store
from tests.bench.part import Start
from tests.bench.peers import netdaemon
from tests.bench.pop3 import warm_up
from tests.bench.processes import Missing, Server, free_port, launch, program

PASSWORD = "not-a-secret"
ACCOUNTS = tuple(f"bench{number}" for number in range(20))

SMALL_SIZE, LARGE_SIZE = 10 * 1024, 100 << 20
_HEADER = b"From: bench@example.org\r\nTo: bench@example.org\r\nSubject: spam\r\nMessage-ID: <%d@example.org>\r\n\r\n"
_LINE = b"Spam, spam, spam, egg and spam; the quick brown fox jumps over it.\r\n"


def message(size: int, number: int) -> bytes:
    """A message of exactly so many octets."""
    header = _HEADER % number
    body = _LINE * (size // len(_LINE))
    data = header + body[: size - len(header) - 2]
    return data[: size - 2] + b"\r\n"


def netdaemon_pop3(*, large: bool = False) -> Start:
    """[pop3], whose accounts have argon2id hashes."""
    begin = netdaemon.netdaemon("pop3", "tcp")

    def start(folder: Path) -> Server:
        data = folder / "data"
        data.mkdir(mode=0o700)
        kept = Hasher().keep(PASSWORD.encode())
        accounts = Accounts(data)
        for name in ACCOUNTS:
            accounts.add(name, kept)
        accounts.close()
        store = Store(data)
        for number, name in enumerate(ACCOUNTS):
            _deliver(store, name, message(SMALL_SIZE, number))
        if large:
            _deliver(store, ACCOUNTS[0], message(LARGE_SIZE, 1000))
        store.close()
        return _warm(begin(folder), large)

    return start


def _warm(server: Server, large: bool) -> Server:
    if not large:
        warm_up(server.ports["tcp"], SMALL_SIZE, PASSWORD)
    return server


def _deliver(store: Store, account: str, data: bytes) -> None:
    """Into the account's INBOX, at once."""
    folders: list[int] = []
    store.ensure(account, "INBOX").addCallback(lambda folder: folders.append(folder.id))
    spool = store.spool()
    spool.write(data)
    spool.finish()
    summary = Summary("", "", "", "", None, (), data.count(b"\n"), 0, b"", b"", "")
    delivered: list[object] = []
    store.deliver(spool, summary, [Target(folders[0])]).addCallback(delivered.append)
    spool.abort()
    assert delivered


DOVECOT = """\
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
listen = 127.0.0.1
protocols = pop3
ssl = no
disable_plaintext_auth = no
default_login_user = {login}
default_internal_user = {internal}
default_internal_group = {group}
first_valid_uid = 1
mail_location = maildir:{folder}/mail/%u
mail_max_userip_connections = 1000
default_process_limit = 1000
default_client_limit = 10000
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {folder}/passwd
}}
userdb {{
  driver = static
  args = uid={user} gid={user_group} home={folder}/mail/%u
}}
service pop3-login {{
  chroot =
  inet_listener pop3 {{
    port = {port}
  }}
  inet_listener pop3s {{
    port = 0
  }}
{logins}
}}
service pop3 {{
{sessions}
}}
service anvil {{
  chroot =
}}
"""

# https://doc.dovecot.org/2.3 has both modes: the default is a process for each login, which is its most secure one; the
# other serves many by one.
_SHARED = {
    "logins": "  service_count = 0\n  process_min_avail = 1",
    "sessions": "  service_count = 1000\n  process_min_avail = 4",
}


def dovecot(*, large: bool = False, shared: bool = False) -> Start:
    """Dovecot's pop3d on Maildirs, passwords in clear in a file; ``shared`` has it keep its processes."""

    def start(folder: Path) -> Server:
        path = program("dovecot")
        root = os.geteuid() == 0
        me = pwd.getpwuid(os.geteuid())
        try:
            user = pwd.getpwnam("mail") if root else me
            login, internal = ("dovenull", "dovecot") if root else (me.pw_name, me.pw_name)
            group = "dovecot" if root else grp.getgrgid(me.pw_gid).gr_name
        except KeyError as error:
            raise Missing(f"dovecot's users are missing: {error}") from None
        for one in (folder, folder.parent):  # Dovecot's users must get in
            if one.stat().st_uid == os.geteuid():
                one.chmod(one.stat().st_mode | 0o011)
        ports = {"tcp": free_port()}
        (folder / "passwd").write_text("".join(f"{name}:{PASSWORD}\n" for name in ACCOUNTS))
        (folder / "passwd").chmod(0o644)
        for number, name in enumerate(ACCOUNTS):
            box = folder / "mail" / name
            for part in ("cur", "new", "tmp"):
                (box / part).mkdir(parents=True)
            # Maildirs have LF; Dovecot makes CRLF of them
            (box / "cur" / f"1000000000.{number}.host:2,").write_bytes(_lf(message(SMALL_SIZE, number)))
            if large and not number:
                (box / "cur" / "1000000001.1.host:2,").write_bytes(_lf(message(LARGE_SIZE, 1000)))
        if root:
            subprocess.run(["chown", "-R", f"{user.pw_uid}:{user.pw_gid}", str(folder / "mail")], check=True)
        more = _SHARED if shared else {"logins": "", "sessions": ""}
        conf = folder / "dovecot.conf"
        conf.write_text(
            DOVECOT.format(
                folder=folder, login=login, internal=internal, group=group, user=user.pw_uid, user_group=user.pw_gid,
                port=ports["tcp"], **more,
            )
        )  # fmt: skip
        return _warm(launch("dovecot", [path, "-F", "-c", str(conf)], folder, ports), large)

    return start


def _lf(data: bytes) -> bytes:
    return data.replace(b"\r\n", b"\n")
