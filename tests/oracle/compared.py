"""Facts of the product as the oracle would write them."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from schemas.records import MetricFact
from tests.oracle.oracle import FactKey


def by_key(facts: Iterable[MetricFact]) -> dict[FactKey, MetricFact]:
    """By tenant and name. What a version of the policies says is a fingerprint, of which the oracle knows nothing."""
    return {
        (fact.tenant, fact.fact_id): msgspec.structs.replace(
            fact, policy_version=fact.policy_version and fact.policy_version.partition("#")[0]
        )
        for fact in facts
    }
