from __future__ import annotations

import errno

from twisted.trial.unittest import SynchronousTestCase

from netdaemon.documents.failures import failure
from netdaemon.interfaces import DocumentError, Exists, Forbidden, IsFolder, NoSpace, NotFolder, NotFound, Unavailable


class FailureTests(SynchronousTestCase):
    def test_kinds(self) -> None:
        kinds: dict[type[DocumentError], str] = {
            NotFound: "ENOENT ELOOP ENAMETOOLONG EINVAL",
            NotFolder: "ENOTDIR",
            IsFolder: "EISDIR",
            Forbidden: "EACCES EPERM EROFS ENOTEMPTY EBUSY ENXIO EXDEV",
            Exists: "EEXIST",
            NoSpace: "ENOSPC EDQUOT EFBIG",
            Unavailable: "EMFILE ENFILE EIO ENOMEM ESTALE",
        }
        for kind, names in kinds.items():
            for name in names.split():
                error = failure(OSError(getattr(errno, name), "x", "/srv/tree/a"), b"/a")
                self.assertIs(type(error), kind, name)
                self.assertEqual(error.path, b"/a")
                self.assertNotIn("/srv", str(error))

    def test_no_errno(self) -> None:
        self.assertIs(type(failure(OSError("odd"), b"/a")), Unavailable)
