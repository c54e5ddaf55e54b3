"""The FTP server as curl, lftp, ncftp, tnftp and wget see it."""

from __future__ import annotations

import os
from pathlib import Path

from tests.flows.ftpclients import PASSWORD, USER, FTPFlowTestCase

BIG = os.urandom(1 << 20)


def tree(folder: Path) -> dict[str, bytes]:
    """All documents beneath a folder, by their paths."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


class CurlTests(FTPFlowTestCase):
    async def curl(self, path: str, *arguments: str, scheme: str = "ftp", status: int = 0) -> bytes:
        port = self.tls_port if scheme == "ftps" else self.port
        url = f"{scheme}://{USER}:{PASSWORD}@127.0.0.1:{port}/{path}"
        done = await self.program("curl", "-ksS", *arguments, url, status=status)
        return done.out

    async def test_downloads(self) -> None:
        (self.root / "big").write_bytes(BIG)
        tls = "--ssl-reqd"
        self.assertEqual(await self.curl("hello.txt"), b"hello\n")
        self.assertEqual(await self.curl("big", tls), BIG)
        self.assertEqual(await self.curl("big", scheme="ftps"), BIG)
        # active under TLS curl 7.88 can't (it says "inet_ntop() failed"); lftp and Python can
        self.assertEqual(await self.curl("big", "--ftp-port", "127.0.0.1", "--disable-eprt"), BIG)
        self.assertEqual(await self.curl("big", "--disable-epsv"), BIG)
        self.assertEqual(await self.curl("big", "-r", "1000-1999"), BIG[1000:2000])
        self.assertEqual(await self.curl("big", "-r", "1048000-"), BIG[1048000:])
        self.assertEqual(await self.curl("hello.txt", "-B"), b"hello\n")
        head = await self.curl("hello.txt", "-I")
        self.assertIn(b"Content-Length: 6", head)
        self.assertIn(b"Last-Modified: ", head)
        part = self.folder / "big"
        part.write_bytes(BIG[:5000])
        await self.curl("big", "-C", "-", "-o", str(part))
        self.assertEqual(part.read_bytes(), BIG)
        await self.curl("nothing", status=78)
        await self.curl("no/folder/", status=9)
        names = (await self.curl("", "-l")).split()
        self.assertEqual(names, [b"big", b"hello.txt"])
        self.assertIn(b"-rw-r--r-- 1 ftp      ftp                 6 ", await self.curl("", tls))

    async def test_uploads(self) -> None:
        local = self.folder / "local"
        local.write_bytes(BIG)
        await self.curl("new", "-T", str(local))
        await self.curl("made/by/curl", "-T", str(local), "--ssl-reqd", "--ftp-create-dirs")
        await self.curl("ftps", "-T", str(local), scheme="ftps")
        await self.curl("active", "-T", str(local), "--ftp-port", "127.0.0.1")
        expected = {"hello.txt": b"hello\n", "new": BIG, "made/by/curl": BIG, "ftps": BIG, "active": BIG}
        self.assertEqual(tree(self.root), expected)
        (self.root / "half.part").write_bytes(BIG[:5000])
        await self.curl("half", "-C", "-", "-T", str(local))
        await self.curl("hello.txt", "-a", "-T", str(local))
        self.assertEqual((self.root / "half").read_bytes(), BIG)
        self.assertEqual((self.root / "hello.txt").read_bytes(), b"hello\n" + BIG)
        await self.curl("", "-Q", "RNFR new", "-Q", "RNTO old", "-Q", "-DELE ftps")
        self.assertEqual(
            sorted(one.name for one in self.root.iterdir()), ["active", "half", "hello.txt", "made", "old"]
        )


class SessionReuseTests(FTPFlowTestCase):
    """Who resumes the control connection's session is let in, also where nobody else is."""

    keys = "require-tls = yes\nrequire-session-reuse = yes"

    async def test_curl(self) -> None:
        (self.folder / "local").write_bytes(BIG)
        for url in (f"ftp://127.0.0.1:{self.port}", f"ftps://127.0.0.1:{self.tls_port}"):
            login = ("-ksS", "--ssl-reqd", "-u", f"{USER}:{PASSWORD}")
            await self.program("curl", *login, "-T", "local", f"{url}/new")
            self.assertEqual((await self.program("curl", *login, f"{url}/new")).out, BIG)

    async def test_lftp(self) -> None:
        script = f"set ssl:verify-certificate no; set net:max-retries 1; open -u {USER},{PASSWORD} ftp://127.0.0.1:{self.port}"
        (self.folder / "local").write_bytes(BIG)
        await self.program("lftp", "-c", f"{script}; put local -o new; get new -o back; ls")
        self.assertEqual((self.folder / "back").read_bytes(), BIG)


class MirrorTests(FTPFlowTestCase):
    def files(self, folder: Path) -> dict[str, bytes]:
        """Some in folders, of all sorts of names."""
        files = {"a": b"a" * 1000, "deep/er/b": BIG, "with space/c d": b"", "ünïcode/ø": b"o", "deep/er/#x?y%z": b"odd"}
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        return files

    async def lftp(self, script: str, *settings: str) -> bytes:
        sets = ["ssl:verify-certificate no", "net:max-retries 1", "net:timeout 20", "cmd:fail-exit yes", *settings]
        commands = "; ".join([*(f"set {setting}" for setting in sets), script])
        return (await self.program("lftp", "-c", commands, LC_ALL="C.UTF-8")).out

    async def test_lftp(self) -> None:
        login = f"-u {USER},{PASSWORD}"
        for name, scheme, port, settings in (
            ("explicit", "ftp", self.port, ("ftp:ssl-force yes", "ftp:ssl-protect-data yes")),
            ("implicit", "ftps", self.tls_port, ()),
            ("clear", "ftp", self.port, ("ftp:ssl-allow no",)),
            ("active", "ftp", self.port, ("ftp:ssl-force yes", "ftp:passive-mode no")),
            ("list", "ftp", self.port, ("ftp:ssl-allow no", "ftp:use-mlsd no")),
            ("deflated", "ftp", self.port, ("ftp:ssl-allow no", "ftp:use-mode-z yes")),
        ):
            there, back = self.folder / f"{name}-there", self.folder / f"{name}-back"
            files = self.files(there)
            opened = f"open {login} {scheme}://127.0.0.1:{port}"
            await self.lftp(
                f"{opened}; mirror -R --parallel=3 {there} {name}; mirror --parallel=3 {name} {back}", *settings
            )
            self.assertEqual(tree(self.root / name), files, name)
            self.assertEqual(tree(back), files, name)

    async def test_lftp_keeps_times_and_goes_on(self) -> None:
        local = self.folder / "local"
        local.write_bytes(BIG)
        os.utime(local, (784111777, 784111777))
        opened = f"open -u {USER},{PASSWORD} ftp://127.0.0.1:{self.port}"
        await self.lftp(f"{opened}; put {local}; chmod 600 local; put -c {local} -o again", "ftp:ssl-force yes")
        self.assertEqual((self.root / "local").stat().st_mtime, 784111777)
        self.assertEqual((self.root / "local").stat().st_mode & 0o777, 0o600)
        (self.root / "rest.part").write_bytes(BIG[:4096])
        (self.folder / "got").write_bytes(BIG[:4096])
        await self.lftp(f"{opened}; put -c {local} -o rest; get -c local -o got; rm again; ls", "ftp:ssl-force yes")
        self.assertEqual((self.root / "rest").read_bytes(), BIG)
        self.assertEqual((self.folder / "got").read_bytes(), BIG)

    async def test_wget(self) -> None:
        files = self.files(self.root)
        url = f"ftp://{USER}:{PASSWORD}@127.0.0.1:{self.port}/"
        await self.program(
            "wget", "-q", "-r", "-nH", "--restrict-file-names=nocontrol", "-P", "mirror", url, LC_ALL="C.UTF-8"
        )
        got = tree(self.folder / "mirror")
        got.pop(".listing", None)
        self.assertEqual(got, {"hello.txt": b"hello\n", **files})

    async def test_ncftp(self) -> None:
        there = self.folder / "there"
        files = self.files(there)
        login = ("-u", USER, "-p", PASSWORD, "-P", str(self.port))
        await self.program("ncftpput", *login, "-V", "-R", "127.0.0.1", "/", "there")
        self.assertEqual(tree(self.root / "there"), files)
        back = self.folder / "back"
        back.mkdir()
        await self.program("ncftpget", *login, "-V", "-R", "127.0.0.1", str(back), "/there")
        self.assertEqual(tree(back / "there"), files)
        listed = await self.program("ncftpls", *login, f"ftp://127.0.0.1:{self.port}/")
        self.assertEqual(set(listed.out.split()), {b"hello.txt", b"there"})

    async def test_tnftp(self) -> None:
        (self.folder / "local").write_bytes(BIG)
        url = f"ftp://{USER}:{PASSWORD}@127.0.0.1:{self.port}"
        await self.program("tnftp", "-o", "hello", f"{url}/hello.txt")
        self.assertEqual((self.folder / "hello").read_bytes(), b"hello\n")
        await self.program("tnftp", "-u", f"{url}/new", "local")
        self.assertEqual((self.root / "new").read_bytes(), BIG)
        await self.program("tnftp", "-A", "-o", "active", f"{url}/new")
        self.assertEqual((self.folder / "active").read_bytes(), BIG)
