"""A name that fills the frame is a name: what is found large counts where it is read, and only there."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from inference import Deidentifier, Frame, Kind, Outcome
from inference.canvas import Canvas
from inference.covering import coverage
from inference.detectors.text import LARGEST, TextDetector

WIDTH, HEIGHT = 2000, 1500
FONT = cv2.FONT_HERSHEY_SIMPLEX


def lettering(text: str, share: float) -> tuple[np.ndarray, np.ndarray]:
    """A card with `text` in dark letters over `share` of the frame's width, on skin; and where its ink is."""
    pixels = np.full((HEIGHT, WIDTH, 3), (205, 160, 135), np.uint8)
    noise = np.random.default_rng(1).normal(0, 4, pixels.shape)
    pixels = np.clip(pixels + noise, 0, 255).astype(np.uint8)
    size = share * WIDTH / cv2.getTextSize(text, FONT, 1, 2)[0][0]
    thick = max(2, int(size * 2.2))
    (wide, high), low = cv2.getTextSize(text, FONT, size, thick)
    at = ((WIDTH - wide) // 2, (HEIGHT + high) // 2)
    cv2.rectangle(
        pixels, (at[0] - 60, at[1] - high - 60), (at[0] + wide + 60, at[1] + low + 60), (245, 245, 240), cv2.FILLED
    )
    cv2.putText(pixels, text, at, FONT, size, (20, 20, 20), thick, cv2.LINE_AA)
    ink = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.putText(ink, text, at, FONT, size, 255, thick)
    return pixels, ink > 0


@pytest.mark.models
@pytest.mark.parametrize("text", ["MEYER", "MEYER ANNA", "Anna Meyer 1957"])
@pytest.mark.parametrize("share", [0.5, 0.7, 0.9])
def test_a_name_in_large_letters_is_covered(models_folder, text, share):
    pixels, ink = lettering(text, share)
    engine = Deidentifier.load(models_folder, threads=1)
    try:
        redaction = engine.still(Frame(pixels, 1)).redaction
    finally:
        engine.close()
    assert redaction.outcomes[Kind.TEXT] is not Outcome.CLEAR
    polygons = [region.polygon for region in redaction.regions if region.kind is Kind.TEXT]
    assert coverage(WIDTH, HEIGHT, polygons)[ink].mean() >= 0.99


class _Finder:
    """Sees one line, in the middle of its canvas."""

    class model:  # noqa: N801 - as a loaded model has it
        name, sha256 = "finder", "0" * 64

    def __init__(self, share):
        self._share = share

    def run(self, tensor):
        height, width = tensor.shape[2:]
        seen = np.zeros((1, 1, height, width), np.float32)
        high, wide = int(height * self._share), int(width * self._share)
        top, left = (height - high) // 2, (width - wide) // 2
        seen[:, :, top : top + high, left : left + wide] = 0.95
        return [seen]

    def prepare(self, _canvas):
        """Nothing to warm."""


@pytest.mark.parametrize(("sure", "found"), [(0.9, 1), (0.2, 0)])
@pytest.mark.parametrize("most", [0, 8])
def test_what_is_large_counts_where_it_is_read(monkeypatch, sure, found, most):
    detector = TextDetector(_Finder(0.5), _Finder(0.5), Canvas(320, 240), threshold=0.5, most=most, thorough=False)
    monkeypatch.setattr(detector._reader, "sure", lambda *_: sure)
    regions = detector.detect(np.zeros((240, 320, 3), np.uint8))
    assert len(regions) == found
    assert all(cv2.contourArea(np.float32(region.polygon)) > LARGEST * 240 * 320 for region in regions)
