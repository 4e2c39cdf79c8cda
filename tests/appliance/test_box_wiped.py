"""The end of the box of test_box_story.py."""

from __future__ import annotations

from provisioning.commands import EVEN_UNSENT, CommandName
from provisioning.devices import DeviceState
from tests.appliance.hospital import Hospital
from tests.appliance.machine import Machine
from tests.appliance.steps import SLOW_S


def test_wiped_from_a_desk_it_holds_nothing_of_its_hospital(box: Machine, hospital: Hospital) -> None:
    (device,) = hospital.site.devices()
    mine = [box.run("cat", f"/var/lib/wardlens/keys/{key}.pem").good() for key in ("identity", "signing", "panel")]
    hospital.site.command(device.id, CommandName.WIPE, EVEN_UNSENT)
    box.until_so(lambda: hospital.site.devices()[0].state is DeviceState.WIPED, SLOW_S, "the wipe")
    left = box.run("grep", "-rlE", "St. Emulated|TSS2|Dana Demo", "/var/lib/wardlens").out
    assert left == ""
    assert box.run("ls", "/var/lib/wardlens/keys").good().strip() in {"", "panel.pem"}
    box.run("systemctl", "poweroff")
    box.until_off(SLOW_S)
    disk = box.disk.read_bytes()
    for secret in ("St. Emulated Hospital", "Dana Demo", *(key.splitlines()[2] for key in mine)):
        assert secret.encode() not in disk
