"""The README under a listing: found, rendered, and harmless whatever stands in it."""

from __future__ import annotations

from tests.protocols.http.peer import HTTPTests
from tests.protocols.http.test_listing import Page


class ReadmeTests(HTTPTests):
    def page(self, folder: str = "/f/") -> str:
        (self.top / folder.strip("/")).mkdir(exist_ok=True)
        return self.get(folder, listing=True).body.decode()

    def article(self) -> str:
        _, found, rest = self.page().partition("<article>")
        return rest.partition("</article>")[0] if found else ""

    def test_text(self) -> None:
        self.file("f/README", b"one <b> &\n  two\t.\n")
        self.assertEqual(self.article(), "<pre>one &lt;b&gt; &amp;\n  two\t.\n</pre>")

    def test_markdown(self) -> None:
        self.file("f/readme.MD", b"# Title\n\nA [link](other.txt) and `code`.\n\n| a | b |\n|---|---|\n| 1 | 2 |\n")
        article = self.article()
        for part in ("<h1>Title</h1>", '<a href="other.txt">link</a>', "<code>code</code>", "<td>1</td>"):
            self.assertIn(part, article)
        Page(self.page())

    def test_the_richest_comes_first(self) -> None:
        self.file("f/README", b"plain")
        self.file("f/README.md", b"*rich*")
        self.assertIn("<em>rich</em>", self.article())

    def test_none(self) -> None:
        self.assertEqual(self.article(), "")
        (self.top / "f" / "README").mkdir()
        self.file("f/README.txt", b"")
        self.assertEqual(self.article(), "")

    def test_nothing_runs(self) -> None:
        self.file(
            "f/README.md",
            b"<script>alert(1)</script>\n\n[x](javascript:alert(1)) [y](JaVaScRiPt:alert(1)) [z](vbscript:x)"
            b'\n\n![i](data:text/html;base64,PHNjcmlwdD4=)\n\n<img src=x onerror=alert(1)>\n\n[q](<" onclick=x>)\n',
        )
        page = Page(self.page())
        self.assertNotIn("script", page.tags)
        self.assertNotIn("img", page.tags)
        self.assertFalse([href for href, _ in page.links if "script:" in href.lower()])

    def test_controls(self) -> None:
        self.file("f/README", b"a\x1b[31m\xe2\x80\xaeb\xff\\c")
        self.assertEqual(self.article(), "<pre>a\ufffd[31m\ufffdb\ufffd\\c</pre>")
        self.file("f/README", b"PNG\0\0")
        self.assertEqual(self.article(), "", "no text")

    def test_long(self) -> None:
        self.file("f/README", b"x" * 16384)
        self.assertNotIn("It goes on", self.article())
        self.file("f/README", b"x" * 16385)
        self.assertIn("It goes on", self.article())

    def test_changed(self) -> None:
        self.file("f/README", b"old")
        self.assertIn("old", self.article())
        self.file("f/README", b"new")
        self.assertIn("new", self.article())
