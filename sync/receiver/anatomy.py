"""Where on the body, in the two languages that a hospital's systems speak: DICOM and FHIR. Pure.

DICOM: Anatomic Region Sequence and Image Laterality (PS3.3 C.7.6.1 and C.8.12.1), written as the DICOM JSON Model
(PS3.18 Annex F). FHIR R4: one BodyStructure for each wound, with its side as a qualifier of its place. The side is the
patient's in both, as it is in what the device sealed.
"""

from __future__ import annotations

from typing import Any, Final

from capture.body_sites import BODY_SITES, PAIRED

SNOMED: Final = "http://snomed.info/sct"
SERIES: Final = "urn:wardlens:wound-series"
"""FHIR's system of a wound series' name. The name is the patient's own: it is one wound together with the patient."""

LATERALITY: Final = {"left": "L", "right": "R", "bilateral": "B"}
"""Image Laterality (0020,0062); U is for what a body has one of."""
QUALIFIERS: Final = {
    "left": ("7771000", "Left"),
    "right": ("24028007", "Right"),
    "bilateral": ("51440002", "Bilateral"),
}
"""SNOMED CT, DICOM CID 244."""

_ANATOMIC_REGION: Final = "00082218"
_IMAGE_LATERALITY: Final = "00200062"


def to_dicom(body_site: str, laterality: str | None) -> dict[str, Any]:
    """The attributes of a picture's place. Empty where the site is none that a device can name.

    A site that comes in two and has no side has no Image Laterality: not known is not the same as unpaired.
    """
    if body_site not in BODY_SITES:
        return {}
    region = {
        "00080100": {"vr": "SH", "Value": [body_site]},
        "00080102": {"vr": "SH", "Value": ["SCT"]},
        "00080104": {"vr": "LO", "Value": [BODY_SITES[body_site]]},
    }
    said: dict[str, Any] = {_ANATOMIC_REGION: {"vr": "SQ", "Value": [region]}}
    side = LATERALITY.get(laterality or "") or ("" if body_site in PAIRED else "U")
    return said | ({_IMAGE_LATERALITY: {"vr": "CS", "Value": [side]}} if side else {})


def to_fhir(patient: str, body_site: str, laterality: str | None, series: str) -> dict[str, Any]:
    """The wound as a BodyStructure, the same for each picture of its series; without one, the place of this picture.

    Empty where there is no patient, or the site is none that a device can name.
    """
    if not patient or body_site not in BODY_SITES:
        return {}
    said: dict[str, Any] = {
        "resourceType": "BodyStructure",
        "active": True,
        "location": _concept(body_site, BODY_SITES[body_site]),
        "patient": {"identifier": {"value": patient}},
    }
    if series:
        said["identifier"] = [{"system": SERIES, "value": series}]
    if laterality in QUALIFIERS:
        said["locationQualifier"] = [_concept(*QUALIFIERS[laterality])]
    return said


def _concept(code: str, display: str) -> dict[str, Any]:
    return {"coding": [{"system": SNOMED, "code": code, "display": display}]}
