"""A wipe that the site ordered: it happens once, and the site hears of it.

The owner of the state folder wipes: on an appliance that is root (wardlens-wipe.service), elsewhere the sync service
itself. It looks at the site's command once more, so that the process with the network wipes nothing by its own word.
Then the order, which outlives the wipe (`firmware.wiping`), is posted, and goes too.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import structlog

from capture.vault import State, Vault
from firmware.errors import WorkFailed
from firmware.events import Event
from firmware.stopping import beside
from firmware.upkeep.results import never_taken
from firmware.wiping import MARK, ORDER, WipeOrder, parse_order, wipe_ordered, wipe_state
from provisioning import durable
from provisioning.commands import EVEN_UNSENT, CommandName, verify_command
from provisioning.enrolment import post_result
from provisioning.errors import CommandRefused, EnrolmentRefused, ProvisioningError
from provisioning.identity import DeviceIdentity, StateLayout
from sync.protocol.backoff import Chance, delay

LOOK_SECONDS: Final = 0.5
_log = structlog.get_logger(__name__)


def unpaired_or_to_be(state: Path) -> Callable[[], bool]:
    """Says, each time it is asked, whether the device that was here is to be wiped, or is no longer here.

    A wipe takes less time than lies between two looks: whoever missed the order still sees what came of it.
    """
    known = b""

    def so() -> bool:
        nonlocal known
        try:
            now = StateLayout(state).facts.read_bytes()
        except FileNotFoundError:
            now = b""
        except OSError:
            now = known
        gone = bool(known) and now != known
        known = known or now
        return gone or wipe_ordered(state)

    so()
    return so


def finish_ordered_wipe(state: Path, camera: Path) -> bool:
    """Whether a wipe had been ordered here; if so, it is done now, or was called off because pictures wait.

    Args:
        state: the state folder.
        camera: the camera service's socket; while somebody answers there, a picture may still be sealed.

    Raises:
        WorkFailed: it is not this process's to do, or not yet, or the disk refused; the order stands.
    """
    if not wipe_ordered(state):
        return False
    if state.stat().st_uid != os.geteuid():
        raise WorkFailed("This device is to be wiped, which only the owner of its state folder may do.")
    if _answers(camera):
        raise WorkFailed("This device is to be wiped, and its camera service still runs.")
    try:
        order = parse_order((state / ORDER).read_bytes())
    except (OSError, ValueError) as error:
        raise WorkFailed(f"{state / ORDER} cannot be read ({error}). Wipe the device by hand.") from error
    if not (state / MARK).exists() and (why := _against(state, order)):
        (state / ORDER).unlink()
        durable.sync_folder(state)
        _log.error(Event.WIPE_CALLED_OFF, reason=why, alarm=True)
        return True
    wipe_state(state)
    _log.warning(Event.WIPE_FINISHED)
    return True


def _against(state: Path, order: WipeOrder) -> str:
    """Why a wipe that has not begun is not to be; the command is then answered as interrupted, and IT decides anew."""
    try:
        identity = DeviceIdentity.load(state)
        command = verify_command(order.command, identity.root, site=identity.site, device=identity.device)
    except CommandRefused as refused:
        return refused.reason.value
    except ProvisioningError as error:
        raise WorkFailed(f"The order to wipe cannot be judged ({error}). Wipe the device by hand.") from error
    if command.name is not CommandName.WIPE:
        return "no-wipe"
    if command.argument != EVEN_UNSENT and unsent(state):  # sealed after the question was asked
        return "pictures-wait"
    return ""


def unsent(state: Path) -> int:
    """How many pictures are in the vault that the hospital has not got."""
    if not (state / "vault").is_dir():
        return 0
    with Vault(state / "vault") as vault:
        return sum(entry.state is not State.ERASED for entry in vault.entries())


@contextmanager
def telling_of_wipe(state: Path, stop: threading.Event, chance: Chance) -> Iterator[None]:
    """While the block lasts, whatever a wipe has left to say is posted until the site has it."""
    ended = threading.Event()
    with beside("wipe-told", lambda: _tell(state, stop, ended, chance), ended, 1.0):
        yield


def _tell(state: Path, stop: threading.Event, ended: threading.Event, chance: Chance) -> None:
    attempt = 0
    while not stop.is_set() and not ended.is_set():
        if not (state / ORDER).exists() or wipe_ordered(state):
            attempt = 0
            stop.wait(LOOK_SECONDS)
            continue
        attempt += 1
        if not tell_of_wipe(state):
            stop.wait(LOOK_SECONDS + delay(attempt, chance))


def tell_of_wipe(state: Path) -> bool:
    """Whether the site knows now that this device is wiped, or never will; the order is gone then."""
    try:
        order = parse_order((state / ORDER).read_bytes())
        post_result(order.enrolment, order.root, order.device, order.result)
        _log.info(Event.WIPE_TOLD)
    except EnrolmentRefused as error:
        _log.error(Event.WIPE_NOT_TOLD, reason=error.reason.value)
        if not never_taken(error):
            return False
    except ValueError:
        _log.error(Event.WIPE_NOT_TOLD, reason="damaged")
    except (OSError, ProvisioningError) as error:
        _log.warning(Event.WIPE_NOT_TOLD, reason=type(error).__name__)
        return False
    (state / ORDER).unlink(missing_ok=True)
    return True


@contextmanager
def ended_when(stop: threading.Event, so: Callable[[], bool], every: float = LOOK_SECONDS) -> Iterator[threading.Event]:
    """An event that is set when `stop` is, or as soon as it is `so`; looked at while the block lasts."""
    ended = threading.Event()
    left = threading.Event()

    def look() -> None:
        while not stop.is_set() and not left.is_set() and not so():
            stop.wait(every)
        ended.set()

    with beside("ended-when", look, left, 2 * every):
        yield ended


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(1.0)
        try:
            line.connect(str(path))
        except OSError:
            return False
        return True
