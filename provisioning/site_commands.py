"""What a site tells its devices to do, and what they answered. The part of `Site` that gives commands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from capture.identifiers import SiteId
from provisioning import rows
from provisioning.clock import seconds
from provisioning.commands import Command, CommandName, Outcome, Result, sign_command, verify_result
from provisioning.devices import DeviceEvent, DeviceState, apply
from provisioning.errors import CommandRefused, DeviceStateForbids, EnrolmentRefusal, EnrolmentRefused, NotAccepted
from provisioning.events import Event
from provisioning.site_keys import SiteKeys
from provisioning.site_record import Recorded, SiteRecord

COMMAND_DAYS: Final = 7
LASTING: Final = {CommandName.WIPE: 365, CommandName.UPDATE: 30}
"""Days of what waits longer for a device that is off."""
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Given:
    """One command, and what is known of it; times are seconds since 1970, and `answered_at` is 0 before an answer."""

    device: str
    number: int
    name: str
    argument: str
    issued_at: int
    expires_at: int
    outcome: str
    sentence: str
    answered_at: int


class SiteCommands(SiteRecord):
    """The commands in a site's registry; `Site` owns both."""

    id: SiteId
    keys: SiteKeys

    def command(self, device: str, name: CommandName, argument: str = "", *, days: int | None = None) -> Command:
        """A fresh command for `device`, which fetches it at its next contact.

        Args:
            device: its id; active, or revoked for a wipe.
            name: what it shall do.
            argument: as the name asks.
            days: after how many days it is void; without it a year for a wipe, 30 days for an update, else a week.

        Raises:
            UnknownDevice: the site has none of this name.
            DeviceStateForbids: the device is in no state in which it asks.
            NotAccepted: the argument or the days are not legal.
        """
        now = datetime.fromtimestamp(seconds(self.clock()), UTC)
        lasting = days if days is not None else LASTING.get(name, COMMAND_DAYS)
        with self.registry.writing() as open_rows:
            found = rows.read_device(open_rows, device)
            asks = {DeviceState.ACTIVE, *([DeviceState.REVOKED] if name is CommandName.WIPE else [])}
            if found.state not in asks:
                raise DeviceStateForbids(f"A device that is {found.state.value} cannot be told {name.value}.")
            (last,) = open_rows.execute(
                "SELECT COALESCE(MAX(number), 0) FROM command WHERE device = ?", (device,)
            ).fetchone()
            try:
                # The time, so that a site that was restored from its backup does not repeat a number.
                number = max(int(last) + 1, seconds(now))
                command = Command(self.id, found.id, number, name, argument, now, now + timedelta(days=lasting))
            except (ValueError, OverflowError) as error:
                raise NotAccepted(f"This command cannot be given: {error}.") from error
            open_rows.execute(
                "INSERT INTO command (device, number, name, argument, issued_at, expires_at, signed) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    *(device, number, name.value, argument, seconds(now), seconds(command.expires)),
                    sign_command(command, self.keys.root_key),
                ),
            )
            self._on_record(open_rows, Recorded.TOLD, found.id, " ".join(filter(None, (name.value, argument))))
        _log.info(Event.COMMAND_GIVEN.value, device=device, number=number, command=name.value)
        return command

    def commands(self, device: str) -> tuple[Given, ...]:
        """What `device` was told, the newest first."""
        return self._given("WHERE device = ? ORDER BY number DESC", device)

    def waiting_commands(self) -> dict[str, Given]:
        """Each device's oldest command that it has not answered and that still counts."""
        open_ones = "WHERE outcome IS NULL AND expires_at >= ? ORDER BY number DESC"
        return {given.device: given for given in self._given(open_ones, seconds(self.clock()))}

    def _given(self, which: str, value: str | int) -> tuple[Given, ...]:
        with self.registry.reading() as open_rows:
            found = open_rows.execute(
                "SELECT device, number, name, argument, issued_at, expires_at, COALESCE(outcome, ''), "  # noqa: S608 - ours
                f"COALESCE(sentence, ''), COALESCE(answered_at, 0) FROM command {which}",
                (value,),
            ).fetchall()
        return tuple(Given(*row) for row in found)

    def next_command(self, device: str, after: int) -> bytes | None:
        """The first command for `device` beyond number `after` that counts and has no answer, as it was signed."""
        with self.registry.reading() as open_rows:
            row = open_rows.execute(
                "SELECT signed FROM command WHERE device = ? AND number > ? AND outcome IS NULL AND expires_at >= ? "
                "ORDER BY number LIMIT 1",
                (device, after, seconds(self.clock())),
            ).fetchone()
        return None if row is None else bytes(row[0])

    def take_result(self, device: str, raw: bytes) -> Result:
        """What `device` answered. The first answer to a command stays; another one changes nothing.

        Raises:
            EnrolmentRefused: not signed by this device, or no command of this number was given to it.
        """
        with self.registry.writing() as open_rows:
            row = open_rows.execute("SELECT identity_key FROM device WHERE id = ?", (device,)).fetchone()
            if row is None:
                raise EnrolmentRefused(EnrolmentRefusal.DEVICE_UNKNOWN)
            key = load_der_public_key(row[0])
            assert isinstance(key, EllipticCurvePublicKey)
            try:
                result = verify_result(raw, key, site=self.id, device=device)
            except CommandRefused as error:
                raise EnrolmentRefused(EnrolmentRefusal.SIGNATURE_WRONG) from error
            given = open_rows.execute(
                "SELECT name, argument, outcome FROM command WHERE device = ? AND number = ?", (device, result.number)
            ).fetchone()
            if given is None:
                raise EnrolmentRefused(EnrolmentRefusal.COMMAND_UNKNOWN)
            if given["outcome"] is not None:
                return result
            now = seconds(self.clock())
            open_rows.execute(
                "UPDATE command SET outcome = ?, sentence = ?, result = ?, answered_at = ? "
                "WHERE device = ? AND number = ?",
                (result.outcome.value, result.sentence, raw, now, device, result.number),
            )
            if result.outcome is Outcome.DONE and given["name"] == CommandName.WIPE.value:
                found = rows.read_device(open_rows, device)
                rows.write_state(open_rows, found.id, apply(found.state, DeviceEvent.WIPED), now)
            if result.outcome is Outcome.DONE and given["name"] == CommandName.RENAME.value:
                open_rows.execute("UPDATE device SET name = ? WHERE id = ?", (given["argument"], device))
        _log.info(Event.COMMAND_ANSWERED.value, device=device, number=result.number, outcome=result.outcome.value)
        return result
