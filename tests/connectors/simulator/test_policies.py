"""The policies that ship with the simulator: the file is valid, and suits the tenants it is for."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

import connectors.simulator
from connectors.simulator.profiles import TENANTS, SimulationConfig
from connectors.simulator.simulation import Simulation
from connectors.simulator.story import DAY_MS
from schemas import times
from streams.replay import Replay
from streams.sla import policy_file

POLICIES = Path(connectors.simulator.__file__).with_name("policies.yaml")
START = times.parse("2026-03-02T00:00:00Z")


def test_every_tenant_meets_most_of_its_targets_and_misses_some() -> None:
    replay = Replay()
    for arrival in Simulation(SimulationConfig(conversations_per_day=600)).history(START, START + 5 * DAY_MS):
        replay.add(arrival.event)
    outcomes: defaultdict[str, Counter[str]] = defaultdict(Counter)
    policies: set[str] = set()
    for fact in replay.facts(policy_file.load(POLICIES)):
        if fact.metric.startswith("sla_") and fact.outcome and fact.policy:
            outcomes[fact.tenant][fact.outcome] += 1
            policies.add(fact.policy)
    assert outcomes.keys() == {tenant.name for tenant in TENANTS}
    for counted in outcomes.values():
        assert 0.6 < counted["met"] / (counted["met"] + counted["breached"]) < 0.97
    assert len(policies) >= 11
