"""What a grammar raises."""

from __future__ import annotations


class Malformed(Exception):
    """What is not as the grammar says; the text tells which part, never the octets themselves."""
