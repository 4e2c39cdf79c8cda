"""What somebody who had taken over a service could do: tried from inside its unit, as JSON on standard output."""

import ctypes
import json
import mmap
import os
import socket
import sys
import time
from pathlib import Path

WAYS = {}


def way(function):
    WAYS[function.__name__] = function
    return function


def connected(address):
    with socket.create_connection(address, timeout=5):
        pass


@way
def reach_the_hospital():
    connected((os.environ["HOSPITAL"], int(os.environ["HOSPITAL_PORT"])))


@way
def make_a_network_socket():
    socket.socket(socket.AF_INET, socket.SOCK_STREAM).close()


@way
def see_the_cameras_socket():
    Path("/run/wardlens/camera.sock").stat()


@way
def read_the_signing_key():
    Path("/var/lib/wardlens/keys/signing.pem").read_bytes()


@way
def read_the_identity_key():
    Path("/var/lib/wardlens/keys/identity.pem").read_bytes()


@way
def read_the_panels_key():
    Path("/var/lib/wardlens/keys/panel.pem").read_bytes()


@way
def write_to_the_vault():
    (Path("/var/lib/wardlens/vault") / f"probe-{os.getpid()}").write_bytes(b"")
    (Path("/var/lib/wardlens/vault") / f"probe-{os.getpid()}").unlink()


@way
def replace_the_root_certificate():
    other = Path("/var/lib/wardlens/certificates/probe")
    other.write_bytes(b"")
    try:
        other.rename("/var/lib/wardlens/certificates/root.pem")
    finally:
        other.unlink(missing_ok=True)


def writing(path):
    def tried():
        Path(path, "probe").write_bytes(b"")
        Path(path, "probe").unlink()

    return tried


for place in ("/etc", "/usr", "/opt/wardlens", "/var/lib", "/var/log", "/efi", "/home", "/dev/shm", "/run"):
    WAYS[f"write_to {place}"] = writing(place)


@way
def open_the_disk():
    os.close(os.open("/dev/vda", os.O_RDONLY))


@way
def read_the_kernels_log():
    os.close(os.open("/dev/kmsg", os.O_RDONLY))


@way
def see_others_processes():
    if not any(process.stat().st_uid != os.getuid() for process in Path("/proc").glob("[0-9]*")):
        raise PermissionError


@way
def become_root():
    os.setuid(0)


@way
def execute_what_it_wrote():
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC).close()


@way
def mount_something():
    if ctypes.CDLL(None, use_errno=True).mount(b"none", b"/tmp", b"tmpfs", 0, None):
        raise OSError(ctypes.get_errno(), "mount")


@way
def make_a_namespace():
    if ctypes.CDLL(None, use_errno=True).unshare(0x10000000):
        raise OSError(ctypes.get_errno(), "unshare")


@way
def set_the_clock():
    time.clock_settime(time.CLOCK_REALTIME, time.time())


could = {}
for name, tried in WAYS.items():
    try:
        tried()
        could[name] = True
    except (OSError, ValueError):
        could[name] = False
sys.stdout.write(json.dumps(could))
