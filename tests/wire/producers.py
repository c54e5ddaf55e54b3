"""A push producer for the transports' tests: it writes nothing, and remembers what it was told."""

from __future__ import annotations


class Told(list[str]):
    """The list of "pause", "resume" and "stop" as they came."""

    def pauseProducing(self) -> None:
        self.append("pause")

    def resumeProducing(self) -> None:
        self.append("resume")

    def stopProducing(self) -> None:
        self.append("stop")
