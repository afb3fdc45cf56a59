"""The command line. Every command is a few lines here and a module in `supportpulse.commands` or `supportpulse.up`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Optional

import typer

from schemas.errors import SupportpulseError
from supportpulse import cli_alerting, cli_front, cli_operations, cli_reading, output
from supportpulse.options import (
    AsOf,
    ClickHouse,
    DataDir,
    Epoch,
    Events,
    ImportKafka,
    Kafka,
    MoreEvents,
    Own,
    Policies,
    RewritePolicies,
    UpKafka,
    Verbose,
    console,
)

# typer reads these annotations when it runs, and Python 3.10 cannot evaluate `X | None` in all of them.
# ruff: noqa: UP045

#: Formats that a terminal shows: the engine in the process leaves out the end of their last line.
_TEXT_FORMATS = ("TabSeparated", "TSV", "CSV", "JSON", "Pretty", "Vertical", "Values", "Markdown", "XML", "Custom")

app = typer.Typer(
    cls=cli_front.BeginWithUp,
    name="supportpulse",
    help="Support metrics from every channel, as they happen: response and resolution times, rolling windows, SLAs.\n\n"
    "Begin with `supportpulse up`: everything on this machine, fed with simulated traffic. Options that most commands "
    "share can also be set in the environment: SUPPORTPULSE_KAFKA, SUPPORTPULSE_CLICKHOUSE, SUPPORTPULSE_DATA_DIR, "
    "SUPPORTPULSE_POLICIES.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
cli_front.register(app)
app.add_typer(cli_operations.dlq)
app.command()(cli_operations.migrate)
app.command()(cli_operations.topics)
app.command()(cli_operations.doctor)
app.add_typer(cli_alerting.sla)
app.command()(cli_alerting.notify)
cli_reading.register(app)


@app.command()
def replay(
    events: Events,
    more: MoreEvents = None,
    policies: Policies = None,
    as_of: AsOf = None,
    facts: Annotated[Optional[Path], typer.Option(help="Write the facts here instead of to stdout (JSONL).")] = None,
) -> None:
    """Compute the facts of a history by the fold alone, without Kafka: what the pipeline must come to as well.

    Prints final versions as JSON lines, sorted by tenant and fact_id. Lines that cannot be used are named on stderr.

    Example: supportpulse replay --events monday.jsonl --policies deploy/policies.yaml > facts.jsonl
    """
    from supportpulse import reach, settings
    from supportpulse.commands.replay import replay as run

    files = [*events, *(more or ())]
    reach.check_files(files)
    run(files, settings.load(policies=policies).policies, as_of, facts)


@app.command()
def worker(
    kafka: Kafka = None,
    clickhouse: Annotated[
        Optional[str],
        typer.Option(
            help="The ClickHouse server that the sink fills: conversations done for 7 days leave memory, and come back "
            "from there when they are heard of again (default: none ever leaves). All workers need the same one.",
            metavar="URL",
        ),
    ] = None,
    policies: Policies = None,
    data_dir: DataDir = None,
    metrics_port: Annotated[Optional[int], typer.Option(help="Where /metrics is served (default: 9464).")] = None,
    web_port: Annotated[
        Optional[int],
        typer.Option(help="Where Faust's own pages are served, on loopback (default: nowhere).", min=1, max=65535),
    ] = None,
    session_timeout: Annotated[
        float, typer.Option(help="Seconds without a heartbeat after which others take over.", min=1.0)
    ] = 10.0,
    rewrite_policies: RewritePolicies = False,
    heartbeat: Annotated[
        Optional[list[str]],
        typer.Option(
            help="How long a source may be silent before its alerts are held; may be repeated (default: none is "
            "watched).",
            metavar="SOURCE=5m",
        ),
    ] = None,
    epoch: Epoch = 0,
    until: Annotated[Optional[str], typer.Option(help="Process up to PARTITION=OFFSET,… and end.", hidden=True)] = None,
    as_of: AsOf = None,
    verbose: Verbose = False,
) -> None:
    """Run one worker: events of `interactions` in; facts, windows and dead letters out. Start as many as you like.

    Workers share the partitions among them, and take over from one that dies. SIGTERM or Ctrl-C ends one cleanly.

    Example: supportpulse worker --kafka kafka:9092 --policies policies.yaml
    """
    from schemas import times
    from streams.partition.cap import CapLimits
    from streams.worker.config import Drain
    from supportpulse import logs, settings
    from supportpulse.commands.worker import WorkerOptions, parse_heartbeats, parse_until, run

    logs.configure(verbose=verbose)
    found = settings.load(
        kafka=kafka,
        clickhouse=clickhouse,
        policies=policies,
        data_dir=data_dir,
        worker_metrics_port=metrics_port,
        heartbeats=",".join(heartbeat) if heartbeat else None,
    )
    drain = None
    if until is not None:
        if as_of is None:
            raise SupportpulseError("--until needs --as-of: the instant as of which open clocks are judged")
        drain = Drain(parse_until(until), times.parse(as_of))
    run(
        WorkerOptions(
            kafka=found.kafka,
            policies=found.policies,
            data_dir=found.data_dir,
            host=found.host,
            metrics_port=found.worker_metrics_port,
            session_timeout_seconds=session_timeout,
            epoch=epoch,
            drain=drain,
            refusals=CapLimits(run=found.refused_run, share=found.refused_share),
            clickhouse=None if found.embedded else found.clickhouse,
            rewrite_policies=rewrite_policies,
            heartbeat_seconds=parse_heartbeats(found.heartbeats),
            web_port=web_port,
        )
    )


@app.command()
def up(
    once: Annotated[
        bool, typer.Option("--once", help="Process the files, wait until all has landed, and end.")
    ] = False,
    events: Annotated[
        Optional[list[Path]], typer.Option("--events", help="With --once: a file of events; may be repeated.")
    ] = None,
    more: MoreEvents = None,
    policies: Policies = None,
    rewrite_policies: RewritePolicies = False,
    as_of: AsOf = None,
    data_dir: DataDir = None,
    kafka: UpKafka = None,
    clickhouse: ClickHouse = None,
    simulate: Annotated[bool, typer.Option(help="Feed it with simulated traffic of four tenants.")] = True,
    days: Annotated[
        Optional[float], typer.Option(help="Simulated history before now (default: 1).", min=0.0, max=400.0)
    ] = None,
    conversations: Annotated[
        Optional[float], typer.Option(help="Simulated conversations a day (default: 10000).", min=1.0)
    ] = None,
    seed: Annotated[
        Optional[int], typer.Option(help="Of the simulation: the same seed gives the same traffic (default: 1).")
    ] = None,
    verbose: Verbose = False,
) -> None:
    """Run the whole pipeline: broker, worker, ClickHouse, metrics, fed by simulated traffic, or once over files.

    In a terminal it shows a live table until Ctrl-C; without one it ends after the simulated history. Started again on
    the same --data-dir it carries on, and the simulation as it began: --days, --conversations and --seed are its first
    run's. /metrics of worker and sink are on ports 9464 and 9465, or where SUPPORTPULSE_WORKER_METRICS_PORT and
    SUPPORTPULSE_SINK_METRICS_PORT say.

    Examples:

    supportpulse up

    supportpulse up --once --events monday.jsonl --policies deploy/policies.yaml
    """
    from schemas import times
    from supportpulse import logs, reach, settings

    logs.configure(verbose=verbose)
    found = settings.load(kafka=kafka, data_dir=data_dir, clickhouse=clickhouse, policies=policies)
    if once:
        from supportpulse.commands.accounts import account_for
        from supportpulse.up.once import OnceOptions, run_once

        if not events:
            raise SupportpulseError("--once needs files to process: --events FILE")
        files = [*events, *(more or ())]
        reach.check_files(files)
        judged_ms = None if as_of is None else times.parse(as_of)
        options = OnceOptions(
            events=files,
            policies=found.policies,
            as_of_ms=judged_ms,
            kafka=found.named_kafka,
            rewrite_policies=rewrite_policies,
        )
        account_for(run_once(found, options, _say), _say)
        return
    if events or more or as_of is not None:
        raise SupportpulseError(
            "--events and --as-of belong to --once; to feed a running pipeline: supportpulse import"
        )
    from supportpulse.up.live import LiveOptions, run_live

    wanted = LiveOptions(found.named_kafka, found.policies, simulate, days, conversations, seed, rewrite_policies)
    run_live(found, wanted, console())


@app.command()
def sql(
    statement: Annotated[str, typer.Argument(help="A statement in ClickHouse's SQL, read-only.")],
    data_dir: DataDir = None,
    clickhouse: ClickHouse = None,
    output_format: Annotated[
        str, typer.Option("--format", help="As ClickHouse names them: PrettyCompact, CSVWithNames, JSONEachRow, …")
    ] = "TabSeparated",
) -> None:
    """Ask ClickHouse: of the `up` that runs on the data directory, of what an earlier one left there, or of a server.

    Tables: interactions, metric_facts, sla_alerts, metric_windows, dead_letters. Views: facts, kpi_hourly,
    sla_attainment, agent_scorecard, open_conversations. Rows of a table replace each other: read tables with FINAL.

    Example: supportpulse sql "SELECT tenant, metric, count(), avg(value_ms) FROM facts GROUP BY ALL"
    """
    from supportpulse import logs, settings
    from supportpulse.commands.sql import ask

    logs.configure()
    answer = ask(settings.load(data_dir=data_dir, clickhouse=clickhouse), statement, output_format)
    if answer and not answer.endswith(b"\n") and output_format.startswith(_TEXT_FORMATS):
        answer += b"\n"
    output.stdout().write(answer)


@app.command(name="import")
def import_(
    files: Annotated[list[Path], typer.Argument(help="What to import.")],
    format_name: Annotated[
        str,
        typer.Option(
            "--format",
            help="events, mapped (any CSV or JSON lines, with --mapping), email (messages, mbox, Maildir), "
            "asterisk_queue_log, uci_incidents, ibm_twitter or twitter_threads.",
        ),
    ] = "events",
    kafka: ImportKafka = None,
    tenant: Annotated[Optional[str], typer.Option(help="Tenant of the events (default: the format's name).")] = None,
    source: Annotated[Optional[str], typer.Option(help="Source of the events (default: the format's name).")] = None,
    timezone: Annotated[str, typer.Option(help="Zone of times written without one.")] = "UTC",
    mapping: Annotated[
        Optional[Path], typer.Option(help="For `mapped`: which column is what (YAML).", metavar="FILE")
    ] = None,
    own: Own = None,
    refusals: Annotated[Optional[Path], typer.Option(help="Write every refused row here (JSONL).")] = None,
    once: Annotated[
        bool, typer.Option("--once", help="Bring them through the whole embedded pipeline into ClickHouse, and end.")
    ] = False,
    policies: Policies = None,
    as_of: AsOf = None,
    data_dir: DataDir = None,
    clickhouse: ClickHouse = None,
) -> None:
    """Publish files as events to Kafka; every row is imported, or refused with file, line and reason.

    The same rows give the same events, so importing twice changes nothing.

    Examples:

    supportpulse import monday.jsonl.gz (to the `up` that runs on the data directory)

    supportpulse import incidents.csv --format uci_incidents --timezone Europe/Berlin --once

    supportpulse import export.csv --format mapped --mapping export.yaml --tenant acme

    supportpulse import support.mbox --format email --own acme.example --tenant acme
    """
    from schemas import times
    from supportpulse import logs, settings
    from supportpulse.commands.accounts import account_for
    from supportpulse.commands.importing import broker_of, check, options_of, publish
    from supportpulse.up.once import OnceOptions, run_once

    logs.configure()
    found = settings.load(kafka=kafka, data_dir=data_dir, clickhouse=clickhouse, policies=policies)
    options = options_of(tenant, source, timezone, mapping, own or ())
    check(files, format_name, options)
    if once:
        report = run_once(
            found,
            OnceOptions(
                events=files,
                format_name=format_name,
                policies=found.policies,
                as_of_ms=None if as_of is None else times.parse(as_of),
                kafka=found.named_kafka,
                import_options=options,
                refusals=refusals,
            ),
            _say,
        )
    else:
        report = publish(broker_of(found), files, format_name, options, refusals)
    account_for(report, _say)


@app.command()
def sink(
    kafka: Kafka = None,
    clickhouse: ClickHouse = None,
    data_dir: DataDir = None,
    metrics_port: Annotated[Optional[int], typer.Option(help="Where /metrics is served (default: 9465).")] = None,
    epoch: Epoch = 0,
    verbose: Verbose = False,
) -> None:
    """Run one sink: events, facts, alerts, windows and dead letters from Kafka into ClickHouse.

    While ClickHouse is away it waits and tries again. SIGTERM or Ctrl-C lands what was read, and ends it.

    Example: supportpulse sink --kafka kafka:9092 --clickhouse clickhouse://clickhouse:9000/supportpulse
    """
    from supportpulse import logs, settings
    from supportpulse.commands.sink import run

    logs.configure(verbose=verbose)
    run(settings.load(kafka=kafka, clickhouse=clickhouse, data_dir=data_dir, sink_metrics_port=metrics_port), epoch)


def _say(line: str) -> None:
    print(line, file=sys.stderr)


def main() -> None:
    """The entry point: an error of ours is one line on stderr and status 1."""
    try:
        try:
            app(standalone_mode=True)
        finally:
            # What is left to write can fail as well, and at the very end nobody would catch it.
            if sys.stdout is not None:
                sys.stdout.flush()
    except BrokenPipeError:
        # Whoever reads our output has seen enough. What Python would still flush has nowhere to go.
        output.give_up()
        sys.exit(1)
    except OSError as exc:
        output.give_up()
        where = "the output" if exc.filename is None else exc.filename
        print(f"supportpulse: {where} cannot be used: {exc.strerror or exc}", file=sys.stderr)
        sys.exit(1)
    except SupportpulseError as exc:
        print(f"supportpulse: {exc}", file=sys.stderr)
        sys.exit(1)
