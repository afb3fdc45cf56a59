"""Stand-ins for what the sink works with: a broker that fails it, and a database that is only closed."""

from __future__ import annotations

from aiokafka.errors import GroupAuthorizationFailedError


class FailingKafka:
    """Stands for `SinkKafka`, of a broker that lets the group in no more."""

    def __init__(self, *_: object) -> None:
        """Takes what `SinkKafka` takes."""

    async def start(self) -> None:
        """Connects."""

    async def stop(self) -> None:
        """Disconnects."""

    async def poll(self, *_: object) -> None:
        raise GroupAuthorizationFailedError("not any more")


class ClosedDatabase:
    """Stands for a database."""

    closed = False

    def close(self) -> None:
        self.closed = True
