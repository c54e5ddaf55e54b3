"""`python -m tests.curl ...`: the shim, where curl's test suite expects curl."""

from tests.curl.shim import main

raise SystemExit(main())
