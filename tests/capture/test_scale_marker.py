"""The printed scale: seen when it is there, and a figure only where it can be believed."""

from __future__ import annotations

import re
import subprocess
import sys
from xml.etree import ElementTree as ET

import cv2
import numpy as np
import pytest

from capture.scale_marker import CARD_MM, Marker, look_for_marker, marker_svg
from inference.scenes import SceneSpec, draw_scene

FINE = 40
"""Pixels to a millimetre of the card as it is printed here."""


def printed(svg=None):
    """The card as a printer makes it of its SVG."""
    shapes = ET.fromstring(svg or marker_svg())
    card = np.full((round(CARD_MM[1] * FINE), round(CARD_MM[0] * FINE), 3), 255, np.uint8)
    for box in list(shapes.iter("{http://www.w3.org/2000/svg}rect"))[1:]:
        x, y, width, height = (float(box.attrib[name]) * FINE for name in ("x", "y", "width", "height"))
        card[round(y) : round(y + height), round(x) : round(x + width)] = 0
    return card


def laid(pixels_per_mm, *, turn=0.0, tilt=0.0, size=(1800, 2400), card=None):
    """The card on a ward's scene, turned in the picture and tilted about its long axis, in degrees."""
    scene = draw_scene(SceneSpec(3, props=()), (size[1], size[0])).pixels.copy()
    card = printed() if card is None else card
    high, wide = card.shape[:2]
    corners = np.array([(-wide, -high), (wide, -high), (wide, high), (-wide, high)]) / 2 * pixels_per_mm / FINE
    corners[:, 1] *= np.cos(np.radians(tilt))
    angle = np.radians(turn)
    corners = corners @ np.array([(np.cos(angle), np.sin(angle)), (-np.sin(angle), np.cos(angle))])
    corners += (size[1] / 2, size[0] / 2)
    way = cv2.getPerspectiveTransform(
        np.array([(0, 0), (wide, 0), (wide, high), (0, high)], np.float32), corners.astype(np.float32)
    )
    small = cv2.GaussianBlur(card, None, sigmaX=FINE / pixels_per_mm / 3)
    cv2.warpPerspective(small, way, (size[1], size[0]), dst=scene, borderMode=cv2.BORDER_TRANSPARENT)
    return scene


@pytest.mark.parametrize(
    ("pixels_per_mm", "turn"), [(6.0, 0), (8.0, 0), (12.0, 33), (20.0, 90), (9.0, 180), (9.0, 301)]
)
def test_a_card_that_lies_flat_says_how_large_a_millimetre_is(pixels_per_mm, turn):
    found = look_for_marker(laid(pixels_per_mm, turn=turn))
    assert found.seen
    assert found.pixels_per_mm == pytest.approx(pixels_per_mm, rel=0.01)


def test_a_large_still_is_measured_in_its_own_pixels():
    found = look_for_marker(laid(24.0, size=(3040, 4056)))
    assert found.pixels_per_mm == pytest.approx(24.0, rel=0.01)


def test_a_card_that_lies_aslant_is_seen_and_says_nothing():
    assert look_for_marker(laid(12.0, tilt=10)).pixels_per_mm == pytest.approx(12.0, rel=0.02)
    assert look_for_marker(laid(12.0, tilt=30)) == Marker(seen=True)


def test_a_card_that_is_too_small_says_nothing():
    assert look_for_marker(laid(1.3)).pixels_per_mm is None


def test_half_a_card_is_none():
    half = printed()
    half[:, half.shape[1] // 2 :] = 255
    assert look_for_marker(laid(12.0, card=half)) == Marker()


def test_two_cards_say_nothing():
    one = laid(6.0)
    assert look_for_marker(np.concatenate([one, one])) == Marker()


@pytest.mark.parametrize("seed", range(6))
def test_a_picture_with_every_other_printed_thing_has_no_scale(seed):
    assert look_for_marker(draw_scene(SceneSpec(seed), (1600, 1200)).pixels) == Marker()


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 4000, 3), (5, 5, 3)])
def test_no_picture_is_too_odd_to_be_looked_at(shape):
    assert look_for_marker(np.zeros(shape, np.uint8)) == Marker()


def test_the_card_is_printed_at_its_true_size(tmp_path):
    command = [sys.executable, "-m", "firmware", "scale", "--out", str(tmp_path / "scale.svg")]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    svg = (tmp_path / "scale.svg").read_text()
    assert re.search(r'width="90mm" height="26mm" viewBox="0 0 90 26"', svg)
    assert look_for_marker(laid(10.0, card=printed(svg))).pixels_per_mm == pytest.approx(10.0, rel=0.01)
