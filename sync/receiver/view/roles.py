"""Who may see what in the hospital's view: roles, what each is for, and the right that each page asks for."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """What somebody is to the hospital. One person may be several."""

    CLINICIAN = "clinician"
    WARD_LEAD = "ward-lead"
    IT = "it"
    AUDITOR = "auditor"


class Right(StrEnum):
    """What a page shows or does."""

    PICTURES = "pictures"
    RECORDS = "records"
    DEVICES = "devices"
    ALARMS = "alarms"
    SETTLE = "settle"
    LOOKS = "looks"


RIGHTS: Final[dict[Role, frozenset[Right]]] = {
    Role.CLINICIAN: frozenset({Right.PICTURES, Right.RECORDS}),
    Role.WARD_LEAD: frozenset({Right.PICTURES, Right.RECORDS, Right.DEVICES, Right.ALARMS}),
    # Whoever runs the machines needs no patient for it.
    Role.IT: frozenset({Right.DEVICES, Right.ALARMS, Right.SETTLE}),
    # Whoever checks what was done sees records and receipts, devices that drift, and who looked, and needs no picture.
    Role.AUDITOR: frozenset({Right.RECORDS, Right.DEVICES, Right.ALARMS, Right.LOOKS}),
}

OPEN: Final = frozenset({"/login", "/metrics", "/sign-in", "/signed-in"})
"""Behind no session: those that begin one, and figures that name nobody."""
OPEN_FOLDER: Final = "/static/"

_NEEDED: Final[tuple[tuple[re.Pattern[str], Right | None], ...]] = (
    (re.compile(r"/logout"), None),
    (re.compile(r"/|/rows|/captures\.json"), Right.RECORDS),
    (re.compile(r"/captures/[^/]+/picture\.jpg"), Right.PICTURES),
    (re.compile(r"/captures/[^/]+(/(wound|envelope\.wle|receipt\.json|record\.json))?"), Right.RECORDS),
    (re.compile(r"/devices"), Right.DEVICES),
    (re.compile(r"/alarms|/quarantine"), Right.ALARMS),
    (re.compile(r"/alarms/[^/]+/settle"), Right.SETTLE),
    (re.compile(r"/looks"), Right.LOOKS),
)

_FIRST: Final = ((Right.RECORDS, "/"), (Right.DEVICES, "/devices"))


def rights_of(roles: Iterable[Role]) -> frozenset[Right]:
    """All that these roles may, together."""
    return frozenset().union(*(RIGHTS[role] for role in roles))


def is_open(path: str) -> bool:
    """Whether `path` is for anybody."""
    return path in OPEN or path.startswith(OPEN_FOLDER)


def is_known(path: str) -> bool:
    """Whether the table names `path`. What it does not name is for nobody, whatever the application would answer."""
    return any(pattern.fullmatch(path) for pattern, _ in _NEEDED)


def may(rights: frozenset[Right], path: str) -> bool:
    """Whether somebody with these rights may ask for `path`, which the table names."""
    needed = next(needed for pattern, needed in _NEEDED if pattern.fullmatch(path))
    return needed is None or needed in rights


def first_page(rights: frozenset[Right]) -> str:
    """Where somebody with these rights begins."""
    return next(path for right, path in _FIRST if right in rights)
