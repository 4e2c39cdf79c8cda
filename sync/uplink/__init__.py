"""The device's uplink: takes envelopes out of the vault to the hospital, and keeps the receipts.

It reads ciphertext in chunks and never a whole envelope, waits for what the receivers say, and erases only after a
verified receipt is kept in the vault. It cannot open an envelope, sees no picture and holds no key but its own. What
decides is :mod:`sync.protocol`; this is the shell around the broker, the vault and the ledger.
"""

from __future__ import annotations

from sync.mqtt import TlsFiles
from sync.uplink.settings import DeviceHealth, UplinkSettings
from sync.uplink.status import STATUS_FILE, UplinkStatus, read_status
from sync.uplink.uplink import Uplink

__all__ = ["STATUS_FILE", "DeviceHealth", "TlsFiles", "Uplink", "UplinkSettings", "UplinkStatus", "read_status"]
