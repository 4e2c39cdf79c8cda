"""A wound at the hospital: its pictures listed together, its place and side as DICOM and FHIR say them."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import text

from capture.body_sites import BODY_SITES, PAIRED
from sync.receiver import export
from sync.receiver.anatomy import to_dicom, to_fhir
from sync.receiver.archive import schema
from sync.receiver.archive.database import open_engine, writing

HEEL, SACRUM = "84607009", "54735007"


def encounter(**more):
    site = {"system": "http://snomed.info/sct", "code": HEEL, "term": "Skin of heel"}
    said = {
        "patient": "PAT-1",
        "clinician": "b-1",
        "body_site": site,
        "laterality": "left",
        "note": "",
        "urgent": False,
    }
    return {"encounter": said | {"series": f"{HEEL}.left.2026-11-12.1"} | more}


def file(archive, ward, hospital, *manifests):
    """Files one capture for each of these; gives their ids."""
    ingest, ids = ward.ingest(archive), []
    for number, manifest in enumerate(manifests, start=1):
        envelope = ward.envelope(number, capture=f"{number:032x}", manifest=manifest)
        hospital.drive(ingest, envelope)
        ids.append(envelope.capture)
    return ids


@pytest.mark.parametrize(("said", "filed"), [("left", "L"), ("right", "R"), ("bilateral", "B")])
def test_the_patients_side_is_filed_as_that_side_in_dicom_and_in_fhir(said, filed):
    dicom = to_dicom(HEEL, said)
    assert dicom["00200062"] == {"vr": "CS", "Value": [filed]}
    (region,) = dicom["00082218"]["Value"]
    assert [region[tag]["Value"] for tag in ("00080100", "00080102", "00080104")] == [[HEEL], ["SCT"], ["Skin of heel"]]
    structure = to_fhir("PAT-1", HEEL, said, "s")
    ((coding,),) = [concept["coding"] for concept in structure["locationQualifier"]]
    assert coding == {
        "system": "http://snomed.info/sct",
        "code": {"left": "7771000", "right": "24028007", "bilateral": "51440002"}[said],
        "display": said.capitalize(),
    }
    assert structure["location"]["coding"][0]["code"] == HEEL


@pytest.mark.parametrize("code", BODY_SITES)
def test_unpaired_is_said_of_what_a_body_has_one_of_and_never_where_the_side_is_only_not_known(code):
    laterality = to_dicom(code, None).get("00200062")
    assert laterality == (None if code in PAIRED else {"vr": "CS", "Value": ["U"]})
    assert "locationQualifier" not in to_fhir("PAT-1", code, None, "")


def test_what_no_device_can_name_is_left_out_and_not_made_up():
    assert to_dicom("1", "left") == to_fhir("PAT-1", "1", "left", "") == to_fhir("", HEEL, "left", "") == {}
    assert "locationQualifier" not in to_fhir("PAT-1", HEEL, "top", "")
    assert "00200062" not in to_dicom(HEEL, "top")


def test_pictures_of_one_wound_are_listed_together_and_no_others(archive, ward, hospital):
    other_side = {"laterality": "right", "series": f"{HEEL}.right.2026-11-12.1"}
    ids = file(
        archive,
        ward,
        hospital,
        encounter(),
        encounter(patient="PAT-2"),
        encounter(**other_side),
        encounter(),
        encounter(series=""),
    )
    first, stranger, _other, last, alone = (archive.capture(capture) for capture in ids)
    assert [filed.capture for filed in archive.of_wound(first)] == [ids[3], ids[0]]
    assert archive.of_wound(last, before=last.filed) == (first,)
    assert archive.of_wound(last, 1) == (last,)
    assert archive.of_wound(stranger) == (stranger,)
    assert archive.of_wound(alone) == (alone,)
    assert archive.of_wound(alone, before=alone.filed) == ()


def test_every_picture_of_a_wound_is_exported_with_the_same_body_structure(small_archive, ward, hospital, tmp_path):
    ids = file(small_archive, ward, hospital, encounter(), encounter(), encounter(laterality=None, series=""))
    export(small_archive, tmp_path / "out")
    wounds = [json.loads((tmp_path / "out" / f"{capture}.json").read_text())["wound"] for capture in ids]
    assert wounds[0] == wounds[1]
    assert wounds[0]["fhir"] == {
        "resourceType": "BodyStructure",
        "active": True,
        "identifier": [{"system": "urn:wardlens:wound-series", "value": f"{HEEL}.left.2026-11-12.1"}],
        "location": {"coding": [{"system": "http://snomed.info/sct", "code": HEEL, "display": "Skin of heel"}]},
        "locationQualifier": [{"coding": [{"system": "http://snomed.info/sct", "code": "7771000", "display": "Left"}]}],
        "patient": {"identifier": {"value": "PAT-1"}},
    }
    assert wounds[0]["dicom"]["00200062"]["Value"] == ["L"]
    assert "identifier" not in wounds[2]["fhir"]
    assert "00200062" not in wounds[2]["dicom"]


def test_captures_of_an_older_archive_are_found_by_their_wound(tmp_path, database, hospital, monkeypatch):
    (tmp_path / "archive").mkdir()
    engine = open_engine(database or f"sqlite:///{tmp_path / 'archive/archive.sqlite'}")
    with monkeypatch.context() as older:
        older.setattr(schema, "known_head", lambda: "0005")
        upgrade = schema.command.upgrade
        older.setattr(schema.command, "upgrade", lambda config, _head: upgrade(config, "0005"))
        schema.bring_up_to_date(engine)
    manifests = [json.dumps(encounter()).encode(), b"", b"{}", b"[" * 100_000, b'{"encounter": {"series": 1}}']
    with writing(engine) as connection:
        for number, manifest in enumerate(manifests):
            connection.execute(
                text(
                    "INSERT INTO captures (capture, device, site, digest, length, counter, received_at_ms, patient, "
                    "body_site, urgent, picture_digest, picture_length, manifest) VALUES (:capture, 'bed-1', 'st', "
                    ":digest, 1, 1, 1, 'PAT-1', '', false, :digest, 1, :manifest)"
                ),
                {"capture": f"{number:032x}", "digest": "0" * 64, "manifest": manifest},
            )
            connection.execute(
                text("INSERT INTO receipts VALUES (:capture, 'receipt-1', :receipt, 1)"),
                {"capture": f"{number:032x}", "receipt": b"{}"},
            )
    engine.dispose()
    archive = hospital.open_archive(tmp_path / "archive", database=database)
    series = [archive.capture(f"{number:032x}").series for number in range(len(manifests))]
    assert series == [f"{HEEL}.left.2026-11-12.1", "", "", "", ""]
    archive.close()
