"""What is found, what is missed and what is damaged: a de-identifier measured on annotated pictures.

It measures the pixels that are really covered, never scores, and gives every share with its interval. It reads the
folder of a dataset (:class:`Folder`) and nothing else, it writes nothing, and it keeps no pixel but those of the worst
cases, for whoever asks for their sheet. What a figure means stands in docs/evaluation.md.
"""

from inference.errors import DatasetWrong
from inference.evaluation.annotations import AnnotatedPicture, Dataset, Tone, ToneSource, Truth
from inference.evaluation.degradations import ALL, AS_IS, DEGRADATIONS, Degradation, named
from inference.evaluation.folder import Folder
from inference.evaluation.intervals import Share, wilson
from inference.evaluation.measures import MEASURES, Figure, Measure
from inference.evaluation.report import Report, Run, to_json
from inference.evaluation.rows import PictureRow, Seen, TruthRow, WoundRow
from inference.evaluation.running import Witness, evaluate
from inference.evaluation.worst import WorstCases, encoded_sheet

__all__ = [
    "ALL",
    "AS_IS",
    "DEGRADATIONS",
    "MEASURES",
    "AnnotatedPicture",
    "Dataset",
    "DatasetWrong",
    "Degradation",
    "Figure",
    "Folder",
    "Measure",
    "PictureRow",
    "Report",
    "Run",
    "Seen",
    "Share",
    "Tone",
    "ToneSource",
    "Truth",
    "TruthRow",
    "Witness",
    "WorstCases",
    "WoundRow",
    "encoded_sheet",
    "evaluate",
    "named",
    "to_json",
    "wilson",
]
