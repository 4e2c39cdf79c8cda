"""Bare paho-mqtt, as its documentation has it: what the broker, TLS and this machine give whoever only sends bytes.

Run as a process of its own: `python -m firmware.measuring.transfer.bare publish|subscribe`, with the broker and the
work as JSON in the first argument after it. It prints what it did as JSON.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any, Final

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from sync.mqtt import BrokerSettings, TlsFiles

TOPIC: Final = "wardlens/v1/{device}/up/bare/chunk"


def as_json(broker: BrokerSettings, **work: Any) -> str:
    """The argument: a broker, and what is to be done there."""
    tls = broker.tls
    files = [str(path) for path in (tls.ca, tls.certificate, tls.key)]
    return json.dumps({"host": broker.host, "port": broker.port, "client": broker.client_id, "tls": files, **work})


def publish(client: paho.Client, topic: str, count: int, size: int, window: int) -> dict[str, float]:
    """`count` messages of `size` bytes are acknowledged, at most `window` of them under way at a time (QoS 1)."""
    free = threading.Semaphore(window)
    client.on_publish = lambda *_: free.release()
    payload = bytes(size)
    began, busy = time.monotonic(), time.process_time()
    for _ in range(count):
        free.acquire()
        client.publish(topic, payload, qos=1)
    for _ in range(window):
        free.acquire()
    return {"began": began, "cpu": time.process_time() - busy}


def subscribe(client: paho.Client, topic: str, count: int) -> dict[str, float]:
    """`count` messages have come (QoS 1)."""
    granted, done = threading.Event(), threading.Event()
    left = count

    def arrived(*_: object) -> None:
        nonlocal left
        left -= 1
        if not left:
            done.set()

    client.on_message = arrived
    client.on_subscribe = lambda *_: granted.set()
    client.subscribe(topic, qos=1)
    granted.wait()
    sys.stdout.write("{}\n")
    sys.stdout.flush()
    busy = time.process_time()
    done.wait()
    return {"ended": time.monotonic(), "cpu": time.process_time() - busy}


def _at_once(_client: paho.Client, _data: object, opened: Any) -> None:
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def main() -> None:
    """Do what the arguments say."""
    role, asked = sys.argv[1], json.loads(sys.argv[2])
    client = paho.Client(CallbackAPIVersion.VERSION2, asked["client"], protocol=MQTTProtocolVersion.MQTTv5)
    client.tls_set_context(TlsFiles(*(Path(file) for file in asked["tls"])).context())
    client.max_inflight_messages_set(asked.get("window", 20))
    # As ours does: without it each acknowledgement may be held for 40 ms.
    client.on_socket_open = _at_once
    connected = threading.Event()
    client.on_connect = lambda *_: connected.set()
    client.connect(asked["host"], asked["port"])
    client.loop_start()
    connected.wait()
    if role == "publish":
        answer = publish(client, asked["topic"], asked["count"], asked["size"], asked["window"])
    else:
        answer = subscribe(client, asked["topic"], asked["count"])
    client.disconnect()
    client.loop_stop()
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
