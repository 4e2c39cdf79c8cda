"""An emulated ward device: QEMU without acceleration, and a cable that ends at this machine's loopback."""

from __future__ import annotations

import base64
import json
import shutil
import socket
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

FIRMWARE = Path("/usr/share/OVMF")
HOSPITAL = "10.0.2.100"
"""Where the machine finds the hospital's servers; it can reach nothing else."""
EMULATORS_FAULT = b"Oops: int3"
"""In the last words of a kernel: QEMU ran half of what the kernel was changing in its own code, on its other processor.

No board does so. The kernel ends and, as on a board, starts again after ten seconds (`panic=10`).
"""


@dataclass(frozen=True, slots=True)
class Done:
    """What a command in the machine came to."""

    status: int
    out: str
    err: str

    def good(self) -> str:
        """What it printed.

        Raises:
            AssertionError: it failed.
        """
        assert self.status == 0, f"status {self.status}: {self.out}{self.err}"
        return self.out


@dataclass
class Machine:
    """One box: its disk and its firmware's memory in `folder`, which outlive the power.

    Attributes:
        folder: of this machine alone, with a short path.
        disk: the file that is its disk.
        ports: of this machine's loopback, which it reaches at the same ports of :data:`HOSPITAL`.
        tpm: whether it has one.
        began: when its power came, by the monotonic clock.
    """

    folder: Path
    disk: Path
    ports: Sequence[int] = ()
    tpm: bool = True
    began: float = 0.0
    _processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    _port: socket.socket | None = None
    _heard: bytes = b""

    @classmethod
    def new(cls, folder: Path, image: Path, ports: Sequence[int], *, tpm: bool = True, gigabytes: int = 4) -> Machine:
        """A machine that was never started, with `image` on a disk of its own."""
        folder.mkdir(parents=True)
        disk = folder / "disk.img"
        subprocess.run(["cp", "--sparse=always", "--reflink=auto", str(image), str(disk)], check=True)
        with disk.open("r+b") as file:
            file.truncate(gigabytes << 30)
        shutil.copy(FIRMWARE / "OVMF_VARS_4M.fd", folder / "vars.fd")
        if tpm:
            state = (folder / "tpm").absolute()
            state.mkdir()
            subprocess.run(
                ["swtpm_setup", "--tpm2", "--tpmstate", str(state), "--create-ek-cert", "--overwrite"],
                check=True, capture_output=True,
            )  # fmt: skip
        return cls(folder, disk, ports, tpm)

    def start(self) -> None:
        """Its power comes on."""
        for stale in ("agent.sock", "qmp.sock", "tpm.sock"):
            (self.folder / stale).unlink(missing_ok=True)
        command = [
            "qemu-system-x86_64", "-accel", "tcg,thread=multi", "-machine", "q35", "-cpu", "max", "-smp", "2",
            "-m", "2048", "-uuid", str(uuid.uuid5(uuid.NAMESPACE_URL, str(self.folder))), "-no-reboot",
            "-drive", f"if=pflash,format=raw,readonly=on,file={FIRMWARE}/OVMF_CODE_4M.fd",
            "-drive", f"if=pflash,format=raw,file={self.folder}/vars.fd",
            "-drive", f"file={self.disk},format=raw,if=virtio,cache=writeback,discard=unmap",
            "-device", "virtio-rng-pci", "-device", "virtio-vga", "-display", "none",
            "-serial", f"file:{self.folder}/console.txt",
            "-device", "virtio-serial-pci",
            "-chardev", f"socket,id=agent,path={self.folder}/agent.sock,server=on,wait=off",
            "-device", "virtserialport,chardev=agent,name=wardlens.test",
            "-qmp", f"unix:{self.folder}/qmp.sock,server=on,wait=off",
            "-netdev", ",".join(["user,id=cable,restrict=on", *(
                f"guestfwd=tcp:{HOSPITAL}:{port}-cmd:nc 127.0.0.1 {port}" for port in self.ports)]),
            "-device", "virtio-net-pci,netdev=cable",
        ]  # fmt: skip
        if self.tpm:
            held = ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={(self.folder / 'tpm').absolute()}",
                    "--ctrl", f"type=unixio,path={self.folder}/tpm.sock", "--terminate"]  # fmt: skip
            self._processes.append(subprocess.Popen(held))
            self._until((self.folder / "tpm.sock").exists, 10, "the TPM")
            command += ["-chardev", f"socket,id=tpm,path={self.folder}/tpm.sock",
                        "-tpmdev", "emulator,id=tpm0,chardev=tpm", "-device", "tpm-tis,tpmdev=tpm0"]  # fmt: skip
        self.began = time.monotonic()
        with (self.folder / "qemu.txt").open("ab") as words:
            self._processes.append(subprocess.Popen(command, stdout=words, stderr=words, stdin=subprocess.DEVNULL))

    @property
    def is_on(self) -> bool:
        """Whether it has power: a machine that starts again, or that ends, has none."""
        return bool(self._processes) and self._processes[-1].poll() is None

    def pull_the_plug(self) -> None:
        """Its power goes, whatever it does."""
        if self._port is not None:
            self._port.close()
        self._port, self._heard = None, b""
        for process in reversed(self._processes):
            process.kill()
            process.wait()
        self._processes.clear()

    def until_off(self, seconds: float) -> None:
        """Waits until it has ended by itself."""
        self._until(lambda: not self.is_on, seconds, "its end")
        self.pull_the_plug()

    def run(self, *command: str, given: bytes = b"", seconds: float = 60.0) -> Done:
        """Has it run `command`, as root.

        Raises:
            OSError: it does not answer in `seconds` and some more.
        """
        asked = {"id": uuid.uuid4().hex, "run": command, "given": base64.b64encode(given).decode(), "seconds": seconds}
        port = self._port or self._connected()
        port.settimeout(seconds + 30)
        port.sendall(json.dumps(asked).encode() + b"\n")
        while True:
            *lines, self._heard = self._heard.split(b"\n")
            for line in lines:
                with suppress(ValueError):
                    said = json.loads(line)
                    if said["id"] == asked["id"]:
                        out, err = (base64.b64decode(said[one]).decode("utf-8", "replace") for one in ("out", "err"))
                        return Done(said["status"], out, err)
            got = port.recv(1 << 20)
            if not got:
                raise ConnectionResetError("the machine's agent went away")
            self._heard += got

    def until_it_answers(self, seconds: float = 300.0) -> None:
        """Waits until it is started so far that it does what it is asked for, again if the emulator failed under it."""
        end = time.monotonic() + seconds
        while True:
            if not self.is_on and EMULATORS_FAULT in (self.folder / "console.txt").read_bytes():
                self.pull_the_plug()
                self.start()
            assert self.is_on, f"it ended: see {self.folder}/console.txt"
            assert time.monotonic() < end, f"it never answered: see {self.folder}/console.txt"
            try:
                if self.run("true", seconds=5).status == 0:
                    return
            except OSError:
                self._forget()

    def until_so(self, so: Callable[[], bool], seconds: float, what: str) -> None:
        """Waits until something in it is so."""

        def checked() -> bool:
            assert self.is_on, f"it ended while it was waited for {what}: see {self.folder}/console.txt"
            return so()

        self._until(checked, seconds, what)

    def screen(self, out: Path) -> None:
        """What its screen shows, as a picture (PPM)."""
        self._qmp("screendump", filename=str(out.absolute()))

    def touch(self, *keys: str) -> None:
        """Presses keys, one after the other, as QEMU names them."""
        for key in keys:
            self._qmp("send-key", keys=[{"type": "qcode", "data": key}])

    def _qmp(self, execute: str, **arguments: object) -> None:
        with socket.socket(socket.AF_UNIX) as port:
            port.settimeout(30)
            port.connect(str(self.folder / "qmp.sock"))
            lines = port.makefile("rb")
            lines.readline()
            for one, given in (("qmp_capabilities", {}), (execute, arguments)):
                port.sendall(json.dumps({"execute": one, "arguments": given}).encode() + b"\n")
                while "return" not in (said := json.loads(lines.readline())):
                    assert "error" not in said, said

    def _connected(self) -> socket.socket:
        port = socket.socket(socket.AF_UNIX)
        self._port, self._heard = port, b""
        port.connect(str(self.folder / "agent.sock"))
        return port

    def _forget(self) -> None:
        if self._port is not None:
            self._port.close()
        self._port = None
        time.sleep(0.2)

    @staticmethod
    def _until(so: Callable[[], bool], seconds: float, what: str) -> None:
        end = time.monotonic() + seconds
        while not so():
            assert time.monotonic() < end, f"{what} did not come within {seconds:.0f} s"
            time.sleep(0.1)


@contextmanager
def powered(machine: Machine) -> Iterator[Machine]:
    """`machine` with its power on, until the end."""
    machine.start()
    try:
        yield machine
    finally:
        machine.pull_the_plug()
