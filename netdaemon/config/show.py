"""Shows a configuration as it is in effect, as INI text that reads back to the same; secrets are masked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from netdaemon.config.keys import keys
from netdaemon.config.read import Config
from netdaemon.config.settings import SECTIONS
from netdaemon.config.values import setting


def show(config: Config, every: bool = False) -> str:
    """The settings that differ from their defaults, or with ``every`` all of them; paths are absolute."""
    folder = config.file.absolute().parent
    blocks = []
    for name in SECTIONS:
        lines = list(_settings(getattr(config, name), folder, every))
        if lines:
            blocks.append([f"[{name}]", *lines])
    for service in config.services:
        kind = [setting("kind", service.asked)] if service.asked else []
        blocks.append([f"[{service.settings.section}]", *kind, *_settings(service.settings, folder, every)])
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def _settings(settings: Any, folder: Path, every: bool) -> Iterator[str]:
    for attribute, key in keys(type(settings)):
        value = getattr(settings, attribute)
        if every or key.default is None or value != key.value.parse(key.default, folder):
            yield setting(key.name, key.value.show(value))
