"""Cards with codes, as somebody holds them to the device's camera."""

from __future__ import annotations

import cv2
import numpy as np
import zxingcpp

from inference.picture import Pixels


def held(symbology: str, text: str) -> Pixels:
    """A card with this code, held before skin."""
    noise = np.random.default_rng(3).normal(0, 4, (600, 800, 1))
    scene = np.clip(np.array((205.0, 160, 135)) + noise, 0, 255).astype(np.uint8)
    made = zxingcpp.create_barcode(text, zxingcpp.barcode_format_from_str(symbology))
    drawn = np.asarray(made.to_image(scale=3), np.uint8)[:160]
    card = cv2.copyMakeBorder(drawn, 40, 40, 60, 60, cv2.BORDER_CONSTANT, value=(255,))[..., None]
    top, left = (600 - card.shape[0]) // 2, (800 - card.shape[1]) // 2
    scene[top : top + card.shape[0], left : left + card.shape[1]] = card
    return scene
