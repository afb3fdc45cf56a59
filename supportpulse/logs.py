"""Logging: one line per thing that happened, to stderr, without anybody's words or secrets."""

from __future__ import annotations

import logging
import sys

import structlog


def configure(*, verbose: bool = False) -> None:
    """Our own lines from info (verbose: debug) on, those of libraries from warning (verbose: info) on."""
    level = logging.DEBUG if verbose else logging.INFO
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO if verbose else logging.WARNING,
        format="%(asctime)s %(levelname)-7s %(name)s %(message)s",
        force=True,
    )
    if not verbose:
        # Whatever they fail at reaches us as an exception, and is told once, in one line. The last one also warns of
        # every tenth of a second that another thread had the interpreter.
        for name in ("clickhouse_driver", "kafka"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
