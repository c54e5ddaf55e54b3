"""What a SASL exchange ends with: credentials for twisted.cred."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from twisted.cred.credentials import ICredentials, IUsernamePassword
from zope.interface import Attribute, implementer


class IProven(ICredentials):
    """A name whose owner a mechanism has proved already (SCRAM, EXTERNAL). Only its rights are left to look up."""

    username: str = Attribute("The name as the peer gave it.")
    mechanism: str = Attribute("The SASL name of what proved it, 'SCRAM-SHA-256'.")


@implementer(IProven)
@dataclass(frozen=True)
class Proven:
    """The usual way to provide IProven."""

    username: str
    mechanism: str


@implementer(IUsernamePassword)
@dataclass(frozen=True)
class Disproved:
    """A name whose password the peer did not know.

    It goes to the portal as any other wrong password does, so that the failure is answered, delayed and counted in
    the one place that does it. The password is random: nobody can choose what a checker will see.
    """

    username: bytes
    mechanism: str
    password: bytes = field(default_factory=lambda: secrets.token_hex(16).encode(), repr=False)

    def checkPassword(self, password: bytes) -> bool:
        return False
