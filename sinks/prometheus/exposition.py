"""The text of /metrics, where most of it is as it was at the scrape before.

prometheus_client makes every line anew at every scrape, at 15 µs each; thousands of windows keep a process from its
work for a third of a second. A `ReadyFamily` has its lines from before. To all others it is a family like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.samples import Sample
from prometheus_client.utils import floatToGoString

from sinks.prometheus.catalogue import Metric

#: Values of a metric's labels, in their order, and of the metric.
Values = Iterable[tuple[Sequence[str], float]]
_END = b"# EOF\n"
_number: Callable[[float], str] = floatToGoString
_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})


def lines_of(metric: Metric, values: Values) -> str:
    """The lines of these values, as prometheus_client writes them."""
    order = sorted(range(len(metric.labels)), key=metric.labels.__getitem__)
    names = [f'{metric.labels[place]}="' for place in order]
    found = []
    for said, value in values:
        labels = ",".join(f'{name}{said[place].translate(_ESCAPES)}"' for name, place in zip(names, order, strict=True))
        found.append(f"{metric.name}{{{labels}}} {_number(value)}\n")
    return "".join(found)


class ReadyFamily(Family):
    """A gauge with its lines; samples are made only for those who ask for them."""

    def __init__(self, metric: Metric, lines: Iterable[str], values: Callable[[], Values]) -> None:
        self._metric = metric
        self._values = values
        super().__init__(metric.name, metric.help, "gauge")
        self.lines = lines

    @property
    def samples(self) -> list[Sample]:
        """For registries and encoders that know nothing of this."""
        names = self._metric.labels
        return [Sample(self.name, dict(zip(names, said, strict=True)), value) for said, value in self._values()]

    @samples.setter
    def samples(self, samples: list[Sample]) -> None:
        """The base class begins with none."""


class _Collected:
    def __init__(self, families: list[Family]) -> None:
        self._families = families

    def collect(self) -> Iterator[Family]:
        return iter(self._families)


def exposition(registry: CollectorRegistry, accept: str) -> tuple[str, bytes]:
    """Content type and text of everything that the registry collects, in the format that is asked for."""
    encode: Callable[[Any], bytes]
    encode, content_type = choose_encoder(accept)
    families = list(registry.collect())
    ready = [family for family in families if isinstance(family, ReadyFamily)]
    text = encode(_Collected([family for family in families if not isinstance(family, ReadyFamily)]))
    end = _END if text.endswith(_END) else b""
    heads = (f"# HELP {family.name} {family.documentation}\n# TYPE {family.name} gauge\n" for family in ready)
    more = "".join(part for head, family in zip(heads, ready, strict=True) for part in (head, *family.lines))
    return content_type, text.removesuffix(end) + more.encode() + end
