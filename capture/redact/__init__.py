"""De-identify picture files, folders and videos: redacted copies of the same size, and a report of what was covered.

Nothing of an input but its redacted pixels reaches an output; an input is never overwritten; an output is there whole
or not at all. A file that cannot be done is said in the report and does not stop the others.
"""

from capture.redact.batch import Step, redact
from capture.redact.plan import Planned, plan
from capture.redact.report import FileReport, Report

__all__ = ["FileReport", "Planned", "Report", "Step", "plan", "redact"]
