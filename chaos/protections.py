"""Protections, each with the line that is it and the tests that fail without it. `chaos.controls` switches them off."""

from __future__ import annotations

from dataclasses import dataclass

_WORKER = "tests/streams/worker"


@dataclass(frozen=True, slots=True)
class Control:
    """In `path`, `was` is replaced by `off`."""

    protection: str
    path: str
    was: str
    off: str
    tests: tuple[str, ...]


CONTROLS = (
    Control(
        "Only the prefix of finished chunks is committed",
        "streams/worker/offsets.py",
        "while self._open and self._open[0][1]:\n            self._safe = self._open.popleft()[0] + 1",
        "self._safe = last_offset + 1",
        (
            f"{_WORKER}/test_offsets.py::test_a_commit_never_passes_an_unfinished_record_and_misses_no_finished_one",
            f"{_WORKER}/test_transport.py::test_only_stock_faust_commits_past_a_message_that_is_not_finished",
        ),
    ),
    Control(
        "Faust's ack moves no offset",
        "streams/worker/transport.py",
        "message.acked = True",
        "self.finish(message.tp, message.offset)",
        (f"{_WORKER}/test_transport.py::test_only_stock_faust_commits_past_a_message_whose_agent_failed",),
    ),
    Control(
        "What Faust's streams ack on their own is not committed",
        "streams/worker/transport.py",
        "(offset := book.to_commit()) is not None",
        "(offset := 1 + max(self._acked.get(tp) or [-1])) > 0",
        (
            f"{_WORKER}/test_transport.py::test_only_stock_faust_commits_past_a_message_whose_agent_failed",
            f"{_WORKER}/test_transport.py::test_only_stock_faust_commits_a_message_in_the_middle_of_which_it_was_stopped",
            f"{_WORKER}/test_transport.py::test_only_stock_faust_commits_what_was_skipped_although_it_acks_nothing",
        ),
    ),
    Control(
        "A commit that failed is tried again",
        "streams/worker/transport.py",
        "if not offsets or not await self._commit(offsets):\n            return False",
        "if not offsets:\n            return False\n        await self._commit(offsets)",
        (f"{_WORKER}/test_transport.py::test_only_stock_faust_believes_in_a_commit_that_failed",),
    ),
    Control(
        "Partitions without a committed offset are read again after a rebalance",
        "streams/worker/transport.py",
        " or not committed.get(tp)}",
        "}",
        (
            f"{_WORKER}/test_transport.py"
            "::test_only_stock_faust_does_not_read_again_what_it_threw_away_before_the_first_commit",
        ),
    ),
    Control(
        "What was fetched before a rebalance is not delivered behind it",
        "streams/worker/transport.py",
        "        fetched, active = await self._wait_next_records(timeout)\n",
        "        fetched, active = await self._wait_next_records(timeout)\n"
        "        generation_id = self.app.consumer_generation_id\n",
        (f"{_WORKER}/test_transport.py::test_only_stock_faust_delivers_what_was_fetched_before_a_rebalance_behind_it",),
    ),
    Control(
        "No message is dropped for a place that was noted late",
        "streams/worker/transport.py",
        "        self._read_offset = _NowhereRead()\n",
        "",
        (f"{_WORKER}/test_transport.py::test_nothing_is_dropped_in_front_of_a_place_that_faust_notes_behind_a_seek",),
    ),
    Control(
        "No chunk is processed before what lies in front of it",
        "streams/worker/unbroken.py",
        "if chunk.begins <= wanted:",
        "if True:",
        (f"{_WORKER}/test_unbroken.py::test_what_was_thrown_away_on_its_way_is_read_again",),
    ),
    Control(
        "What was fetched for an earlier assignment sends no partition back",
        "streams/worker/interactions.py",
        "if partition is None or not self._ownership.holds(tp, generation):",
        "if partition is None:",
        (f"{_WORKER}/test_fencing.py::test_what_was_fetched_for_an_earlier_assignment_sends_no_partition_back",),
    ),
    Control(
        "The flow stands still from an assignment to its seek",
        "streams/worker/transport.py",
        "        self.stop_flow()\n        self.app.flow_control.suspend()\n",
        "",
        (f"{_WORKER}/test_transport.py::test_only_stock_faust_delivers_while_it_puts_its_partitions_to_their_places",),
    ),
    Control(
        "The end of an earlier rebalance does not let chunks flow",
        "streams/worker/transport.py",
        "if self._placed == self.app.consumer_generation_id or not self.assignment():",
        "if True:",
        (f"{_WORKER}/test_transport.py::test_only_stock_faust_goes_on_when_the_end_of_an_earlier_rebalance_says_so",),
    ),
    Control(
        "A partition is read again in the thread that fetches",
        "streams/worker/transport.py",
        "await self.seek_wait({ensure_aiokafka_TP(tp): offset})",
        "await self._seek(tp, offset)",
        (f"{_WORKER}/test_transport.py::test_a_partition_is_read_again_in_the_thread_that_fetches",),
    ),
    Control(
        "A book of windows is there before its first deltas",
        "streams/worker/app.py",
        "        self._windows.begin((tp.partition for tp in deltas), generation)\n"
        "        self._recovering = asyncio.ensure_future(self._fail_if_not_recovered())\n"
        "        ends = await self._app.consumer.highwaters(*deltas) if deltas else {}\n",
        "        self._recovering = asyncio.ensure_future(self._fail_if_not_recovered())\n"
        "        ends = await self._app.consumer.highwaters(*deltas) if deltas else {}\n"
        "        self._windows.begin((tp.partition for tp in deltas), generation)\n",
        (f"{_WORKER}/test_unbroken.py::test_deltas_that_come_before_the_broker_says_where_they_end_are_taken",),
    ),
    Control(
        "A full queue blocks, and takes no partition from the fetcher",
        "streams/worker/transport.py",
        '"""The queue blocks by itself."""',
        "super().on_buffer_full(tp)",
        (f"{_WORKER}/test_transport.py::test_only_stock_faust_stops_to_fetch_when_a_queue_is_full",),
    ),
    Control(
        "Facts have arrived before the state that caused them is written",
        "streams/worker/interactions.py",
        "self.deltas_sent.update(await outputs.send(outcome.dead_letters, outcome.alerts))",
        "asyncio.ensure_future(outputs.send(outcome.dead_letters, outcome.alerts))",
        (f"{_WORKER}/test_stock.py::test_a_worker_commits_nothing_whose_facts_it_could_not_send",),
    ),
    Control(
        "State has arrived before its offsets may be committed",
        "streams/worker/interactions.py",
        "await self._outbox.send_to(self._topics.conversation_state, tp.partition, records)",
        "asyncio.ensure_future(self._outbox.send_to(self._topics.conversation_state, tp.partition, list(records)))",
        (f"{_WORKER}/test_stock.py::test_a_worker_commits_nothing_that_its_changelog_did_not_get",),
    ),
    Control(
        "Ownership is checked before the changelog",
        "streams/worker/interactions.py",
        "if not self._ownership.holds(tp, generation):\n            return False\n        entries =",
        "self._ownership.holds(tp, generation)\n        entries =",
        (f"{_WORKER}/test_fencing.py::test_a_partition_that_is_lost_in_between_ends_the_chunk_there",),
    ),
    Control(
        "Ownership is checked before what was written counts",
        "streams/worker/interactions.py",
        "if not self._ownership.holds(tp, generation):\n            return False\n        for entry in",
        "self._ownership.holds(tp, generation)\n        for entry in",
        (f"{_WORKER}/test_fencing.py::test_a_partition_that_is_lost_in_between_ends_the_chunk_there",),
    ),
    Control(
        "State is forgotten when somebody else may have had the partition",
        "streams/worker/interactions.py",
        "if number in kept and partition.generation == generation - 1:",
        "if number in kept:",
        (f"{_WORKER}/test_stock.py::test_a_worker_forgets_partitions_that_went_and_reads_those_that_came_back",),
    ),
    Control(
        "A changelog key has its owner",
        "streams/worker/changelog.py",
        "Outgoing(_encode(_Key(entry.key, entry.segment, owner))",
        'Outgoing(_encode(_Key(entry.key, entry.segment, ""))',
        (f"{_WORKER}/test_changelog.py::test_the_newest_state_is_recovered_behind_kafkas_own_cleaner",),
    ),
    Control(
        "Recovery takes the record with the highest source offset",
        "streams/worker/changelog.py",
        "if rank >= self._ranks.get(slot, -1):\n            self._ranks[slot] = rank\n            self._store.put(",
        "if True:\n            self._store.put(",
        (f"{_WORKER}/test_changelog.py::test_older_state_that_is_written_later_does_not_hold",),
    ),
    Control(
        '"Applied through" is written last',
        "streams/worker/changelog.py",
        "    if policies is not None:",
        '    yield Outgoing(_encode(_Key("", None, owner)), _encode(_Value(through, b"", edition)), now_ms)\n'
        "    if policies is not None:",
        (f"{_WORKER}/test_changelog.py::test_applied_through_is_written_last",),
    ),
    Control(
        "Recovery reads until nothing comes any more",
        "streams/worker/changelog.py",
        "if not fetched.get(tp) and await consumer.position(tp) >= end:",
        "if await consumer.position(tp) >= end:",
        (f"{_WORKER}/test_changelog.py::test_what_arrives_behind_the_end_that_the_broker_named_is_read_as_well",),
    ),
    Control(
        "Any exception ends the worker",
        "streams/worker/lanes.py",
        "self._on_failure(exc)",
        "print(exc)",
        (
            f"{_WORKER}/test_worker.py::test_an_exception_ends_the_worker_and_nothing_is_committed_behind_it",
            f"{_WORKER}/test_stock.py::test_a_worker_commits_nothing_that_its_changelog_did_not_get",
        ),
    ),
    Control(
        "A Faust that has crashed ends the worker",
        "streams/worker/app.py",
        "while not self._app.crashed:",
        "while True:",
        (f"{_WORKER}/test_fencing.py::test_a_faust_that_crashed_ends_the_worker",),
    ),
    Control(
        "A worker that stood still does not say what it knew before",
        "streams/worker/app.py",
        "if late_seconds > self._config.session_timeout_seconds / 2:",
        "if late_seconds < 0:",
        (
            f"{_WORKER}/test_fencing.py"
            "::test_a_worker_that_stood_still_sends_no_windows_of_partitions_that_others_may_have",
        ),
    ),
    Control(
        "Batches of one partition go one after the other",
        "streams/worker/outbox.py",
        "for batch in pile.batches():\n                last = await self._deliver(batch, topic, partition)\n",
        "sent = [self._deliver(batch, topic, partition) for batch in pile.batches()]\n"
        "            last = (await asyncio.gather(*sent))[-1] if sent else -1\n",
        (f"{_WORKER}/test_outbox.py::test_nothing_arrives_behind_a_batch_that_was_refused",),
    ),
    Control(
        "What a rebalance cancels is a recovery, and not the chunk that waits for it",
        "streams/worker/interactions.py",
        "await asyncio.wait([recovering])\n"
        "            if not recovering.cancelled():\n                recovering.result()",
        "await asyncio.shield(recovering)",
        (f"{_WORKER}/test_recovering.py::test_a_rebalance_while_chunks_wait_for_their_state_loses_nobody",),
    ),
    Control(
        "A broker that fails a recovery ends the worker",
        "streams/worker/app.py",
        "        # A broker that fails as well: nobody would breach what is due in a partition that stays away.\n"
        "        except Exception as exc:  # noqa: BLE001",
        "        except SupportpulseError as exc:",
        (
            f"{_WORKER}/test_recovering.py"
            "::test_a_broker_that_fails_a_recovery_ends_the_worker_without_waiting_for_an_event",
        ),
    ),
    Control(
        "Too many refused records in a row stop a worker",
        "streams/partition/cap.py",
        "if self._limits.run and run.total() >= self._limits.run:",
        "if False:",
        (f"{_WORKER}/test_cap.py::test_too_many_in_a_row_stop_it_and_nothing_of_them_is_parked_or_committed",),
    ),
    Control(
        "Records that have had their effect are passed over",
        "streams/partition/chunk.py",
        "if record.offset > folding.through:",
        "if True:",
        ("tests/streams/partition/test_law.py::test_records_that_have_been_applied_are_passed_over",),
    ),
    Control(
        "Window rows of offsets that were applied change nothing",
        "streams/windows/book.py",
        "fresh = batch.source_offset > done",
        "fresh = batch.source_offset > -1",
        ("tests/streams/windows/test_book.py::test_chunks_repeated_with_other_boundaries_count_once",),
    ),
    Control(
        "Of a fact's rows the highest revision holds",
        "sinks/clickhouse/migrations/0001_tables.sql",
        "ENGINE = ReplacingMergeTree(revision)",
        "ENGINE = ReplacingMergeTree",
        ("tests/sinks/clickhouse/test_stock.py::test_an_older_version_that_comes_behind_a_newer_one_changes_nothing",),
    ),
    Control(
        "Views read with FINAL",
        "sinks/clickhouse/migrations/0002_views.sql",
        "SELECT * FROM metric_facts FINAL WHERE",
        "SELECT * FROM metric_facts WHERE",
        (
            "tests/sinks/clickhouse/test_stock.py::test_every_view_reads_tables_that_replace_rows_with_final",
            "tests/sinks/clickhouse/test_stock.py"
            "::test_without_final_rows_that_were_replaced_are_counted_however_many_there_are",
        ),
    ),
    Control(
        "The sink reads two batches ahead of ClickHouse at most",
        "sinks/service.py",
        "self._batch.close(self._clock())\n        await self._landed()",
        "self._batch.close(self._clock())",
        ("tests/sinks/test_service.py::test_an_outage_loses_nothing_reads_no_further_and_shows",),
    ),
    Control(
        "The sink commits only behind the insert",
        "sinks/service.py",
        "if not await self._insert(load):\n                return",
        "await self._insert(load)",
        ("tests/sinks/test_service.py::test_stopping_in_an_outage_leaves_everything_to_be_read_again",),
    ),
    Control(
        "A notifier commits only behind the delivery",
        "sinks/notifier/service.py",
        "                result = await self._tell(record, interrupt)\n",
        "                await self._commit(name, record.offset + 1)\n"
        "                result = await self._tell(record, interrupt)\n",
        ("tests/cli/test_notify.py::test_killed_between_a_delivery_and_its_commit_it_tells_again_with_the_same_key",),
    ),
    Control(
        "The gateway answers a batch of events when Kafka has it",
        "connectors/gateway/server.py",
        "await self._publisher.publish(taken.records)",
        "__import__('asyncio').ensure_future(self._publisher.publish(taken.records))",
        ("tests/connectors/gateway/test_server.py::test_while_kafka_is_away_nothing_is_claimed",),
    ),
    Control(
        "The gateway answers a delivery when Kafka has it",
        "connectors/gateway/server.py",
        "self._publisher.hand_over(visit.taken.records, partial(self._published, visit))",
        "self._publisher.hand_over(visit.taken.records, lambda _: None)\n        self._published(visit, None)",
        ("tests/connectors/gateway/test_server.py::test_while_kafka_is_away_nothing_is_claimed",),
    ),
    Control(
        "The gateway's publisher waits for every acknowledgement",
        "connectors/gateway/publisher.py",
        "        await done\n",
        "        await asyncio.sleep(0)\n",
        (
            "tests/connectors/gateway/test_publisher.py"
            "::test_a_broker_that_goes_is_said_in_time_and_one_that_comes_back_is_used",
        ),
    ),
    Control(
        "The gateway takes no more than it can keep",
        "connectors/gateway/publisher.py",
        "if self._waiting + len(records) > self._config.most_waiting:",
        "if False:",
        ("tests/connectors/gateway/test_publisher.py::test_more_than_may_wait_is_refused_at_once",),
    ),
    Control(
        "The gateway's publisher waits for all replicas",
        "connectors/gateway/publisher.py",
        "_ALL_REPLICAS = -1",
        "_ALL_REPLICAS = 1",
        ("tests/connectors/gateway/test_publisher.py::test_every_batch_is_for_all_replicas",),
    ),
    Control(
        "The gateway's publisher looks at what became of every batch",
        "connectors/gateway/publisher.py",
        "[for_code(code)() if (code := codes.get(batch.lane.at, -1)) else None for batch in batches]",
        "[None for batch in batches if codes]",
        (
            "tests/connectors/gateway/test_publisher.py"
            "::test_what_the_broker_refuses_is_said_and_what_went_with_it_arrives",
        ),
    ),
    Control(
        "What the gateway has to send again goes in front of what came later",
        "connectors/gateway/publisher.py",
        "batch.lane.waiting.extendleft(reversed(batch.held))",
        "batch.lane.waiting.extend(batch.held)",
        ("tests/connectors/gateway/test_publisher.py::test_what_waits_when_a_broker_comes_back_is_sent_in_its_order",),
    ),
    Control(
        "A worker sends for all replicas",
        "streams/worker/outbox.py",
        'acks="all"',
        "acks=1",
        (f"{_WORKER}/test_outbox.py::test_only_stock_aiokafka_is_content_with_the_leader",),
    ),
    Control(
        "A partition's log is compared with its state when it is taken over",
        "streams/worker/interactions.py",
        "        await self._check_log(TP(self._topics.interactions, number), store)\n",
        "",
        (f"{_WORKER}/test_same_log.py::test_a_log_that_was_made_anew_ends_the_worker",),
    ),
    Control(
        "A partition's log is compared with its state when it goes back",
        "streams/worker/interactions.py",
        "if chunk.begins < partition.reached:",
        "if False:",
        (f"{_WORKER}/test_same_log.py::test_a_partition_that_goes_back_is_looked_at_again",),
    ),
    Control(
        "The publisher looks at every record's future",
        "connectors/producer.py",
        "        while self._waiting:\n            self._look_at_oldest()\n",
        "",
        (
            "tests/connectors/test_kafka_python.py::test_flush_says_nothing_of_a_record_that_was_refused",
            "tests/connectors/test_producer.py::test_leaving_the_block_raises_what_flush_would",
        ),
    ),
    Control(
        "The publisher has only so many records on their way",
        "connectors/producer.py",
        "while len(self._waiting) >= self._settings.in_flight:",
        "while False:",
        ("tests/connectors/test_kafka_python.py::test_a_broker_that_does_not_answer_fills_no_memory",),
    ),
    Control(
        "The publisher says outright that it is idempotent",
        "connectors/producer.py",
        '"enable_idempotence": settings.idempotent,',
        '"acks": 1,',
        ("tests/connectors/test_kafka_python.py::test_a_setting_switches_idempotence_off_unless_it_was_said_outright",),
    ),
    Control(
        "What was read of a mailbox is remembered when Kafka has it",
        "connectors/imap.py",
        "            self._outlet.flush()\n",
        "",
        ("tests/connectors/test_imap.py::test_nothing_is_remembered_that_the_broker_does_not_have",),
    ),
    Control(
        "What was read of a log is remembered when Kafka has it",
        "connectors/following.py",
        "                        self._outlet.flush()\n",
        "",
        ("tests/connectors/test_following.py::test_nothing_is_remembered_that_the_broker_does_not_have",),
    ),
    Control(
        "Nothing new is begun after SIGTERM",
        "supportpulse/commands/polling.py",
        "if self._stop.is_set() and not self._begun:",
        "if False:",
        (
            "tests/cli/test_stopping.py::test_imap_ends_between_two_pieces_and_the_next_one_reads_the_rest",
            "tests/cli/test_stopping.py::test_follow_ends_between_two_pieces_and_the_next_one_reads_the_rest",
        ),
    ),
    Control(
        "A process that cannot end well ends all the same",
        "supportpulse/stopping.py",
        "            self._last.start()",
        "            pass",
        ("tests/cli/test_stopping.py::test_a_broker_that_is_away_keeps_nobody_from_ending",),
    ),
)
