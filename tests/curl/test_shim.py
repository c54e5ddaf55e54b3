"""The shim's own parts: options, globs, URLs, bodies, and which cases apply. What it does is shown by curl's cases."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.curl import cases, known, page, report, sending
from tests.curl.exits import Ended, Exit
from tests.curl.globbing import expand, filled
from tests.curl.keeping import remote_name
from tests.curl.options import parse
from tests.curl.shim import completed, without_dots

CASE = """<testcase>
<info>
<keywords>
{keywords}
</keywords>
</info>
<client>
<server>
{server}
</server>
<name>
a name
</name>
<features>
{features}
</features>
<command{attributes}>
http://%HOSTIP:%HTTPPORT/1 {options}
</command>
</client>
</testcase>
"""


class OptionTests(SynchronousTestCase):
    def test_bundles_and_values(self) -> None:
        (operation,) = parse(["-sSo", "file", "-XPUT", "-H", "A: b", "--header", "C: d", "http://a/"])
        self.assertTrue(operation["silent"] and operation["show-error"])
        self.assertEqual(operation.get("request"), "PUT")
        self.assertEqual(operation.all("header"), ["A: b", "C: d"])
        self.assertEqual([(one.url, one.output) for one in operation.targets], [("http://a/", "file")])

    def test_each_url_has_its_output(self) -> None:
        (operation,) = parse(["-o", "1", "http://a/", "-O", "http://b/", "-T", "x", "http://c/"])
        told = [(one.url, one.output, one.remote_name, one.upload) for one in operation.targets]
        self.assertEqual(
            told, [("http://a/", "1", False, "x"), ("http://b/", None, True, None), ("http://c/", None, False, None)]
        )

    def test_next_and_no(self) -> None:
        first, second = parse(["-s", "-L", "http://a/", "--next", "--no-silent", "http://b/"])
        self.assertTrue(first["location"])
        self.assertFalse(second["location"] or second["silent"])

    def test_a_file_of_them(self) -> None:
        path = Path(self.mktemp())
        path.write_text('# comment\nurl = "http://a/\\"b"\n-L\nuser-agent: me\nrequest HEAD and more\n')
        (operation,) = parse(["-K", str(path)])
        self.assertEqual(operation.targets[0].url, 'http://a/"b')
        self.assertEqual((operation.get("user-agent"), operation.get("request")), ("me", "HEAD"))
        self.assertTrue(operation["location"])

    def test_what_is_not_known(self) -> None:
        for words in (["--wonder"], ["-\u00e9"], ["-o"], ["--next"], ["-K", "/nowhere/at/all"]):
            self.assertRaises(Ended, parse, words)


class URLTests(SynchronousTestCase):
    def test_globs(self) -> None:
        self.assertEqual([url for url, _ in expand("a{b,c}[08-10]")], ["ab08", "ab09", "ab10", "ac08", "ac09", "ac10"])
        self.assertEqual([url for url, _ in expand("[a-e:2]")], ["a", "c", "e"])
        self.assertEqual([url for url, _ in expand("http://[::1]/\\{x\\}")], ["http://[::1]/{x}"])
        self.assertEqual([filled("#1-#2-#3", globs) for _, globs in expand("{x,y}[1-1]")], ["x-1-#3", "y-1-#3"])
        for wrong in ("{a", "[1-", "a}", "[2-1]", "[1-9:0]", "{a,{b}}"):
            self.assertRaises(Ended, list, expand(wrong))

    def test_completed(self) -> None:
        (operation,) = parse(["--url-query", "a=b c", "x"])
        self.assertEqual(completed("a.example", operation), "http://a.example/?a=b+c")
        self.assertEqual(completed("HTTP://a.example/x?y#z", operation), "http://a.example/x?y&a=b+c#z")
        self.assertEqual(completed("ftp.example.org/x", operation), "ftp://ftp.example.org/x")
        error = self.assertRaises(Ended, completed, "tftp://a.example/", operation)
        self.assertEqual(error.status, Exit.UNSUPPORTED)

    def test_dots(self) -> None:
        for path, result in (("/a/../b", "/b"), ("/a/./b/.", "/a/b/"), ("/%2e%2E/x", "/x"), ("/a/b/..", "/a/")):
            self.assertEqual(without_dots(f"http://a{path}?.."), f"http://a{result}?..")

    def test_names(self) -> None:
        self.assertEqual(remote_name("http://a.example/b/c.txt?d"), "c.txt")


class SendingTests(SynchronousTestCase):
    def test_data(self) -> None:
        path = Path(self.mktemp())
        path.write_text("c\r\nd")
        (operation,) = parse(["-d", "a=b", "-d", f"@{path}", "--data-urlencode", "e=f g", "--data-raw", "@h", "x"])
        self.assertEqual(sending.data_of(operation), b"a=b&cd&e=f+g&@h")

    def test_forms(self) -> None:
        path = Path(self.mktemp())
        path.write_text("text")
        (operation,) = parse(["-F", "a=b;type=c/d; e=f", "-F", f"g=@{path};filename=h.txt", "-F", f"i=<{path}", "x"])
        body = sending.form_of(operation)
        assert body is not None
        self.assertTrue((body.media_type or b"").startswith(b"multipart/form-data; boundary=-----"))


class ReportTests(SynchronousTestCase):
    def test_written(self) -> None:
        made = report.Report("http://a/")
        made.heard(b"HTTP/1.1 302 F\r\nLocation: /x\r\n\r\n")
        made.heard(b"HTTP/1.1 200 OK\r\nX-A:  b\r\n\r\n")
        self.assertEqual(made.written("%{http_code} %{num_redirects} %header{x-a}%%\\n%{unknown}"), "200 1 b%\n")


class CaseTests(SynchronousTestCase):
    def case(self, number: int = 1, options: str = "", **more: str) -> cases.Case:
        folder = Path(self.mktemp())
        folder.mkdir()
        path = folder / f"test{number}"
        words = {"keywords": "HTTP", "server": "http", "features": "", "attributes": "", **more}
        path.write_text(CASE.format(options=options, **words))
        return cases.read(path)

    def test_what_applies(self) -> None:
        for options in ("-sL -H 'A: --ntlm'", "-x --ntlm", "-x--socks5"):  # those are values
            self.assertIsNone(cases.why_not(self.case(options=options, features="proxy\n!SSPI")))
        for case in (
            self.case(options="--ntlm"),
            self.case(server="smtp"),
            self.case(features="Debug"),
            self.case(attributes=' type="perl"'),
            self.case(keywords="unittest"),
        ):
            self.assertIsNotNone(cases.why_not(case), case)

    def test_what_it_is_counted_as(self) -> None:
        self.assertEqual(self.case().protocol, "http")
        self.assertEqual(self.case(keywords="HTTP proxy").protocol, "http by proxy")
        self.assertEqual(self.case(server="ftp\nhttp").protocol, "ftp")
        self.assertEqual(self.case(server="gopher").protocol, "gopher")

    def test_the_page_counts(self) -> None:
        made = page.page([self.case(number) for number in (9001, 9002, 9004)], "8.0")
        self.assertIn("| http | 3 | 3 |", made)
        self.assertIn("9001-9002, 9004", made)

    def test_no_number_has_two_reasons(self) -> None:
        numbers = [number for listed in known.FAILING.values() for number in listed.split()]
        self.assertEqual(len(numbers), len(set(numbers)))
        self.assertEqual(len(known.failing()), len(numbers))
