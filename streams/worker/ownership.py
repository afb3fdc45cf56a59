"""Which partitions are this worker's, right now, as far as it can know."""

from __future__ import annotations

from typing import Any

from faust.types import TP


class Ownership:
    """Asks Faust. A generation is one round of the consumer group: in another one, others may own the partition."""

    def __init__(self, app: Any) -> None:
        self._app = app

    @property
    def generation(self) -> int:
        """The round of the group this worker believes to be in."""
        return int(self._app.consumer_generation_id)

    def holds(self, tp: TP, generation: int) -> bool:
        """Whether `tp` is still what it was when `generation` handed it over."""
        return self.generation == generation and tp in self._app.consumer.assignment()
