"""Look-ups by Twisted's names: with a deadline, aliases followed, answers capped, and kept for as long as they may."""

# mypy: disable-error-code="no-untyped-call"
# Twisted's names have no types.

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from ipaddress import IPv6Address
from typing import Any, Protocol

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.names import dns
from twisted.names.error import DNSNameError

from netdaemon.mail.policies.resolving import NoSuchName, TemporarilyUnknown, reversed_labels, usable_name

DEADLINE = 10.0
"""Seconds for a look-up, with all aliases."""
MOST_ALIASES = 8
MOST_ANSWERS = 100
"""Records of an answer that are taken."""
MOST_KEPT = 4096
"""Answers that are kept."""
LARGEST_KEPT = 4096
"""Octets of an answer that is kept; what is larger is asked anew."""
LONGEST_KEPT = 3600.0
NOTHING_KEPT = 60.0
"""Seconds for which it is remembered that there is no such name, or no such record."""


class INames(Protocol):
    """Twisted's `IResolver`, as far as it is used; each gives (answers, authority, additional)."""

    def lookupText(self, name: str) -> Deferred[Any]: ...

    def lookupAddress(self, name: str) -> Deferred[Any]: ...

    def lookupIPV6Address(self, name: str) -> Deferred[Any]: ...

    def lookupMailExchange(self, name: str) -> Deferred[Any]: ...

    def lookupPointer(self, name: str) -> Deferred[Any]: ...


Answer = Sequence[Any] | NoSuchName


class Kept:
    """Answers until they expire; the least recently used go first when there are too many."""

    def __init__(self, seconds: Callable[[], float], most: int = MOST_KEPT) -> None:
        self._seconds = seconds
        self._most = most
        self._answers: OrderedDict[tuple[int, str], tuple[float, Answer]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._answers)

    def find(self, question: tuple[int, str]) -> Answer | None:
        known = self._answers.get(question)
        if known is None:
            return None
        if known[0] <= self._seconds():
            del self._answers[question]
            return None
        self._answers.move_to_end(question)
        return known[1]

    def keep(self, question: tuple[int, str], answer: Answer, ttl: float) -> None:
        if ttl <= 0:
            return
        self._answers[question] = (self._seconds() + min(ttl, LONGEST_KEPT), answer)
        self._answers.move_to_end(question)
        if len(self._answers) > self._most:
            self._answers.popitem(last=False)


class LookUps:
    """A `resolving.Resolver` over ``names``, Twisted's."""

    def __init__(
        self, names: INames, clock: IReactorTime, *, deadline: float = DEADLINE, most: int = MOST_KEPT
    ) -> None:
        self._names = names
        self._clock = clock
        self._deadline = deadline
        self._kept = Kept(clock.seconds, most)

    async def txt(self, name: str) -> list[bytes]:
        return list(await self._find(dns.TXT, name))

    async def a(self, name: str) -> list[str]:
        return list(await self._find(dns.A, name))

    async def aaaa(self, name: str) -> list[str]:
        return list(await self._find(dns.AAAA, name))

    async def mx(self, name: str) -> list[tuple[int, str]]:
        return sorted(await self._find(dns.MX, name), key=lambda record: record[0])

    async def ptr(self, address: str) -> list[str]:
        labels = reversed_labels(address)
        return list(await self._find(dns.PTR, f"{labels}.{'in-addr' if labels.count('.') == 3 else 'ip6'}.arpa"))

    async def _find(self, kind: int, name: str) -> Sequence[Any]:
        question = (kind, usable_name(name))
        answer = self._kept.find(question)
        if answer is None:
            answer, ttl = await Deferred.fromCoroutine(self._ask(*question)).addTimeout(
                self._deadline, self._clock, lambda result, seconds: _late()
            )
            if isinstance(answer, NoSuchName) or _octets(answer) <= LARGEST_KEPT:
                self._kept.keep(question, answer, ttl)
        if isinstance(answer, NoSuchName):
            raise NoSuchName(str(answer))
        return answer

    async def _ask(self, kind: int, name: str) -> tuple[Answer, float]:
        """The answer, and for how many seconds it is one. Raises TemporarilyUnknown."""
        ask = {
            dns.TXT: self._names.lookupText,
            dns.A: self._names.lookupAddress,
            dns.AAAA: self._names.lookupIPV6Address,
            dns.MX: self._names.lookupMailExchange,
            dns.PTR: self._names.lookupPointer,
        }[kind]
        ttl, seen = LONGEST_KEPT, {name}
        while True:
            try:
                answers, _, _ = await ask(name)
            except DNSNameError:
                return NoSuchName(f"there is no {name}"), NOTHING_KEPT
            except CancelledError:
                raise  # who asked has no more time: he must not take it for an answer, and go on
            except Exception as error:  # noqa: BLE001  # the resolvers raise what they meet
                raise TemporarilyUnknown(f"{name}: {type(error).__name__}") from None
            answers = answers[:MOST_ANSWERS]
            asked = name
            while True:
                found = [record for record in answers if record.type == kind and _name(record.name) == name]
                if found:
                    ttl = min(ttl, *(float(record.ttl) for record in found))
                    return [_value(record) for record in found], ttl
                alias = next((one for one in answers if one.type == dns.CNAME and _name(one.name) == name), None)
                if alias is None:
                    break
                ttl = min(ttl, float(alias.ttl))
                name = _name(alias.payload.name)
                if name in seen or len(seen) > MOST_ALIASES:
                    raise TemporarilyUnknown(f"{asked}: aliases without an end")
                seen.add(name)
            if name == asked:
                return [], min(ttl, NOTHING_KEPT)
            # The server has told of the alias alone: ask for what it stands for.
            name = usable_name(name)


def _late() -> Any:
    raise TemporarilyUnknown("the name servers are too slow")


def _name(name: Any) -> str:
    return bytes(name.name).decode("ascii", "replace").rstrip(".").lower()


def _value(record: Any) -> Any:
    payload = record.payload
    if record.type == dns.TXT:
        return b"".join(payload.data)
    if record.type == dns.A:
        return payload.dottedQuad()
    if record.type == dns.AAAA:
        return str(IPv6Address(payload.address))
    if record.type == dns.MX:
        return payload.preference, _name(payload.name)
    return _name(payload.name)


def _octets(answer: Sequence[Any]) -> int:
    return sum(len(value) if isinstance(value, (str, bytes)) else 2 + len(value[1]) for value in answer)
