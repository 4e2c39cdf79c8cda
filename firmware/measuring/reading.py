"""Whether a badge or a wristband that is held to the camera is read, and read rightly: drawn codes over pictures.

Each card is looked at twice, as `capture.service.scanning` looks. What both looks agree on is who would sign in,
or whom a picture would be filed for.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from capture.camera.port import fit_preview
from capture.errors import CodesDiffer
from capture.pictures import read_picture
from capture.scanned import BadgeRule, PatientCheck, parse_badge, parse_patient
from capture.service.scanning import CodeKind, agreed, codes_of
from firmware.errors import RequestWrong
from inference.deidentifier import SCAN_SIDE
from inference.detectors.codes import scan_codes
from inference.evaluation.intervals import wilson
from inference.picture import Pixels
from inference.scenes import SceneSpec, draw_scene
from inference.scenes.held import Holding, draw_held

PRINTED: Final[Mapping[str, CodeKind]] = MappingProxyType(
    {
        "Code128": CodeKind.WRISTBAND,
        "DataMatrix": CodeKind.WRISTBAND,
        "QRCode": CodeKind.WRISTBAND,
        "Code39": CodeKind.BADGE,
    }
)
"""The symbologies that are read, and what they are measured as."""

HELD: Final[Mapping[str, Holding]] = MappingProxyType(
    {
        "held well: 2 pixels a module": Holding(),
        "3 pixels a module": Holding(module=3.0),
        "1.5 pixels": Holding(module=1.5),
        "1.2 pixels": Holding(module=1.2),
        "1 pixel": Holding(module=1.0),
        "turned by 10°": Holding(turn=10),
        "by 25°": Holding(turn=25),
        "by 45°": Holding(turn=45),
        "by 90°": Holding(turn=90),
        "tilted by 30°": Holding(tilt=30),
        "by 50°": Holding(tilt=50),
        "around a wrist, 90°": Holding(bent=90),
        "140°": Holding(bent=140),
        "out of focus, 1 pixel": Holding(defocus=1.0),
        "2 pixels": Holding(defocus=2.0),
        "moved by 2 pixels": Holding(motion=2.0),
        "by 4 pixels": Holding(motion=4.0),
        "a quarter of the light": Holding(light=0.25),
        "a lamp mirrored in it": Holding(glare=True),
        "a third of it out of view": Holding(cut=0.33),
    }
)
"""What is wrong with how it is held, one thing at a time; each is named after what it is."""

_TONES: Final = (1, 3, 5, 7, 9, 10)
_MOST_BEHIND: Final = 60
_JITTER: Final = 1.0
"""Degrees that a hand turns between two looks, at most."""
_DIGITS: Final = "0123456789"
_LETTERS: Final = "ABCDEFGHJKLMNPRSTUVWXYZ"


@dataclass(slots=True)
class Tally:
    """What came of the cards that were held in one way.

    Attributes:
        read: both looks agreed, and on what the card says.
        misread: they agreed on something else.
        looks_misread: single looks that read something else.
        cards: how many there were.
    """

    read: int = 0
    misread: int = 0
    looks_misread: int = 0
    cards: int = 0

    def figures(self) -> dict[str, Any]:
        """For JSON: the shares with the 95 % interval of the first."""
        low, high = wilson(self.read / self.cards, self.cards)
        return {
            "cards": self.cards,
            "read": round(self.read / self.cards, 4),
            "read_interval": [round(low, 4), round(high, 4)],
            "misread": self.misread,
            "looks_misread": self.looks_misread,
        }


@dataclass(frozen=True, slots=True)
class ReadingPlan:
    """What is measured.

    Attributes:
        cards: of each symbology and each way to hold it.
        seed: another seed draws other cards.
        symbologies: of :data:`PRINTED`.
        held: name → how.
    """

    cards: int = 60
    seed: int = 1
    symbologies: Sequence[str] = tuple(PRINTED)
    held: Mapping[str, Holding] = field(default_factory=lambda: HELD)

    @property
    def steps(self) -> int:
        """How often progress is told."""
        return len(self.symbologies) * len(self.held)


def behind_cards(folders: Iterable[Path]) -> list[Pixels]:
    """The JPEGs in these folders as a preview shows them, evenly taken; drawn skin where no folder is named.

    Those that show a code by themselves are left out.

    Raises:
        RequestWrong: a folder has no picture.
        PictureUnreadable: one cannot be read.
    """
    found = [draw_scene(SceneSpec(seed, tone=tone, props=())).pixels for seed, tone in enumerate(_TONES)]
    for number, folder in enumerate(folders):
        files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in {".jpg", ".jpeg"})
        if not files:
            raise RequestWrong(f"There is no JPEG in {folder}. Name a folder of pictures.")
        chosen = files[:: max(1, len(files) // _MOST_BEHIND)][:_MOST_BEHIND]
        found = [*(found if number else ()), *(read_picture(file.read_bytes()) for file in chosen)]
    return [fit_preview(picture) for picture in found if not scan_codes(fit_preview(picture), side=SCAN_SIDE)]


def measure_reading(
    pictures: Sequence[Pixels], plan: ReadingPlan, told: Callable[[int, str], None]
) -> dict[str, dict[str, Tally]]:
    """Way to hold → symbology → what came of it.

    Args:
        pictures: what the camera sees behind the cards, from :func:`behind_cards`.
        plan: what is measured.
        told: hears of each step.
    """
    tallies: dict[str, dict[str, Tally]] = {}
    step = 0
    for name, how in plan.held.items():
        for symbology in plan.symbologies:
            tally = tallies.setdefault(name, {}).setdefault(symbology, Tally())
            chance = zlib.crc32(f"{symbology}, {name}".encode())
            for card in range(plan.cards):
                rng = np.random.default_rng((plan.seed, chance, card))
                _hold(symbology, pictures[int(rng.integers(len(pictures)))], how, tally, rng)
            step += 1
            told(step, f"{symbology}, {name}")
    return tallies


def _hold(symbology: str, behind: Pixels, how: Holding, tally: Tally, rng: np.random.Generator) -> None:
    kind = PRINTED[symbology]
    says = "".join(rng.choice(list(_LETTERS), 2)) if kind is CodeKind.BADGE else ""
    says += "".join(rng.choice(list(_DIGITS), 4 if says else 8))
    looks = []
    for _ in range(2):
        turned = replace(how, turn=how.turn + rng.uniform(-_JITTER, _JITTER))
        seen = draw_held(symbology, says, behind, turned, rng)
        looks.append(codes_of(scan_codes(seen, side=SCAN_SIDE), kind))
    tally.cards += 1
    tally.looks_misread += sum(any(code.text != says for code in look) for look in looks)
    with suppress(CodesDiffer, ValueError):  # said in words on the screen, and nothing is taken over
        if code := agreed(*looks):
            taken = taken_over(kind, code.text)
            tally.read += taken == says
            tally.misread += taken != says


def taken_over(kind: CodeKind, text: str) -> str:
    """What the panel takes from a code that was read, without a check of the hospital's own.

    Raises:
        ValueError: nothing; the message is for the person who holds it.
    """
    return parse_badge(text, BadgeRule()) if kind is CodeKind.BADGE else parse_patient(text, PatientCheck.NONE)
