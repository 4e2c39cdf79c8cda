"""Every setting of a Wardlens machine: one TOML file, each key also an environment variable, unknown keys refused.

The file is the one that `--config` or `WARDLENS_CONFIG` names, else `/etc/wardlens/wardlens.toml` when it is there. The
environment wins over the file: `WARDLENS_STATE`, and `WARDLENS_PANEL__PORT` for `port` in `[panel]`. The table in
`docs/settings.md` is made from this module.
"""

from __future__ import annotations

import json
import os
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from firmware.errors import RequestWrong

SYSTEM_FILE = Path("/etc/wardlens/wardlens.toml")
PREFIX = "WARDLENS_"
NESTED = "__"
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
"""Hosts that are this machine: what is sent there crosses no network."""

NOT_SETTINGS = frozenset(
    {
        "WARDLENS_CONFIG",
        "WARDLENS_IMAGE",
        "WARDLENS_TEST_DATA",
        "WARDLENS_REQUIRE_SERVERS",
        "WARDLENS_FAULTS",
        "WARDLENS_FAULTS_SEED",
    }
)
"""Variables of ours that are not settings: where the file is, and what the tests are given."""


def _home(variable: str, fallback: str) -> Path:
    """The user's folder of that kind, by the XDG base directory specification."""
    return Path(os.environ.get(variable) or Path.home() / fallback)


def _expanded(path: Path) -> Path:
    return path.expanduser().absolute()


Folder = Annotated[Path, AfterValidator(_expanded)]
Port = Annotated[int, Field(ge=0, le=65535)]
Pin = Annotated[int, Field(ge=0, le=27)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Device(_Section):
    """`[device]`: the device itself."""

    keys: Literal["auto", "tpm", "file"] = "auto"
    """Where pairing makes the device's private keys: in its TPM, in files, or auto: in the TPM if it can be used."""


class Camera(_Section):
    """`[camera]`: where the light comes from."""

    adapter: Literal["replay", "v4l2", "picamera"] = "v4l2"
    """Which adapter drives the camera: a Raspberry Pi camera, a USB camera, or pictures from a folder."""
    source: str = "/dev/video0"
    """What it opens: a device for v4l2, a camera number for picamera, a picture, folder or video for replay."""
    threads: Annotated[int, Field(ge=0, le=64)] = 0
    """Threads that inference may use; 0 leaves one core free for the rest."""
    show_features: tuple[Literal["clinician", "ward-lead"], ...] = ()
    """Roles that may show a patient's eyes or mouth, where the patient agreed to it; nobody's may, if it is empty."""
    jpeg_quality: Annotated[int, Field(ge=60, le=100)] = 92
    """JPEG quality of sealed pictures."""


class Vault(_Section):
    """`[vault]`: where sealed pictures wait."""

    reserve_megabytes: Annotated[int, Field(ge=1)] = 64
    """Free space that is never used up; below it a new picture is refused in sight."""


class Panel(_Section):
    """`[panel]`: the device's own screen."""

    host: str = "127.0.0.1"
    """Address that the panel listens on; this machine only in this version."""
    port: Port = 8470
    """Port that the panel listens on."""
    lock_seconds: Annotated[int, Field(ge=10, le=3600)] = 60
    """Seconds without a touch after which the panel locks and discards what was not accepted."""
    language: Literal["de", "en"] = "en"
    """Language of the screen before anybody chose another for their session."""
    sound: Literal["on", "off"] = "on"
    """Whether tones say what became of a picture, before anybody chose otherwise on the device's page."""
    hand: Literal["left", "right"] = "right"
    """Side of the shutter and the main buttons before anybody chose the other for their session."""
    shutter_keys: tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9]{1,32}$")], ...] = ("F13", "PageDown")
    """Keys that take a picture beside Enter, Space and the volume keys, as browsers name them; for a foot pedal."""

    badge_prefix: Annotated[str, Field(max_length=32)] = ""
    """What stands in a badge's code before what the roster knows; it is taken off."""
    badge_length: Annotated[int, Field(ge=0, le=64)] = 0
    """Characters of a badge without its prefix; 0 for any number. Codes of another length are no badges."""
    patient_check: Literal["none", "nhs"] = "none"
    """How patient references check themselves, scanned or typed: nhs for NHS numbers."""


class Receiver(_Section):
    """`[receiver]`: the hospital's side."""

    site: Folder = Field(default_factory=lambda: _home("XDG_DATA_HOME", ".local/share") / "wardlens-site")
    """Folder of the site's keys and registry, made by `wardlens site init`."""
    database: str = ""
    """SQLAlchemy URL of the archive's rows; empty for SQLite in the archive folder."""
    objects: str = ""
    """URL of the object store; empty for a folder in the archive folder."""
    archive: Folder = Field(default_factory=lambda: _home("XDG_DATA_HOME", ".local/share") / "wardlens-archive")
    """Folder of the embedded archive."""
    name: str = "receiver-1"
    """This receiver's name on the broker; each one of several has its own."""
    open: bool = True
    """Whether the receiver opens what it files; without it it needs no opening key, and `receiver open` opens later."""
    host: str = "127.0.0.1"
    """Address that the hospital's view listens on; this machine only, a TLS proxy goes before it."""
    port: Port = 8480
    """Port that the hospital's view listens on."""
    address: str = ""
    """Address of the view for browsers, such as https://wounds.st-mary.example, where a TLS proxy stands before it."""


class Oidc(_Section):
    """`[oidc]`: the identity provider that people sign in to the hospital's view with. Links work beside it."""

    issuer: str = ""
    """Address of the OpenID Connect provider, as its tokens name it; empty for links only."""
    client: str = ""
    """Our name at the provider. It sends people back to `receiver.address` with /signed-in after it."""
    secret: Folder | None = None
    """File with the client's secret, 0600; without one the client is a public one (PKCE is used either way)."""
    authorities: Folder | None = None
    """PEM file of the authority that signed the provider's certificate, where this machine does not know it."""
    scope: str = "openid profile"
    """What the token is asked to hold."""
    claim: str = "groups"
    """Where the token names somebody's groups; dots lead into objects, such as realm_access.roles."""
    roles: dict[str, Literal["clinician", "ward-lead", "it", "auditor"]] = {}
    """The provider's groups, and the role that each is here; who is in none is not let in."""
    title: str = "your hospital account"
    """What the button calls the provider: Sign in with …"""


class S3(_Section):
    """`[s3]`: the bucket that `receiver.objects` names, where it is not Amazon's own. No key stands here."""

    endpoint: str = ""
    """Address of an own S3 service, such as https://minio.st-mary.example:9000; empty for Amazon's."""
    region: str = "us-east-1"
    """Region that requests are signed for; an own service has one too, mostly this."""
    path_style: bool = True
    """Whether the bucket stands in the path; without it, in the host's name."""
    authorities: Folder | None = None
    """PEM file of the authority that signed the service's certificate, where this machine does not know it."""
    credentials: Folder | None = None
    """File with the credentials, 0600, as the AWS tools write it; without it, AWS_ACCESS_KEY_ID and the like count."""


class Token(_Section):
    """`[token]`: a PKCS#11 token that wraps the site's opening keys."""

    module: Folder | None = None
    """PKCS#11 library of the token; without it, opening keys lie in the site's folder as they are."""
    label: str = "wardlens"
    """The token's label."""
    pin_file: Folder | None = None
    """File that holds the token's user PIN, 0600."""


class Broker(_Section):
    """`[broker]`: the MQTT broker, as the receiver and new invitations see it."""

    host: str = "127.0.0.1"
    """Address of the broker."""
    port: Port = 8883
    """TLS port of the broker."""
    protocol: Literal["auto", "3.1.1", "5"] = "auto"
    """MQTT version; auto tries 5 and falls back."""
    rights: Folder | None = None
    """Folder that `site broker-config` wrote; `site serve` then keeps its ACL file, for instance after a revocation."""
    reload: tuple[str, ...] = ()
    """Command that has the broker read its ACL file, as a list of words, such as systemctl, reload, mosquitto."""


class Limits(_Section):
    """`[limits]`: what one device may do at the receivers, so that a broken one cannot keep them from the others."""

    open_captures: Annotated[int, Field(ge=1)] = 32
    """Captures of one device that may be begun and not complete; beyond it the device waits."""
    open_mebibytes: Annotated[int, Field(ge=1)] = 256
    """MiB that these captures announce together; a capture that is longer alone is refused for good."""
    filed_mebibytes_a_day: Annotated[int, Field(ge=1)] = 32 * 1024
    """MiB of one device that are filed within 24 hours; beyond it the device waits."""
    quarantined_mebibytes: Annotated[int, Field(ge=0)] = 256
    """MiB of refused envelopes of one device that are kept as evidence; beyond it only their rows are."""
    quarantined_rows: Annotated[int, Field(ge=1)] = 1_000
    """Refusals of one device that are kept on record; beyond it they are answered and logged only."""
    attempts: Annotated[int, Field(ge=1)] = 10
    """Tries at filing one complete capture; beyond it the capture is refused and the device parks it."""
    ledger_lines: Annotated[int, Field(ge=1)] = 10_000
    """Lines of each chain of a device's ledger that heads are kept for; the oldest heads go."""
    forget_days: Annotated[int, Field(ge=1)] = 7
    """Days after which an upload that does not go on is thrown away; the device sends it again."""
    nonsense_in_a_row: Annotated[int, Field(ge=1)] = 200
    """Messages of one device that may mean nothing or have to be refused; beyond it the device is not answered."""
    nonsense_a_second: Annotated[float, Field(gt=0)] = 1.0
    """How many of these it may send again each second."""


class Enrolment(_Section):
    """`[enrolment]`: where new devices are introduced to the site."""

    host: str = "127.0.0.1"
    """Address that the enrolment server listens on."""
    port: Port = 8444
    """Port that the enrolment server listens on."""


class Update(_Section):
    """`[update]`: how a device with two systems takes a new one."""

    release: Folder = Path("/etc/wardlens-release")
    """File in which the system that runs says its version; without it the device takes no updates."""
    system: Folder = Path("/etc/rauc/system.conf")
    """RAUC's configuration: slots, bootloader, keyring; without it the device takes no updates."""
    room_megabytes: Annotated[int, Field(ge=1)] = 1000
    """Free space that an update leaves to pictures while it is fetched."""
    trial_minutes: Annotated[int, Field(ge=1, le=120)] = 10
    """Minutes within which a new system must have shown that it works; then the one before it is started again."""


class Indicator(_Section):
    """`[indicator]`: the light on the device's case."""

    red: Pin | None = None
    """Pin of its red part, as Broadcom numbers them; without all three there is no light."""
    green: Pin | None = None
    """Pin of its green part."""
    blue: Pin | None = None
    """Pin of its blue part."""
    active_high: bool = True
    """Whether a part is on while its pin is high; not so where the parts share the plus."""
    socket: Folder = Path("/run/wardlens-indicator/light.sock")
    """Where the camera service says how the device is."""


class Log(_Section):
    """`[log]`: what is written to standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least severe event that is written."""
    format: Literal["auto", "json", "plain"] = "auto"
    """JSON lines, plain lines, or plain on a terminal and JSON elsewhere."""


class Settings(BaseSettings):
    """Top-level keys."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter=NESTED,
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
        nested_model_default_partial_update=True,
    )

    state: Folder = Field(default_factory=lambda: _home("XDG_DATA_HOME", ".local/share") / "wardlens")
    """Folder of everything that the device keeps: keys, certificates, vault, ledger."""
    runtime: Folder | None = None
    """Folder of the camera service's socket; `run` inside the state folder when not set."""
    models: Folder = Field(default_factory=lambda: Path(sys.prefix) / "share" / "wardlens" / "models")
    """Folder of the models that `wardlens models fetch` brings; beside the installation, for all who use it."""
    device: Device = Device()
    camera: Camera = Camera()
    vault: Vault = Vault()
    panel: Panel = Panel()
    receiver: Receiver = Field(default_factory=Receiver)
    oidc: Oidc = Oidc()
    s3: S3 = S3()
    token: Token = Token()
    broker: Broker = Broker()
    limits: Limits = Limits()
    enrolment: Enrolment = Enrolment()
    update: Update = Update()
    indicator: Indicator = Indicator()
    log: Log = Log()

    @property
    def socket(self) -> Path:
        """The camera service's unix socket."""
        return (self.runtime or self.state / "run") / "camera.sock"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the library's signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the library's signature
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment, then the file (given as init values). No dotenv file, no secrets folder."""
        return env_settings, InitSettingsSource(settings_cls, init_settings())


def keys() -> Iterator[tuple[str, str, str, str]]:
    """(TOML key, environment variable, default, meaning) of every setting, in the order of this module."""
    yield from _keys_of(Settings, ())


def _keys_of(model: type[BaseModel], path: tuple[str, ...]) -> Iterator[tuple[str, str, str, str]]:
    for name, field in model.model_fields.items():
        here = (*path, name)
        section = field.annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            yield from _keys_of(section, here)
            continue
        default = field.get_default(call_default_factory=True, validated_data={})
        yield ".".join(here), PREFIX + NESTED.join(here).upper(), _shown(default), field.description or ""


def _shown(default: object) -> str:
    """A default as the page and a TOML file write it."""
    if default is None:
        return ""
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, tuple):
        return json.dumps(default)
    return str(default).replace(str(Path.home()), "~").replace(sys.prefix, "{prefix}")


def load_settings(file: Path | None = None, **overrides: Any) -> Settings:
    """The settings in force.

    Args:
        file: the TOML file; without it, what `WARDLENS_CONFIG` names, else the system's file when it is there.
        overrides: top-level values from the command line; they win over everything.

    Raises:
        RequestWrong: the file cannot be read, or a key or value is not one of ours.
    """
    named = file or (Path(os.environ["WARDLENS_CONFIG"]) if os.environ.get("WARDLENS_CONFIG") else None)
    values = _read(named) if named else _read(SYSTEM_FILE) if SYSTEM_FILE.is_file() else {}
    _refuse_unknown_variables(os.environ)
    try:
        settings = Settings(**values)
        given = {name: value for name, value in overrides.items() if value is not None}
        return settings.model_copy(update={n: _expanded(v) if isinstance(v, Path) else v for n, v in given.items()})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise RequestWrong(
            f"The setting {where} is wrong: {first['msg'].lower()}. docs/settings.md lists every key."
        ) from None


def forget_variables() -> None:
    """Take every setting out of this process's environment: whoever goes on has only the file he is given."""
    for name in {variable for _, variable, _, _ in keys()} | {"WARDLENS_CONFIG"}:
        os.environ.pop(name, None)


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise RequestWrong(
            f"The settings file {file} cannot be read ({error.strerror}). Name another by --config."
        ) from None
    except ValueError as error:  # TOMLDecodeError and UnicodeDecodeError are, and a number of thousands of digits
        raise RequestWrong(f"The settings file {file} is not TOML: {error}. Correct that line.") from None
    except RecursionError:
        raise RequestWrong(f"The settings file {file} is nested too deep. Take the brackets out.") from None


def _refuse_unknown_variables(environment: Mapping[str, str]) -> None:
    known = {variable for _, variable, _, _ in keys()} | NOT_SETTINGS
    for name in environment:
        if name.startswith(PREFIX) and name not in known:
            raise RequestWrong(f"The environment variable {name} is not a setting. docs/settings.md lists every one.")
