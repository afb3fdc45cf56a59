-- The first questions. All of them read final versions, so none can count a revision twice.

CREATE OR REPLACE VIEW facts AS
SELECT * FROM metric_facts FINAL WHERE NOT retracted;

-- By the hour in which a fact ended. Quantiles are exact and interpolated, as the rolling windows' reference has them.
CREATE OR REPLACE VIEW kpi_hourly AS
SELECT
    tenant,
    toStartOfHour(assumeNotNull(ended_at)) AS hour,
    channel,
    metric,
    count() AS count,
    avg(value_ms) AS mean_ms,
    quantileExactInclusive(0.5)(value_ms) AS p50_ms,
    quantileExactInclusive(0.9)(value_ms) AS p90_ms,
    quantileExactInclusive(0.95)(value_ms) AS p95_ms,
    quantileExactInclusive(0.99)(value_ms) AS p99_ms,
    avg(business_ms) AS business_mean_ms
FROM facts
WHERE value_ms IS NOT NULL AND ended_at IS NOT NULL
GROUP BY tenant, hour, channel, metric
SETTINGS enable_extended_results_for_datetime_functions = 1;

-- By the day a clock ended; one that is still open behind its deadline counts on the day of the deadline.
CREATE OR REPLACE VIEW sla_attainment AS
SELECT
    tenant,
    toDate32(assumeNotNull(coalesce(ended_at, deadline))) AS day,
    metric,
    policy,
    channel,
    team,
    countIf(outcome = 'met') AS met,
    countIf(outcome = 'breached') AS breached,
    countIf(outcome = 'cancelled') AS cancelled,
    if(met + breached = 0, NULL, met / (met + breached)) AS attainment
FROM facts
WHERE metric IN ('sla_first_response', 'sla_next_response', 'sla_resolution')
    AND coalesce(ended_at, deadline) IS NOT NULL
GROUP BY tenant, day, metric, policy, channel, team;

-- What each agent did on a day. Survey scores of other scales are brought to 1 to 5; one without a scale is taken as it is.
CREATE OR REPLACE VIEW agent_scorecard AS
SELECT
    tenant,
    toDate32(assumeNotNull(ended_at)) AS day,
    assumeNotNull(agent_id) AS agent,
    countIf(metric = 'first_response') AS first_responses,
    if(first_responses = 0, NULL, quantileExactInclusiveIf(0.5)(value_ms, metric = 'first_response')) AS first_response_p50_ms,
    countIf(metric = 'next_response') AS next_responses,
    if(next_responses = 0, NULL, quantileExactInclusiveIf(0.5)(value_ms, metric = 'next_response')) AS next_response_p50_ms,
    countIf(metric = 'resolution') AS resolutions,
    sumIf(ifNull(value_ms, 0), metric = 'handle_time') AS handle_ms,
    countIf(metric = 'transfer') AS transfers_received,
    countIf(metric = 'csat') AS csat_count,
    if(csat_count = 0, NULL, avgIf(
        if(score_max > score_min, 1 + 4 * (score - score_min) / (score_max - score_min), score), metric = 'csat'
    )) AS csat_mean
FROM facts
WHERE agent_id IS NOT NULL AND ended_at IS NOT NULL
    AND metric IN ('first_response', 'next_response', 'resolution', 'handle_time', 'transfer', 'csat')
GROUP BY tenant, day, agent;

-- The episodes that are open now, worked out from the events themselves: every event has one role, and where the last
-- end, the first human and the last answer stand among the roles says all that the fold would say.
CREATE OR REPLACE VIEW open_conversations AS
WITH
    ['contact', 'human_reply', 'bot_reply', 'start', 'handoff', 'open', 'pending', 'on_hold'] AS openers,
    ['contact', 'open', 'pending', 'on_hold'] AS reopeners,
    ['contact', 'open', 'pending', 'on_hold'] AS status_setters,
    ['handoff', 'assigned', 'human_reply'] AS human_takers,
    ordered AS
    (
        SELECT
            tenant,
            conversation_id,
            arraySort(groupArrayIf(
                (occurred_at, ifNull(sequence, 0), event_id, source, role, toString(channel)), role != ''
            )) AS events,
            argMaxIf(tuple(assignee_id), position, type = 'assigned').1 AS assignee_id,
            argMaxIf(tuple(team), position, team IS NOT NULL).1 AS team,
            argMaxIf(tuple(priority), position, priority IS NOT NULL).1 AS priority,
            argMaxIf(tuple(customer_id), position, customer_id IS NOT NULL).1 AS customer_id,
            max(occurred_at) AS last_event_at
        FROM
        (
            SELECT
                *,
                (occurred_at, ifNull(sequence, 0), event_id, source) AS position,
                multiIf(
                    type = 'conversation_started', if(actor_kind = 'customer', 'contact', 'start'),
                    type = 'message' AND actor_kind = 'customer' AND NOT automated AND NOT ack, 'contact',
                    type IN ('message', 'call_answered') AND actor_kind = 'human' AND NOT automated, 'human_reply',
                    type = 'message' AND actor_kind = 'bot' AND NOT automated, 'bot_reply',
                    type = 'handoff_requested', 'handoff',
                    type = 'assigned' AND assignee_id IS NOT NULL, 'assigned',
                    type = 'status_changed' AND status IN ('resolved', 'closed'), 'done',
                    type = 'status_changed' AND status IN ('open', 'pending', 'on_hold'), toString(assumeNotNull(status)),
                    ''
                ) AS role
            FROM interactions FINAL
        )
        GROUP BY tenant, conversation_id
        -- Merged, deleted and spam have nothing open, wherever among the events they stand.
        HAVING countIf(type IN ('merged', 'deleted') OR (type = 'status_changed' AND status = 'spam')) = 0
    ),
    placed AS
    (
        SELECT
            *,
            arrayMap(e -> e.1, events) AS times,
            arrayMap(e -> e.5, events) AS roles,
            arrayEnumerate(roles) AS places,
            arrayLastIndex(r -> r = 'done', roles) AS done_at,
            arrayFirstIndex((r, i) -> i > done_at AND has(if(done_at = 0, openers, reopeners), r), roles, places) AS begun_at,
            arrayFirstIndex((r, i) -> i >= begun_at AND has(human_takers, r), roles, places) AS human_at,
            arrayFirstIndex((r, i) -> i >= begun_at AND r = 'bot_reply' AND (human_at = 0 OR i < human_at), roles, places) AS bot_at,
            arrayLastIndex((r, i) -> i >= begun_at
                AND (r = 'human_reply' OR (r = 'bot_reply' AND (human_at = 0 OR i < human_at))), roles, places) AS answered_at,
            arrayFirstIndex((r, i) -> i >= begun_at AND i > answered_at
                AND (r = 'contact' OR (r = 'handoff' AND i = human_at)), roles, places) AS turn_at,
            arrayLastIndex((r, i) -> i >= begun_at AND has(status_setters, r), roles, places) AS status_at,
            arrayLastIndex((r, i) -> i >= begun_at AND r = 'contact', roles, places) AS contact_at,
            bot_at > 0 AND bot_at < turn_at AND (human_at = 0 OR turn_at < human_at) AS turn_began_with_bot,
            if(turn_began_with_bot, human_at, turn_at) AS clock_at
        FROM ordered
    ),
    breached AS
    (
        SELECT tenant, conversation_id, arraySort(groupArray(toString(metric))) AS metrics
        FROM facts
        WHERE metric IN ('sla_first_response', 'sla_next_response', 'sla_resolution')
            AND outcome = 'breached' AND ended_at IS NULL
        GROUP BY tenant, conversation_id
    )
SELECT
    placed.tenant AS tenant,
    placed.conversation_id AS conversation_id,
    events[begun_at].6 AS channel,
    if(status_at = 0 OR roles[status_at] = 'contact', 'open', roles[status_at]) AS status,
    multiIf(human_at > 0, 'human', bot_at > 0, 'bot', NULL) AS owner,
    assignee_id,
    team,
    priority,
    customer_id,
    times[begun_at] AS opened_at,
    if(contact_at = 0, NULL, times[contact_at]) AS last_contact_at,
    last_event_at,
    if(turn_at = 0, NULL, times[turn_at]) AS waiting_since,
    if(clock_at = 0, NULL, times[clock_at]) AS human_clock_since,
    breached.metrics AS breached
FROM placed
LEFT JOIN breached ON breached.tenant = placed.tenant AND breached.conversation_id = placed.conversation_id
WHERE begun_at > 0;
