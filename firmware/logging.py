"""Where log events go: standard error, one event a line, JSON unless somebody watches."""

from __future__ import annotations

import logging
import sys

import structlog

from firmware.settings import Log


def configure_logging(settings: Log) -> None:
    """Make structlog write every room's events to standard error as `settings` say."""
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    plain = settings.format == "plain" or (settings.format == "auto" and sys.stderr.isatty())
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()) if plain else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    others = max(level, logging.WARNING)
    logging.basicConfig(level=others, stream=sys.stderr, format="%(name)s: %(message)s", force=True)
