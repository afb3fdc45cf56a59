"""The figures of the data sets' README, asked of ClickHouse after an import.

Each query gives one row whose columns carry the README's names; `{tenant:String}` is the tenant it was imported for,
by default the format's name. Two definitions of a quantile were at work there: `xs[int(n × 0.9)]` of the sorted values
for the incidents (quantileExact), linear interpolation over n − 1 for the rest (quantileExactInclusive).
"""

from __future__ import annotations

from typing import Any

UCI_INCIDENTS = """
WITH
    incidents AS (
        SELECT
            conversation_id,
            uniqExact(extract(event_id, '^(.*)/')) AS rows,
            anyIf(attributes['contact_type'], type = 'conversation_started') AS contact_type,
            argMaxIf(attributes['made_sla'], sequence, attributes['made_sla'] != '') AS made_sla,
            countIf(attributes['resolved_at'] != '') > 0 AS resolved
        FROM interactions FINAL
        WHERE tenant = {tenant:String}
        GROUP BY conversation_id
    ),
    resolutions AS (
        SELECT value_ms / 3600000 AS hours
        FROM metric_facts FINAL
        WHERE tenant = {tenant:String} AND metric = 'full_resolution' AND NOT retracted
            AND conversation_id IN (SELECT conversation_id FROM incidents WHERE resolved)
    )
SELECT
    (SELECT sum(rows) FROM incidents) AS rows,
    (SELECT count() FROM incidents) AS incidents,
    (SELECT count() FROM resolutions) AS resolved,
    (SELECT round(quantileExactInclusive(0.5)(hours), 3) FROM resolutions) AS median,
    (SELECT round(quantileExact(0.9)(hours), 3) FROM resolutions) AS p90,
    (SELECT uniqExact(conversation_id) FROM metric_facts FINAL
     WHERE tenant = {tenant:String} AND metric = 'reopen' AND NOT retracted) AS reopened,
    (SELECT countIf(contact_type = 'Phone') FROM incidents) AS phone,
    (SELECT countIf(contact_type = 'Email') FROM incidents) AS email,
    (SELECT countIf(made_sla = 'true') FROM incidents) AS made_sla_true
"""

IBM_TWITTER = """
WITH answers AS (
    SELECT value_ms / 60000 AS minutes
    FROM metric_facts FINAL
    WHERE tenant = {tenant:String} AND metric = 'first_response' AND NOT retracted
)
SELECT
    (SELECT uniqExact(conversation_id) FROM interactions FINAL WHERE tenant = {tenant:String}) AS conversations,
    (SELECT count() FROM interactions FINAL WHERE tenant = {tenant:String}) AS messages,
    (SELECT count() FROM answers) AS answered,
    (SELECT round(quantileExactInclusive(0.5)(minutes), 3) FROM answers) AS first_response_minutes_median
"""

# A tree whose root is the brand's has a first response too, to the first customer below; the README counts from roots.
TWITTER_THREADS = """
WITH
    roots AS (
        SELECT conversation_id, min(occurred_at) AS root_at, count() AS tweets
        FROM interactions FINAL
        WHERE tenant = {tenant:String}
        GROUP BY conversation_id
    ),
    answers AS (
        SELECT facts.value_ms / 60000 AS minutes
        FROM (
            SELECT conversation_id, value_ms, started_at
            FROM metric_facts FINAL
            WHERE tenant = {tenant:String} AND metric = 'first_response' AND NOT retracted
        ) AS facts
        INNER JOIN roots ON facts.conversation_id = roots.conversation_id
        WHERE facts.started_at = roots.root_at
    )
SELECT
    (SELECT sum(tweets) FROM roots) AS valid,
    (SELECT count() FROM roots) AS conversations,
    (SELECT count() FROM answers) AS answered,
    (SELECT round(quantileExactInclusive(0.5)(minutes), 3) FROM answers) AS median,
    (SELECT round(quantileExactInclusive(0.9)(minutes), 3) FROM answers) AS p90
"""

#: Format → query.
QUERIES: dict[str, str] = {
    "uci_incidents": UCI_INCIDENTS,
    "ibm_twitter": IBM_TWITTER,
    "twitter_threads": TWITTER_THREADS,
}

#: Format → the file's name among the data sets.
FILES: dict[str, str] = {
    "uci_incidents": "uci_incidents.csv.gz",
    "ibm_twitter": "ibm_twitter_conversations.jsonl",
    "twitter_threads": "twitter_threads.csv",
}

#: Format → the README's figures, flattened, as the query names them.
FIGURES: dict[str, dict[str, Any]] = {
    "uci_incidents": {
        "rows": 102582,
        "incidents": 17442,
        "resolved": 16208,
        "median": 27.592,
        "p90": 406.933,
        "reopened": 202,
        "phone": 17406,
        "email": 36,
        "made_sla_true": 10068,
    },
    "ibm_twitter": {
        "conversations": 525,
        "messages": 1211,
        "answered": 525,
        "first_response_minutes_median": 123.643,
    },
    "twitter_threads": {
        "valid": 5000,
        "conversations": 1312,
        "answered": 1288,
        "median": 13.575,
        "p90": 537.455,
    },
}

#: Format → (rows, imported, refused), as the import reports them.
ACCOUNTS: dict[str, tuple[int, int, int]] = {
    "uci_incidents": (102582, 102582, 0),
    "ibm_twitter": (525, 525, 0),
    "twitter_threads": (5001, 5000, 1),
}
