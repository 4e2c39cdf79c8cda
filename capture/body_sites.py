"""Where on the body a wound can be: SNOMED CT codes of DICOM's context group 4029, Dermatology Anatomic Site.

Codes and terms are as DICOM PS3.16 lists them (CID 4029; the sacrum is in CID 4009). Chosen: what wound care
photographs, and each general site that stands in where no exact one fits.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

BODY_SITES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "70762009": "Skin of head",
        "43067004": "Skin of scalp",
        "79951008": "Skin of occipital region",
        "68698007": "Skin of forehead",
        "73897004": "Skin of face",
        "36141000": "Skin of cheek",
        "23747009": "Skin of chin",
        "113179006": "Skin of nose",
        "1902009": "Skin of ear",
        "24483006": "Skin of postauricular region",
        "88089004": "Skin of lip",
        "43081002": "Skin of neck",
        "4658004": "Skin of nuchal region",
        "181491009": "Skin of anterior trunk",
        "244106003": "Skin of anterior surface of thorax",
        "244107007": "Sternal skin",
        "72005009": "Skin of areola",
        "76261009": "Skin of axilla",
        "75093004": "Skin of abdomen",
        "699935000": "Skin of upper abdomen",
        "699914002": "Skin of lower abdomen",
        "315003": "Skin of umbilicus",
        "39687006": "Skin of inguinal region",
        "280387007": "Groin skin crease",
        "66643007": "Skin of back",
        "244111001": "Skin of posterior surface of thorax",
        "113182001": "Skin of lower back",
        "22180002": "Skin of buttock",
        "63029009": "Skin of gluteal fold",
        "48014002": "Skin of perineum",
        "59112000": "Skin of anus",
        "60944009": "Skin of external genitalia",
        "35900000": "Skin of penis",
        "81992007": "Skin of scrotum",
        "73058008": "Skin of labium",
        "371311000": "Skin of upper extremity",
        "45981001": "Skin of anterior surface of upper arm",
        "72939005": "Skin of posterior surface of upper arm",
        "17957002": "Skin of antecubital fossa",
        "181536004": "Skin of posterior surface of elbow",
        "70559009": "Skin of anterior surface of forearm",
        "41550009": "Skin of posterior surface of forearm",
        "24527008": "Skin of palmar area of wrist",
        "52876008": "Skin of dorsal area of wrist",
        "33712006": "Skin of hand",
        "70887009": "Skin of palm of hand",
        "281642007": "Skin of part of dorsal surface of hand",
        "244169007": "Skin of digit of hand",
        "371304004": "Skin of lower extremity",
        "61248009": "Skin of anterior surface of thigh",
        "73958006": "Skin of medial surface of thigh",
        "4578000": "Skin of posterior surface of thigh",
        "181553006": "Skin of anterior surface of knee",
        "84507004": "Skin of popliteal fossa",
        "25763004": "Skin of anterior surface of lower leg",
        "47224004": "Skin of posterior surface of lower leg",
        "181563003": "Skin of medial aspect of ankle",
        "181564009": "Skin of lateral aspect of ankle",
        "60496002": "Skin of foot",
        "84607009": "Skin of heel",
        "699919007": "Skin of medial part of heel",
        "699909001": "Skin of lateral part of heel",
        "52953006": "Skin of medial border of sole of foot",
        "35739000": "Skin of lateral border of sole of foot",
        "52034004": "Skin of toe",
        "770822006": "Nail unit of great toe",
        "39937001": "Skin",
        # Pressure injuries over the sacrum: the context group has no skin code for it, so the bone under it is named.
        "54735007": "Sacrum",
    }
)
"""Code → term, from head to toe."""
