"""Pixels in, regions out: finds what identifies a patient in a picture and destroys it.

This room knows pixels, models and regions. It knows nothing of cameras, patients, files other than its models, or
networks (the one exception, `fetch`, starts the ordinary package client to get the models). Its promise: a Photo or a
LiveView comes out only when every detector has looked; whatever fails, nothing comes out.
"""

from inference.deidentifier import Deidentifier
from inference.detectors import Decoded, Detector
from inference.errors import (
    DecisionRefused,
    DetectionFailed,
    FetchFailed,
    InferenceError,
    ModelAltered,
    ModelMisbehaves,
    ModelMissing,
    ModelUnusable,
    PackageAltered,
    PackageUnavailable,
)
from inference.film_regions import FilmCover, Sighting, steady
from inference.manifest import (
    FetchStep,
    Manifest,
    Model,
    ModelCheck,
    ModelState,
    PackageFile,
    fetch,
    fetch_package_file,
    load_manifest,
    verify,
)
from inference.picture import (
    Action,
    Decision,
    Frame,
    Kind,
    LiveView,
    Outcome,
    Photo,
    Pixels,
    Polygon,
    Redaction,
    Region,
    Shown,
)

__all__ = [
    "Action",
    "Decision",
    "DecisionRefused",
    "Decoded",
    "Deidentifier",
    "DetectionFailed",
    "Detector",
    "FetchFailed",
    "FetchStep",
    "FilmCover",
    "Frame",
    "InferenceError",
    "Kind",
    "LiveView",
    "Manifest",
    "Model",
    "ModelAltered",
    "ModelCheck",
    "ModelMisbehaves",
    "ModelMissing",
    "ModelState",
    "ModelUnusable",
    "Outcome",
    "PackageAltered",
    "PackageFile",
    "PackageUnavailable",
    "Photo",
    "Pixels",
    "Polygon",
    "Redaction",
    "Region",
    "Shown",
    "Sighting",
    "fetch",
    "fetch_package_file",
    "load_manifest",
    "steady",
    "verify",
]
