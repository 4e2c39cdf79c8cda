"""The ledger: what this device did, in hash-chained lines whose heads are signed.

One chain for each process that writes, so that no process needs another's key (docs/adr/0004). It shows tampering; it
does not prevent it. Nothing about a patient can be written: every event has typed fields, and no type fits a name or a
note. The format is docs/formats/ledger.md.
"""

from __future__ import annotations

from capture.errors import LedgerBusy, LedgerDamaged, LedgerError, LedgerUnwritable
from capture.ledger.audit_event import audit_events, device_uri, security_alert, thing
from capture.ledger.chain import LedgerHead, Line, parse_line
from capture.ledger.events import FIELDS, Fact, LedgerEvent, fits
from capture.ledger.ledger import Ledger, open_ledger, read_heads
from capture.ledger.verify import FaultKind, LedgerFault, LedgerReport, verify_chain, verify_lines

__all__ = [
    "FIELDS",
    "Fact",
    "FaultKind",
    "Ledger",
    "LedgerBusy",
    "LedgerDamaged",
    "LedgerError",
    "LedgerEvent",
    "LedgerFault",
    "LedgerHead",
    "LedgerReport",
    "LedgerUnwritable",
    "Line",
    "audit_events",
    "device_uri",
    "fits",
    "open_ledger",
    "parse_line",
    "read_heads",
    "security_alert",
    "thing",
    "verify_chain",
    "verify_lines",
]
