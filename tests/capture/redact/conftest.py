"""A de-identifier whose one detector looks for magenta, so that a test knows what must be covered."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from inference import Deidentifier, Kind, Region
from inference.picture import Pixels


class MagentaDetector:
    """Finds what is magenta and calls it a face; looks for all kinds but tattoos."""

    name = "magenta"
    kinds = frozenset(Kind) - {Kind.TATTOO}
    models: Mapping[str, str] = {"magenta": "0" * 64}

    def detect(self, image: Pixels) -> list[Region]:
        if image.shape[0] == 66:
            raise RuntimeError("a picture 66 high breaks this detector")
        near = np.abs(image.astype(np.int16) - np.array((255, 0, 255))).max(axis=2) < 90
        rows, columns = np.flatnonzero(near.any(axis=1)), np.flatnonzero(near.any(axis=0))
        if rows.size == 0:
            return []
        left, right, top, bottom = columns[0] - 2, columns[-1] + 3, rows[0] - 2, rows[-1] + 3
        return [Region(Kind.FACE, ((left, top), (right, top), (right, bottom), (left, bottom)), 0.9, "magenta")]


@pytest.fixture(scope="session")
def deidentifier() -> Deidentifier:
    detector = MagentaDetector()
    return Deidentifier(still=[detector], live=[detector], second_look=[detector], threads=1)
