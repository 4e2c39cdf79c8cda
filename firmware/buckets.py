"""How the bucket of the settings is reached: by the object store's own names, with credentials from where they may lie.

Credentials are never in the settings file or in a URL: those are copied, shown and sent to colleagues.
"""

from __future__ import annotations

import configparser
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from cryptography import x509

from capture.private_files import bytes_and_exposure
from firmware.errors import RequestWrong
from firmware.settings import LOOPBACK, Settings

_NAMES: Final = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
_NEEDED: Final = _NAMES[:2]
_PROFILE: Final = "default"


def bucket_options(settings: Settings, environment: Mapping[str, str]) -> dict[str, str]:
    """The options of :class:`~sync.receiver.ArchiveSettings` for the bucket that `receiver.objects` names.

    Amazon's own S3 without credentials is left to the machine's role there; an own service has no such thing.

    Raises:
        RequestWrong: the endpoint, a file or the credentials are missing or wrong, or a file is others' to read.
    """
    if "@" in settings.receiver.objects:
        raise RequestWrong(
            "receiver.objects must hold no credentials: put them into the file that s3.credentials names."
        )
    s3 = settings.s3
    options = {"region": s3.region, "virtual_hosted_style_request": "false" if s3.path_style else "true"}
    if s3.endpoint:
        options |= _endpoint(s3.endpoint)
    if s3.authorities is not None:
        options["root_certificate"] = _authorities(s3.authorities)
    credentials = _in_environment(environment) if s3.credentials is None else _in_file(s3.credentials)
    if s3.endpoint and not credentials:
        raise RequestWrong(
            "The bucket's service needs credentials: name a file that holds them in s3.credentials, or set "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
        )
    return options | credentials


def _endpoint(endpoint: str) -> dict[str, str]:
    try:
        parts = urlsplit(endpoint)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if host is None or parts.scheme not in {"http", "https"} or parts.path.strip("/") or parts.query or "@" in endpoint:
        raise RequestWrong(
            "s3.endpoint is not an address. Write https://HOST:PORT, and the bucket in receiver.objects."
        )
    if parts.scheme == "https":
        return {"endpoint": endpoint}
    if host not in LOOPBACK:
        raise RequestWrong("s3.endpoint must be https: opened pictures would cross the network for all to read.")
    return {"endpoint": endpoint, "allow_http": "true"}


def _in_environment(environment: Mapping[str, str]) -> dict[str, str]:
    given = {name: environment.get(name.upper(), "") for name in _NAMES}
    return _whole(given, "The environment") if any(given[name] for name in _NEEDED) else {}


def _in_file(path: Path) -> dict[str, str]:
    try:
        data, exposed = bytes_and_exposure(path)
    except OSError as error:
        raise RequestWrong(f"s3.credentials: {path} cannot be read ({error.strerror}). Name the file.") from None
    if exposed is not None:
        raise RequestWrong(
            f"The credentials in {path} can be read by others, so they are not used. Run `chmod 600 {path}`, and find "
            "out who had access."
        )
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(data.decode("utf-8"))
    except (configparser.Error, UnicodeDecodeError):  # its words would show a line of the file, and so a secret
        raise RequestWrong(
            f"{path} is not a credentials file. Write [{_PROFILE}], then {' and '.join(_NEEDED)}, each on a line."
        ) from None
    given = {name: parser.get(_PROFILE, name, fallback="").strip() for name in _NAMES}
    return _whole(given, f"{path}, [{_PROFILE}],")


def _whole(given: Mapping[str, str], place: str) -> dict[str, str]:
    """The credentials that are there, by the object store's names."""
    missing = [name for name in _NEEDED if not given[name]]
    if missing:
        raise RequestWrong(f"{place} does not say {' and '.join(missing)}. Both are needed.")
    return {name.removeprefix("aws_"): value for name, value in given.items() if value}


def _authorities(path: Path) -> str:
    try:
        text = path.read_text("ascii")
        x509.load_pem_x509_certificates(text.encode())
    except (OSError, ValueError):
        raise RequestWrong(f"s3.authorities: {path} holds no certificate that can be read. Name a PEM file.") from None
    return text
