"""What a server has said that it can do (RFC 5321 section 4.1.1.1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Extensions:
    """EHLO's answer."""

    keywords: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """In capitals, each with what stood behind it."""

    def __contains__(self, keyword: str) -> bool:
        return keyword in self.keywords

    @property
    def mechanisms(self) -> tuple[str, ...]:
        """By which one may log in."""
        return self.keywords.get("AUTH", ())

    @property
    def size(self) -> int | None:
        """The most octets that a message may have; None when that isn't said (RFC 1870)."""
        words = self.keywords.get("SIZE", ())
        return int(words[0]) or None if words and words[0].isascii() and words[0].isdigit() else None

    def limit(self, name: str) -> int | None:
        """A limit of RFC 9422: RCPTMAX, MAILMAX or RCPTDOMAINMAX; None when it isn't told."""
        for word in self.keywords.get("LIMITS", ()):
            key, _, value = word.partition("=")
            if key.upper() == name and value.isascii() and value.isdigit() and len(value) < 10:
                return int(value)
        return None


def parse_extensions(lines: Iterable[bytes]) -> Extensions:
    """The lines of EHLO's answer behind the first. What makes no sense is passed over."""
    keywords: dict[str, tuple[str, ...]] = {}
    for line in lines:
        words = line.decode("latin-1").split()
        if not words:
            continue
        name, equals, value = words[0].upper().partition("=")
        rest = [value.upper(), *words[1:]] if equals else words[1:]
        if name == "AUTH":
            # Some servers say AUTH=LOGIN besides, from before RFC 2554
            rest = [word for word in rest if word]
        keywords[name] = (*keywords.get(name, ()), *rest)
    return Extensions(keywords)
