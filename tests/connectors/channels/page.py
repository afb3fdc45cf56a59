"""docs/channels.md, made from the connectors and their samples: python -m tests.connectors.channels.page writes it."""

from __future__ import annotations

import dataclasses
import inspect
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from connectors.channels.base import Delivery
from connectors.channels.registry import channels
from schemas.errors import Refused
from tests.connectors.channels.case import RECEIVED_MS, VendorCase, cases
from tests.streams.shared import SHARED

PAGE = Path(__file__).parents[3] / "docs" / "channels.md"
_WEBHOOKS = SHARED / "webhooks"
_DEPTH = 4
_HEAD = """\
# Channels

What each channel proves, takes and tells. Made by a test from the connectors and from the samples that the tests send
them; `python -m tests.connectors.channels.page` writes it anew. How to run the gateway: [gateway.md](gateway.md); how
to add a channel: [ADDING_A_CHANNEL.md](../connectors/ADDING_A_CHANNEL.md).

Options are those of `options:` in `sources.yaml`; what each means is in its connector. Pieces of a delivery that are
known and mean nothing here are counted as ignored; what is not known is parked in `interactions-dlq`.
"""
_SHARED_HEAD = """\
## Payloads of the vendors

What becomes of the JSON that vendors publish or send, in a collection that is theirs and so no part of this repository:
each object that its connector takes for a delivery, the outermost ones. "Other" are files without any: excerpts,
settings, what an API answers. Logs, mails and forms are in the vendors' own tests.

| channel | mapped | ignored | parked | other |
|---|---|---|---|---|
"""


def written() -> str:
    """The part that needs nothing but the repository."""
    return "\n".join([_HEAD, *(section(case) for case in cases())])


def section(case: VendorCase) -> str:
    """One channel."""
    connector = case.connector
    proof = (inspect.getdoc(connector.verify) or "").split("\n\n")[0].replace("\n", " ")
    types = ", ".join(f"`{each}`" for each in sorted(connector.content_types)) or "any"
    options = ", ".join(f"`{each}`" for each in connector.Options.model_fields) or "none"
    told = Counter(kind for sample in case.samples for kind in sample.types)
    ignored = sorted({code for sample in case.samples for code in sample.ignored})
    lines = [
        f"## {connector.vendor}",
        "",
        (inspect.getdoc(inspect.getmodule(type(connector))) or "").split("\n\n")[0].replace("\n", " "),
        "",
        f"- Proof: {proof}",
        f"- A replay is seen by its age: {'yes' if case.signs_time else 'no, and it changes nothing'}",
        f"- Content types: {types}",
        f"- Options: {options}",
        f"- Tells: {', '.join(f'`{kind}`' for kind in sorted(told))}",
        f"- Ignored, of what the samples have: {', '.join(f'`{code}`' for code in ignored) or 'nothing'}",
        "",
    ]
    return "\n".join(lines)


def shared_table() -> str | None:
    """The part that needs the payloads; None without them."""
    if not _WEBHOOKS.is_dir():
        return None
    rows = [_row(case) for case in cases() if (_WEBHOOKS / case.connector.vendor).is_dir()]
    return _SHARED_HEAD + "".join(rows)


def _row(case: VendorCase) -> str:
    ends = Counter(end for path in _json_files(case.connector.vendor) for end in _ends_in(case, path))
    if not ends:
        return ""
    counts = " | ".join(str(ends[end]) for end in ("mapped", "ignored", "parked", "other"))
    return f"| {case.connector.vendor} | {counts} |\n"


def _json_files(vendor: str) -> list[Path]:
    files = sorted((_WEBHOOKS / vendor).iterdir())
    return [path for path in files if path.suffix in (".json", ".jsonl") and not path.name.endswith(".schema.json")]


def _ends_in(case: VendorCase, path: Path) -> list[str]:
    texts = path.read_text("utf-8").splitlines() if path.suffix == ".jsonl" else [path.read_text("utf-8")]
    headers = _headers(case.connector.vendor, path.name)
    return [end for text in texts for end in list(_ends(case, json.loads(text), headers)) or ["other"]]


def _ends(case: VendorCase, found: Any, headers: dict[str, str], depth: int = 0) -> Iterator[str]:
    """What becomes of a delivery, or of those inside of what is none."""
    if depth > _DEPTH or not isinstance(found, (dict, list)):
        return
    body = found["body"] if isinstance(found, dict) and "_headers" in found else found
    try:
        # Options would park what belongs to other accounts.
        source = dataclasses.replace(case.source(), options=case.connector.Options())
        parsed = case.connector.parse(Delivery("POST", "", headers, json.dumps(body).encode(), RECEIVED_MS), source)
    except Refused:
        for inner in found.values() if isinstance(found, dict) else found:
            # An object deep inside that is merely unknown is a piece of something, and no delivery.
            yield from (end for end in _ends(case, inner, headers, depth + 1) if end != "parked")
        return
    yield "mapped" if parsed.events else "parked" if parsed.parked else "ignored"


def _headers(vendor: str, name: str) -> dict[str, str]:
    """Where the vendor says the event in a header, the file does in its name."""
    parts = [part for part in name.split(".") if part not in ("payload-examples", "ghes-35", "github", "ae")]
    said = {
        "github": {"x-github-event": parts[0]},
        "helpscout": {"x-helpscout-event": Path(name).stem.rpartition("_")[2]},
    }
    return {"content-type": "application/json", **said.get(vendor, {})}


def without_a_case() -> set[str]:
    """Channels whose samples nobody has written."""
    return set(channels()) - {case.connector.vendor for case in cases()}


if __name__ == "__main__":
    PAGE.write_text(written() + "\n" + (shared_table() or ""), encoding="utf-8")
