"""The service kinds: the built-in ones, listed; others found as twisted plugins, or named by where they stand.

A third party adds a protocol with one file in a ``twisted/plugins`` folder that holds an `IServiceKind`; a
configuration may also name one that is importable: `[mine] kind = package.module:attribute`.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable, Mapping
from functools import cached_property
from types import MappingProxyType

from twisted.plugin import getPlugins

from netdaemon.config.problems import brief
from netdaemon.config.settings import ServiceSettings
from netdaemon.interfaces import IServiceKind

BUILT_IN: Mapping[str, str] = MappingProxyType(
    {
        "time": "netdaemon.protocols.time:time",
        "http": "netdaemon.protocols.http:http",
        "ftp": "netdaemon.protocols.ftp:ftp",
        "gopher": "netdaemon.protocols.gopher:gopher",
        "smtp": "netdaemon.protocols.smtp:smtp",
        "submission": "netdaemon.protocols.smtp:submission",
        "lmtp": "netdaemon.protocols.smtp:lmtp",
        "pop3": "netdaemon.protocols.pop3:pop3",
        "proxy": "netdaemon.proxy:proxy",
    }
)
"""Name -> package.module:attribute. Text, so that a configuration loads only what it uses."""

_REFERENCE = re.compile(r"([^\W\d]\w*(?:\.[^\W\d]\w*)*):([^\W\d]\w*(?:\.[^\W\d]\w*)*)")


class Kinds:
    """All the kinds there are. Plugins are looked for once, when a name that is not built in is asked for."""

    def __init__(self, built_in: Mapping[str, str] = BUILT_IN) -> None:
        self._built_in = built_in

    def names(self) -> list[str]:
        """The built-in kinds, then the plugins'."""
        return [*self._built_in, *(name for name in self._plugins if name not in self._built_in)]

    def built_in(self) -> list[IServiceKind]:
        """The built-in kinds themselves."""
        return [self.find(name) for name in self._built_in]

    def find(self, name: str) -> IServiceKind:
        """The kind called ``name``, or the one at ``package.module:attribute``.

        Raises LookupError with a message for the operator: there is none, it can't be imported, it is no kind.
        """
        if name in self._built_in:
            return _load(self._built_in[name])
        if ":" in name:
            return _load(name)
        try:
            found = self._plugins[name]
        except KeyError:
            raise LookupError(f"there is no kind called {brief(name)!r}") from None
        if len(found) > 1:
            places = " and ".join(type(kind).__module__ for kind in found)
            raise LookupError(f"{len(found)} plugins are called {brief(name)!r} ({places})")
        return _checked(found[0], name)

    @cached_property
    def _plugins(self) -> Mapping[str, list[IServiceKind]]:
        return _by_name(getPlugins(IServiceKind))


def _by_name(kinds: Iterable[IServiceKind]) -> dict[str, list[IServiceKind]]:
    named: dict[str, list[IServiceKind]] = {}
    for kind in kinds:
        named.setdefault(kind.name, []).append(kind)
    return named


def _load(reference: str) -> IServiceKind:
    match = _REFERENCE.fullmatch(reference)
    if match is None:
        raise LookupError(f"{brief(reference)!r} is not of the form package.module:attribute")
    module, attribute = match.groups()
    try:
        found: object = importlib.import_module(module)
    except (Exception, SystemExit) as error:  # whatever a foreign module does when it is imported
        raise LookupError(f"{module} cannot be imported: {_reason(error)}") from error
    for part in attribute.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            raise LookupError(f"{module} has no {attribute}") from None
    return _checked(found, reference)


def _checked(found: object, reference: str) -> IServiceKind:
    if not IServiceKind.providedBy(found):
        raise LookupError(f"{brief(reference)} is no service kind (it does not provide IServiceKind)")
    if not (isinstance(found.settings, type) and issubclass(found.settings, ServiceSettings)):
        raise LookupError(f"{brief(reference)} is no service kind (its settings are no ServiceSettings)")
    return found


def _reason(error: BaseException) -> str:
    said = str(error).splitlines()
    return f"{type(error).__name__}: {said[0]}" if said else type(error).__name__
