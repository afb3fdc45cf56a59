"""What the suites over all vendors (security, order, end to end, the shared payloads) need to know of each.

A vendor's test module in `vendors/` defines `CASE = VendorCase(...)`; `cases()` finds them all.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from connectors.channels.base import AnyConnector, ChannelOptions, Delivery, Source
from schemas.times import EpochMs
from tests.connectors.channels import vendors

#: When the deliveries of the tests arrive, unless they say otherwise: 2026-03-02T09:00:00Z.
RECEIVED_MS: EpochMs = 1_772_442_000_000
SECRET = b"correct-horse"
OTHER_SECRET = b"battery-staple"


@dataclass(frozen=True)
class Sample:
    """A genuine request of the vendor, unsigned, and what it leads to."""

    name: str
    body: bytes
    #: Types of the events, in order; empty where the piece is ignored.
    types: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    parked: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    #: When it arrives: close behind what it tells of.
    received_ms: EpochMs = RECEIVED_MS


@dataclass(frozen=True)
class VendorCase:
    """A vendor for the suites over all of them."""

    connector: AnyConnector
    #: Puts a genuine signature, made with this secret at `sample.received_ms`, on a sample's request. Where it covers
    #: the address, that is `https://HOST/v1/hooks/VENDOR/VENDOR-main`, whatever the host.
    sign: Callable[[Sample, bytes], Delivery]
    samples: tuple[Sample, ...]
    options: ChannelOptions = field(default_factory=ChannelOptions)
    #: Whether the signature covers the body, and whether it carries a time that makes a replay visible.
    signs_body: bool = True
    signs_time: bool = False
    #: Whether the body is JSON: then nesting, duplicate keys and encodings are tried on it.
    is_json: bool = True

    def source(self, *, secrets: tuple[bytes, ...] = (SECRET,), tenant: str = "acme") -> Source[ChannelOptions]:
        """A configured account of the vendor."""
        return Source(
            name=f"{self.connector.vendor}-main",
            tenant=tenant,
            options=self.options,
            secrets=() if self.connector.unsigned else secrets,
        )


def cases() -> list[VendorCase]:
    """The case of every vendor module, by name."""
    found = [
        importlib.import_module(f"{vendors.__name__}.{module.name}").CASE
        for module in pkgutil.iter_modules(vendors.__path__)
    ]
    return sorted(found, key=lambda case: case.connector.vendor)
