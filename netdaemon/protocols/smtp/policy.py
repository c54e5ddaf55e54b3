"""What a section's settings ask of a message's origin, made ready: SPF, DKIM, DMARC, DNS lists, greylisting."""

from __future__ import annotations

from netdaemon.interfaces import IHouse
from netdaemon.mail.interfaces import IPolicy
from netdaemon.mail.policies.settings import CheckSettings, SigningSettings
from netdaemon.protocols.smtp import TransferSettings


def policy_of(settings: TransferSettings, house: IHouse) -> IPolicy | None:
    """None where nothing is asked for, which is how it begins. Raises OSError and ValueError for a signing key."""
    checks = settings if isinstance(settings, CheckSettings) and settings.checks else None
    signing = settings.dkim_sign if isinstance(settings, SigningSettings) else ()
    if checks is None and not signing:
        return None
    from netdaemon.mail.policies.lookups import LookUps  # here, for daemons that ask none of it
    from netdaemon.mail.policies.policy import Policies

    return Policies(
        checks=checks,
        signing=signing,
        host=house.hostname,
        resolver=LookUps(house.resolver, house.clock),
        in_thread=house.in_thread,
        clock=house.clock,
        wall=house.wall,
        data=house.data,
    )
