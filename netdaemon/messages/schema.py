"""The tables of the store. Plain SQL: a second store on another engine has the same."""

from __future__ import annotations

INDEX: tuple[tuple[str, ...], ...] = (
    (
        # uidvalidity: the last one given; times: see `collecting`
        "CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
        # ACCOUNT is a name, '' for the folders that all share. Numbers are never given again (AUTOINCREMENT): what
        # a session has of a deleted folder is not its successor's. RECENT_FROM: UIDs nobody was told of as \\Recent
        """CREATE TABLE folder (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            account TEXT NOT NULL,
            name TEXT NOT NULL,
            kind TEXT NOT NULL,
            object_id TEXT NOT NULL UNIQUE,
            special_use TEXT NOT NULL,
            selectable INTEGER NOT NULL,
            uidvalidity INTEGER NOT NULL,
            uidnext INTEGER NOT NULL,
            modseq INTEGER NOT NULL,
            vanish_floor INTEGER NOT NULL,
            low_water INTEGER NOT NULL,
            recent_from INTEGER NOT NULL,
            messages INTEGER NOT NULL,
            octets INTEGER NOT NULL,
            created REAL NOT NULL,
            UNIQUE (account, name)
        )""",
        """CREATE TABLE folder_property (
            folder_id INTEGER NOT NULL REFERENCES folder (id) ON DELETE CASCADE,
            name TEXT NOT NULL,
            value TEXT NOT NULL,
            PRIMARY KEY (folder_id, name)
        ) WITHOUT ROWID""",
        # every keyword its messages have had; FOLDED is what two spellings have in common
        """CREATE TABLE folder_keyword (
            folder_id INTEGER NOT NULL REFERENCES folder (id) ON DELETE CASCADE,
            folded TEXT NOT NULL,
            keyword TEXT NOT NULL,
            PRIMARY KEY (folder_id, folded)
        ) WITHOUT ROWID""",
        # ACCOUNT subscribed to NAME of OWNER's folders, which need not be there
        """CREATE TABLE subscription (
            account TEXT NOT NULL,
            owner TEXT NOT NULL,
            name TEXT NOT NULL,
            PRIMARY KEY (account, owner, name)
        ) WITHOUT ROWID""",
        # one for each blob, never changed; REFS with spaces between, DATE in Unix seconds
        """CREATE TABLE message (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            blob_id INTEGER NOT NULL UNIQUE,
            sha256 BLOB NOT NULL,
            octets INTEGER NOT NULL,
            headers_size INTEGER NOT NULL,
            lines INTEGER NOT NULL,
            msgid TEXT NOT NULL,
            subject TEXT NOT NULL,
            base_subject TEXT NOT NULL,
            from_ TEXT NOT NULL,
            to_ TEXT NOT NULL,
            date INTEGER,
            refs TEXT NOT NULL,
            thread TEXT NOT NULL,
            preview TEXT NOT NULL,
            envelope BLOB NOT NULL,
            bodystructure BLOB NOT NULL
        )""",
        "CREATE INDEX message_msgid ON message (msgid)",
        "CREATE INDEX message_base_subject ON message (base_subject)",
        "CREATE INDEX message_thread ON message (thread)",
        # the thread of every message-id that a message has or refers to, also of those that are not here (yet)
        "CREATE TABLE thread_member (msgid TEXT PRIMARY KEY, thread TEXT NOT NULL) WITHOUT ROWID",
        "CREATE INDEX thread_member_thread ON thread_member (thread)",
        # FLAGS as in `values.Flag`, and 256 where there are keywords
        """CREATE TABLE entry (
            folder_id INTEGER NOT NULL REFERENCES folder (id),
            uid INTEGER NOT NULL,
            message_id INTEGER NOT NULL REFERENCES message (id),
            received REAL NOT NULL,
            saved REAL NOT NULL,
            modseq INTEGER NOT NULL,
            flags INTEGER NOT NULL,
            PRIMARY KEY (folder_id, uid)
        ) WITHOUT ROWID""",
        "CREATE INDEX entry_modseq ON entry (folder_id, modseq)",
        "CREATE INDEX entry_message ON entry (message_id)",
        "CREATE INDEX entry_unseen ON entry (folder_id, uid) WHERE flags & 1 = 0",
        "CREATE INDEX entry_deleted ON entry (folder_id, uid) WHERE flags & 8 <> 0",
        """CREATE TABLE entry_keyword (
            folder_id INTEGER NOT NULL,
            uid INTEGER NOT NULL,
            keyword TEXT NOT NULL,
            PRIMARY KEY (folder_id, uid, keyword)
        ) WITHOUT ROWID""",
        """CREATE TABLE expunged (
            folder_id INTEGER NOT NULL REFERENCES folder (id) ON DELETE CASCADE,
            modseq INTEGER NOT NULL,
            uid INTEGER NOT NULL,
            PRIMARY KEY (folder_id, modseq, uid)
        ) WITHOUT ROWID""",
        # an account's own flags in a folder that all share
        """CREATE TABLE seen (
            account TEXT NOT NULL,
            folder_id INTEGER NOT NULL REFERENCES folder (id) ON DELETE CASCADE,
            uid INTEGER NOT NULL,
            flags INTEGER NOT NULL,
            modseq INTEGER NOT NULL,
            PRIMARY KEY (account, folder_id, uid)
        ) WITHOUT ROWID""",
        "CREATE INDEX seen_folder ON seen (folder_id, uid)",
        """CREATE TABLE usage (
            account TEXT PRIMARY KEY,
            octets INTEGER NOT NULL,
            messages INTEGER NOT NULL
        ) WITHOUT ROWID""",
        # message-ids of news that came, whatever became of them
        "CREATE TABLE history (msgid TEXT PRIMARY KEY, arrived REAL NOT NULL) WITHOUT ROWID",
        "CREATE INDEX history_arrived ON history (arrived)",
        # transfers that were done; PLACES is "folder:uid folder:uid"
        """CREATE TABLE delivery (
            token TEXT PRIMARY KEY,
            at REAL NOT NULL,
            message_id INTEGER NOT NULL,
            places TEXT NOT NULL
        ) WITHOUT ROWID""",
        "CREATE INDEX delivery_at ON delivery (at)",
        # messages that were taken out of a folder with many others: perhaps no folder shows them any more
        "CREATE TABLE loose_message (message_id INTEGER PRIMARY KEY)",
        # octets that are kept without a message, and by what name
        "CREATE TABLE hold (holder TEXT PRIMARY KEY, blob_id INTEGER NOT NULL) WITHOUT ROWID",
        "CREATE INDEX hold_blob ON hold (blob_id)",
        # blobs whose message is gone, since when
        "CREATE TABLE unused_blob (blob_id INTEGER PRIMARY KEY, since REAL NOT NULL)",
    ),
)
"""The statements that make each version of messages.sqlite from the one before."""

BLOBS: tuple[tuple[str, ...], ...] = (
    (
        # WHOLE: all its chunks are there. Numbers are never given again
        """CREATE TABLE blob (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            sha256 BLOB NOT NULL,
            size INTEGER NOT NULL,
            whole INTEGER NOT NULL,
            created REAL NOT NULL
        )""",
        "CREATE INDEX blob_sha256 ON blob (sha256)",
        # pieces of 256 KiB, the last one shorter
        """CREATE TABLE blob_chunk (
            id INTEGER PRIMARY KEY,
            blob_id INTEGER NOT NULL,
            seq INTEGER NOT NULL,
            data BLOB NOT NULL
        )""",
        "CREATE UNIQUE INDEX blob_chunk_seq ON blob_chunk (blob_id, seq)",
    ),
)
"""The same for blobs.sqlite."""
