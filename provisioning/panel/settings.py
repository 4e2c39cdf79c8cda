"""How a panel is set: where it listens, whom it answers, how soon it locks."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

from capture.scanned import BadgeRule, PatientCheck
from provisioning.panel.errors import PanelUnsafe
from provisioning.panel.look import Look

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})


@dataclass(frozen=True, slots=True)
class TlsPair:
    """A certificate chain and its private key, PEM files, for a panel that others than this machine may reach."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class PanelSettings:
    """What the panel needs to know before it starts. An instance that exists is safe to run.

    Attributes:
        host: address to listen on. Anything but loopback needs `tls` and at least one name in `hosts`.
        port: port to listen on; 0 takes a free one.
        lock_seconds: seconds without a touch after which the session ends and what was not accepted is discarded.
        hosts: names beyond loopback that a Host header may carry, without port.
        tls: certificate and key; without it the panel speaks plain HTTP on loopback only.
        metrics_token: lets a scraper from another address read `/metrics`; without it only loopback may.
        memory: a file that remembers wrong PINs over a restart; without it they are forgotten.
        look: language, hand, light and sound before anybody chose.
        shutter_keys: keys that take a picture beside Enter, Space and the volume keys, as a browser names them
            (`KeyboardEvent.code`): a foot pedal, for example.
        badges: what the codes on badges say beside what the roster knows.
        show_features: roles that may show a patient's eyes or mouth, where the patient agreed.
        patient_check: how a patient's reference is checked, read or typed.
        ledger: folder of the device's ledger, for the ledger page; without it the page says so.

    Raises:
        PanelUnsafe: the panel could be reached from the network without TLS, or would lock never.
    """

    host: str = "127.0.0.1"
    port: int = 8470
    lock_seconds: float = 60.0
    hosts: frozenset[str] = frozenset()
    tls: TlsPair | None = None
    metrics_token: str = ""
    memory: Path | None = None
    look: Look = field(default_factory=Look)
    shutter_keys: tuple[str, ...] = ("F13", "PageDown")
    badges: BadgeRule = field(default_factory=BadgeRule)
    patient_check: PatientCheck = PatientCheck.NONE
    show_features: frozenset[str] = frozenset()
    ledger: Path | None = None

    def __post_init__(self) -> None:
        if not 0 < self.lock_seconds <= 3600:
            raise PanelUnsafe("The panel must lock after 1 to 3600 seconds. Correct lock_seconds.")
        if not self.loopback and (self.tls is None or not self.hosts):
            raise PanelUnsafe(
                f"The panel does not listen on {self.host} without TLS and the names it is reached by. "
                "Set host to 127.0.0.1, or give it a certificate and hosts."
            )
        if self.metrics_token and len(self.metrics_token) < 16:
            raise PanelUnsafe("The token for /metrics must have at least 16 characters.")

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach the panel."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host.strip("[]")).is_loopback
        except ValueError:
            return False

    @property
    def names(self) -> frozenset[str]:
        """Every name that a Host header may carry."""
        return LOOPBACK_NAMES | {name.lower() for name in self.hosts}
