"""The document tree: safe resolving beneath a root, listing, open, atomic write, rights and quotas."""
