"""A TPM 2.0 in software, for the tests that need one: swtpm, in a process of its own."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time
from pathlib import Path

HOST = "127.0.0.1"
PATIENCE = 30.0
CLEAR = bytes.fromhex("8002 0000001b 00000126 4000000c 00000009 40000009 0000 00 0000")
"""TPM2_Clear by the platform hierarchy with an empty password (TPM 2.0 Library, part 3, section 24.6)."""

KEY_FILE = b"""-----BEGIN TSS2 PRIVATE KEY-----
MIHwBgZngQUKAQOgAwEBAQIEQAAAAQRYAFYAIwALAAYAcgAAABAAEAADABAAICQt
hYXwjlu/BO1iBbYYBxtvZjlXlC8ls6cu4DPawAmjACDOOoIdvjFHGB47INsLgiVE
JIKH9b8PdW+dlSxYZQwsrASBgAB+ACDY35UnYcE/i9bfwN2ub89t2FFt/WVv9cgk
jHtrMWG/VAAQ3wTzzVozasC01eboL82AE427qTEPleEMsCDqbyZWzzb1+MBmPiCf
BSZqdsXjpmplHC+VnjjedaEoJMzq7OEdVxj43JHqH3cvqXaTM+MeFSuCvkX46Plw
MvAB
-----END TSS2 PRIVATE KEY-----
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEJC2FhfCOW78E7WIFthgHG29mOVeU
LyWzpy7gM9rACaPOOoIdvjFHGB47INsLgiVEJIKH9b8PdW+dlSxYZQwsrA==
-----END PUBLIC KEY-----
"""
"""The file of a key that some swtpm held, for those who read it without using the key."""


class SoftwareTpm:
    """A TPM that can be taken out, put back, cleared and exchanged. Its state is in `folder`, an absolute path."""

    def __init__(self, program: Path, folder: Path) -> None:
        self._program, self._folder = program, folder
        self._state = folder / "tpm-1"
        self._port = _two_free_ports()
        self._process: subprocess.Popen[bytes] | None = None
        self.where = f"swtpm:host={HOST},port={self._port}"

    def put_in(self) -> None:
        """It is there; what was loaded into it before is not."""
        self._state.mkdir(exist_ok=True)
        listening = [
            f"--{way}=type=tcp,port={port},bindaddr={HOST}"
            for way, port in (("server", self._port), ("ctrl", self._port + 1))
        ]
        with (self._folder / "swtpm.log").open("ab") as log:
            how = ["socket", "--tpm2", f"--tpmstate=dir={self._state}", "--flags=not-need-init,startup-clear"]
            self._process = subprocess.Popen([self._program, *how, *listening], stdout=log, stderr=log)
        end = time.monotonic() + PATIENCE
        while not _answers(self._port + 1):
            assert self._process.poll() is None, (self._folder / "swtpm.log").read_text()
            assert time.monotonic() < end, "swtpm does not answer"
            time.sleep(0.01)

    def take_out(self) -> None:
        """It is not there."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(PATIENCE)
            self._process = None

    def put_back(self) -> None:
        """The same, after a moment without power."""
        self.take_out()
        self.put_in()

    def exchange(self, number: int = 2) -> None:
        """Another one is in its place, or again the first."""
        self.take_out()
        self._state = self._folder / f"tpm-{number}"
        self.put_in()

    def clear(self) -> None:
        """Somebody has cleared it, as a machine's firmware menu does."""
        with socket.create_connection((HOST, self._port), PATIENCE) as line:
            line.sendall(CLEAR)
            assert line.recv(64)[6:10] == bytes(4)

    def close(self) -> None:
        """It is gone, with its state."""
        self.take_out()
        for folder in self._folder.glob("tpm-*"):
            shutil.rmtree(folder)


def _two_free_ports() -> int:
    """The first of two neighbours: the TSS looks for the control channel at the next port."""
    while True:
        with socket.create_server((HOST, 0)) as first, contextlib.suppress(OSError):
            port = int(first.getsockname()[1])
            with socket.create_server((HOST, port + 1)):
                return port


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=0.5):
        return True
    return False
