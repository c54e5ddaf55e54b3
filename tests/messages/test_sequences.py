"""Whatever is done in whatever order, the store says what a model in plain Python says, and finds itself whole."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.messages.checking import check
from netdaemon.messages.interfaces import Target
from netdaemon.messages.store import Store, done
from netdaemon.messages.uids import members, ranges
from netdaemon.messages.values import Flag
from tests.messages.contract.base import EVERY, summary

NAMES = ("INBOX", "a", "a/b")
flags = st.sampled_from([Flag(bits) for bits in (0, 1, 8, 9, 16, 31)])
keywords = st.sets(st.sampled_from(["x", "y", "Z"]), max_size=2)
uids = st.sets(st.integers(1, 12), max_size=6)
names = st.sampled_from(NAMES)


class Model:
    """One folder: UID to [octets, flags, keywords], and what was expunged at which modseq."""

    def __init__(self) -> None:
        self.messages: dict[int, list[Any]] = {}
        self.uidnext = 1
        self.gone: list[tuple[int, int]] = []

    def add(self, octets: bytes, flags: Flag, keywords: frozenset[str]) -> None:
        self.messages[self.uidnext] = [octets, flags, keywords]
        self.uidnext += 1


class StoreMachine(RuleBasedStateMachine):
    @initialize()
    def open(self) -> None:
        self.data = Path(tempfile.mkdtemp())
        self.store = Store(self.data)
        self.models: dict[str, Model] = {}
        self.folders: dict[str, int] = {}
        for name in NAMES:
            self.make(name)

    def make(self, name: str) -> None:
        self.folders[name] = done(self.store.create("mulder", name)).id if name not in self.now() else 0
        if not self.folders[name]:
            self.folders[name] = self.store.folder("mulder", name).id
        self.models[name] = Model()

    def now(self) -> list[str]:
        return [folder.name for folder in self.store.folders("mulder") if folder.selectable]

    @rule(name=names, content=st.sampled_from([b"one", b"two", b"three" * 60_000]), flags=flags, keywords=keywords)
    def deliver(self, name: str, content: bytes, flags: Flag, keywords: set[str]) -> None:
        with self.store.spool() as spool:
            spool.write(content)
            target = Target(self.folders[name], flags, tuple(keywords))
            given = done(self.store.deliver(spool.finish(), summary(), [target]))
        assert given.places == ((self.folders[name], self.models[name].uidnext),)
        self.models[name].add(content, flags, frozenset(keywords))

    @rule(name=names, uids=uids, add=flags, remove=flags, words=keywords, less=keywords, replace=st.booleans())
    def store_flags(
        self, name: str, uids: set[int], add: Flag, remove: Flag, words: set[str], less: set[str], replace: bool
    ) -> None:
        model = self.models[name]
        before = {entry.uid: entry for entry in self.store.entries(self.folders[name], EVERY)}
        done(
            self.store.store_flags(
                self.folders[name],
                ranges(uids),
                add=add,
                remove=remove,
                add_keywords=words,
                remove_keywords=less,
                replace=replace,
            )
        )
        changed = set()
        for uid in uids & model.messages.keys():
            message = model.messages[uid]
            old = message[1:]
            message[1] = add if replace else (message[1] | add) & ~remove
            message[2] = frozenset(words) if replace else (message[2] - less) | words
            if message[1:] != old:
                changed.add(uid)
        after = {entry.uid: entry for entry in self.store.entries(self.folders[name], EVERY)}
        assert {uid for uid in after if after[uid].modseq != before[uid].modseq} == changed

    @rule(name=names, uids=uids, deleted_only=st.booleans())
    def expunge(self, name: str, uids: set[int], deleted_only: bool) -> None:
        model = self.models[name]
        since = self.store.folder_by_id(self.folders[name]).modseq
        gone = set(members(done(self.store.expunge(self.folders[name], ranges(uids), deleted_only=deleted_only))))
        wanted = {
            uid for uid in uids & model.messages.keys() if not deleted_only or Flag.DELETED in model.messages[uid][1]
        }
        assert gone == wanted
        self.vanish(name, wanted, since)

    def vanish(self, name: str, gone: set[int], since: int) -> None:
        model = self.models[name]
        for uid in gone:
            del model.messages[uid]
            model.gone.append((since + 1, uid))

    @rule(name=names, to=names, uids=uids, move=st.booleans())
    def copy(self, name: str, to: str, uids: set[int], move: bool) -> None:
        if move and name == to:
            return
        model = self.models[name]
        found = sorted(uids & model.messages.keys())
        since = self.store.folder_by_id(self.folders[name]).modseq
        first = self.models[to].uidnext
        do = self.store.move if move else self.store.copy
        copied = done(do(self.folders[name], ranges(uids), self.folders[to]))
        assert copied.pairs == tuple((uid, first + place) for place, uid in enumerate(found))
        for uid in found:
            self.models[to].add(*model.messages[uid])
        if move:
            self.vanish(name, set(found), since)

    @rule(name=names)
    def begin_anew(self, name: str) -> None:
        if name == "INBOX":
            return
        before = self.store.folder("mulder", name)
        done(self.store.delete("mulder", name))
        self.folders[name] = done(self.store.create("mulder", name)).id
        self.models[name] = Model()
        assert self.store.folder("mulder", name).uidvalidity > before.uidvalidity

    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.store = Store(self.data)

    @rule()
    def collect(self) -> None:
        done(self.store.collect())

    @invariant()
    def they_agree(self) -> None:
        total = 0
        for name, model in self.models.items():
            folder = self.store.folder_by_id(self.folders[name])
            entries = self.store.entries(folder.id, EVERY)
            assert {entry.uid: [entry.flags, frozenset(entry.keywords)] for entry in entries} == {
                uid: message[1:] for uid, message in model.messages.items()
            }
            for entry in entries:
                assert self.store.body(entry.message).read_now(0, 1 << 20) == model.messages[entry.uid][0]
            octets = sum(len(message[0]) for message in model.messages.values())
            total += octets
            assert (folder.uidnext, folder.messages, folder.octets) == (model.uidnext, len(entries), octets)
            assert folder.low_water == min(model.messages, default=model.uidnext)
            status = self.store.status(folder.id)
            assert status.unseen == sum(Flag.SEEN not in message[1] for message in model.messages.values())
            assert status.deleted == sum(Flag.DELETED in message[1] for message in model.messages.values())
            for since in (0, *(modseq for modseq, _ in model.gone[-3:])):
                vanished = self.store.vanished(folder.id, since)
                gone = {uid for modseq, uid in model.gone if modseq > since}
                assert set(members(vanished.uids)) == gone, (since, vanished, model.gone)
        assert self.store.usage("mulder").octets == total

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()
            assert list(check(self.data)) == []
            shutil.rmtree(self.data)


class SequenceTests(SynchronousTestCase):
    def test_sequences(self) -> None:
        machine = StoreMachine.TestCase
        machine.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
        machine().runTest()
