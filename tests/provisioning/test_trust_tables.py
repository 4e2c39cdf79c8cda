"""The tables: what state follows which, and that every refusal and every error says what to do."""

from __future__ import annotations

import inspect
import itertools
import re
from pathlib import Path

import pytest

from provisioning import devices, errors
from provisioning.devices import DeviceEvent, DeviceState
from provisioning.enrolment import states
from provisioning.enrolment.server import STATUS
from provisioning.enrolment.states import PairingEvent, PairingState
from provisioning.errors import (
    REFUSAL_SENTENCES,
    CommandRefusal,
    CommandRefused,
    DeviceStateForbids,
    EnrolmentRefusal,
    EnrolmentRefused,
    ManifestRefusal,
    ManifestRefused,
    ProvisioningError,
)


def subclasses(kind: type[ProvisioningError]) -> list[type[ProvisioningError]]:
    return [kind, *itertools.chain.from_iterable(map(subclasses, kind.__subclasses__()))]


def test_the_tree_in_the_docstring_is_the_tree():
    drawn = [line.split("── ")[-1].split()[0] for line in (errors.__doc__ or "").splitlines() if "── " in line]
    assert sorted(["ProvisioningError", *drawn]) == sorted(kind.__name__ for kind in subclasses(ProvisioningError))


@pytest.mark.parametrize("kind", subclasses(ProvisioningError), ids=lambda kind: kind.__name__)
def test_every_error_has_a_sentence_of_its_own(kind):
    assert inspect.cleandoc(kind.__doc__ or "").endswith(".")
    if kind is EnrolmentRefused:
        error = kind(EnrolmentRefusal.PROOF_WRONG)
    elif kind is ManifestRefused:
        error = kind(ManifestRefusal.DAMAGED)
    elif kind is CommandRefused:
        error = kind(CommandRefusal.REPEATED)
    else:
        error = kind()
        assert str(error) == inspect.cleandoc(kind.__doc__ or "")
    assert str(error).endswith(".")


def test_every_refusal_has_a_sentence_and_a_status():
    assert set(REFUSAL_SENTENCES) == set(STATUS) == set(EnrolmentRefusal)
    assert all(400 <= status < 500 for status in STATUS.values())


@pytest.mark.parametrize("state", DeviceState)
@pytest.mark.parametrize("event", DeviceEvent)
def test_a_device_changes_only_as_its_table_says(state, event):
    if event in devices.TRANSITIONS[state]:
        assert devices.apply(state, event) is devices.TRANSITIONS[state][event]
    else:
        with pytest.raises(DeviceStateForbids, match=state.value):
            devices.apply(state, event)


def test_a_device_that_was_once_not_trusted_is_never_trusted_again():
    for shut in (DeviceState.REVOKED, DeviceState.REFUSED, DeviceState.WIPED):
        assert not {DeviceState.ACTIVE, DeviceState.WAITING} & set(devices.TRANSITIONS[shut].values())
    assert devices.TRANSITIONS[DeviceState.WIPED] == {}


@pytest.mark.parametrize("state", PairingState)
@pytest.mark.parametrize("event", PairingEvent)
def test_pairing_moves_only_as_its_table_says(state, event):
    if event in states.TRANSITIONS[state]:
        assert states.apply(state, event) is states.TRANSITIONS[state][event]
    else:
        with pytest.raises(ValueError, match=state.value):
            states.apply(state, event)


def test_from_every_step_before_the_last_a_device_can_give_up():
    for state in set(PairingState) - {PairingState.UNPAIRED, PairingState.PAIRED}:
        assert states.apply(state, PairingEvent.GAVE_UP) is PairingState.UNPAIRED
    assert states.TRANSITIONS[PairingState.PAIRED] == {}


def test_the_diagram_in_the_format_page_is_the_table():
    page = (Path(__file__).parents[2] / "docs" / "formats" / "enrolment.md").read_text()
    drawn = set(re.findall(r"^    (\w+) --> (\w+):", page, re.MULTILINE))
    table = {
        (before.value.replace("-", "_"), after.value.replace("-", "_"))
        for before, steps in states.TRANSITIONS.items()
        for after in steps.values()
    }
    assert drawn == table


def test_every_refusal_of_the_server_is_in_the_format_page_with_its_status():
    page = (Path(__file__).parents[2] / "docs" / "formats" / "enrolment.md").read_text()
    for names, status in re.findall(r"^\| (`[a-z-]+`(?:, `[a-z-]+`)*) \| (\d{3}) \|", page, re.MULTILINE):
        for name in re.findall(r"`([a-z-]+)`", names):
            assert STATUS[EnrolmentRefusal(name)] == int(status)
    assert all(f"`{refusal.value}`" in page for refusal in EnrolmentRefusal)


def test_every_reason_against_a_command_is_in_the_format_page():
    page = (Path(__file__).parents[2] / "docs" / "formats" / "enrolment.md").read_text()
    assert set(re.findall(r"\| `([a-z-]+)` \|$", page, re.MULTILINE)) == {reason.value for reason in CommandRefusal}


def test_every_reason_against_a_manifest_is_in_the_format_page():
    page = (Path(__file__).parents[2] / "docs" / "formats" / "site-manifest.md").read_text()
    assert set(re.findall(r"\| `([a-z-]+)` \|$", page, re.MULTILINE)) == {reason.value for reason in ManifestRefusal}
