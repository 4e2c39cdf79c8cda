"""Says in time that the site's own certificates end: after that no device reaches the broker, nor the enrolment server.

Devices renew theirs by themselves; those of broker, enrolment server and receivers, and the issuing CA, wait for IT.
"""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Final

import structlog

from provisioning.errors import ProvisioningError
from provisioning.events import Event
from provisioning.site import Site
from provisioning.site_layout import ISSUING

ALARM_DAYS: Final = 60
LOOK_SECONDS: Final = 24 * 3600.0
_RENEW: Final = "Run `wardlens site renew`, then restart broker, enrolment server and receivers."

_log = structlog.get_logger(__name__)


def tell_ends(site: Site) -> None:
    """An alarm in the log for each of the site's own certificates that ends within 60 days, or has ended."""
    now = site.clock()
    for name, end in site.ends().items():
        if end - now < timedelta(days=ALARM_DAYS):
            what = "The issuing CA" if name == ISSUING else f"The certificate of {name}"
            do = f"Run `wardlens site rotate-ca` first. {_RENEW}" if name == ISSUING else _RENEW
            sentence = f"{what} {'ends' if end > now else 'ended'} on {end:%Y-%m-%d}. {do}"
            _log.error(
                Event.CERTIFICATE_ENDS.value, certificate=name, days=(end - now).days, sentence=sentence, alarm=True
            )


def keep_telling_ends(site: Site, stop: threading.Event, every: float = LOOK_SECONDS) -> None:
    """The ends are looked at, at once and then each day, until `stop` is set."""
    while True:
        try:
            tell_ends(site)
        except ProvisioningError as error:
            _log.error(Event.CERTIFICATE_ENDS.value, sentence=str(error), alarm=True)
        if stop.wait(every):
            return
