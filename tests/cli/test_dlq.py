"""`supportpulse dlq` as it is typed."""

from __future__ import annotations

import base64
from pathlib import Path

import msgspec

from supportpulse import topics as topic_maker
from supportpulse.broker import TansuBroker
from supportpulse.dlq.redrive import Desk
from tests.cli.command import run
from tests.dlq.deliveries import parked, records
from tests.dlq.harness import letter, lying, park
from tests.servers.plugin import Broker

_WORDS = b"my card is 4111"


def test_list_shows_redrive_sends_and_the_list_says_so(own_tansu: TansuBroker, tmp_path: Path) -> None:
    broker, desk = Broker("tansu", own_tansu.address), Desk(own_tansu.address)
    topic_maker.ensure(broker.address, desk.topics, partitions=2)
    park(broker, desk, [letter(0, original=_WORDS), letter(1, reason="malformed"), letter(2, origin="gateway/x/y")])
    at = ("--kafka", broker.address)

    listed = run(tmp_path, "dlq", "list", *at)
    assert listed.status == 0, listed.err
    assert [
        words for words in ("0/0", "interactions/0/0", "malformed", "for the test") if words not in listed.out
    ] == []
    assert "3 dead letters, 3 of them not redriven" in listed.out
    assert "4111" not in listed.out
    assert "4111" in run(tmp_path, "dlq", "list", "--show-bytes", *at).out

    (as_json,) = map(msgspec.json.decode, run(tmp_path, "dlq", "list", "--limit", 1, "--json", *at).out.splitlines())
    assert as_json["id"] == "0/2"
    assert "original_base64" not in as_json
    done = run(tmp_path, "dlq", "list", "--reason", "unknown_schema", "--origin", "interactions/", "--json",
               "--show-bytes", *at)  # fmt: skip
    (as_json,) = map(msgspec.json.decode, done.out.splitlines())
    assert base64.b64decode(as_json["original_base64"]) == _WORDS

    dry = run(tmp_path, "dlq", "redrive", "--all", "--dry-run", *at)
    assert "2 to send, 0 finished, 0 redriven before, 1 cannot be redriven" in dry.out
    assert lying(desk, "interactions").total() == 0
    assert "1 sent" in run(tmp_path, "dlq", "redrive", "--ids", "0/0", *at).out
    unknown = run(tmp_path, "dlq", "redrive", "--ids", "7/7777", *at)
    assert (unknown.status, "no such letter: 7/7777" in unknown.err) == (1, True)
    done = run(tmp_path, "dlq", "redrive", "--all", "--json", *at)
    report = msgspec.json.decode(done.out)
    assert (list(report["sent"]), list(report["before"]), list(report["refused"])) == (["0/1"], ["0/0"], ["0/2"])
    assert lying(desk, "interactions") == {(b"acme/0", _WORDS): 1, (b"acme/1", b"bytes of 1"): 1}
    assert "1 of them not redriven" in run(tmp_path, "dlq", "list", *at).out


def test_what_the_gateway_parked_is_read_again_without_a_secret(own_tansu: TansuBroker, tmp_path: Path) -> None:
    broker, desk = Broker("tansu", own_tansu.address), Desk(own_tansu.address)
    topic_maker.ensure(broker.address, desk.topics, partitions=2)
    park(broker, desk, [parked("line", "asked"), parked("line", "unknown-event")])
    redriven = ("dlq", "redrive", "--origin", "gateway/line/", "--kafka", broker.address)
    done = run(tmp_path, *redriven)
    assert "0 sent, 0 finished, 0 redriven before, 2 cannot be redriven" in done.out
    assert "--sources FILE" in done.out

    sources = tmp_path / "sources.yaml"
    sources.write_text("sources: [{name: line-main, vendor: line, tenant: acme, secrets: [env:NOT_SET_HERE]}]")
    done = run(tmp_path, *redriven, "--sources", sources)
    assert "1 sent, 0 finished, 0 redriven before, 1 cannot be redriven" in done.out
    assert lying(desk, "interactions") == records("line", "asked")
    sources.write_text("sources: [{name: line-main, vendor: pigeon, tenant: acme}]")
    done = run(tmp_path, *redriven, "--sources", sources)
    assert (done.status, "sources.yaml:1: " in done.complaint) == (1, True)


def test_a_mistake_says_what_to_type(tmp_path: Path) -> None:
    for arguments, says in (
        (("redrive",), "--all"),
        (("redrive", "--ids", "7"), "PARTITION/OFFSET"),
        (("list", "--reason", "bad"), "unknown_schema"),
    ):
        done = run(tmp_path, "dlq", *arguments)
        assert done.status == 1
        assert says in done.complaint
