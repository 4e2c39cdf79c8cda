"""The soft part of a scene at a working size: skin, wound and cloth under a lamp, and the room left for props."""

from __future__ import annotations

import cv2
import numpy as np

from inference.picture import Pixels
from inference.scenes import body, wounds
from inference.scenes.body import Limb, Surface
from inference.scenes.ink import tattoo
from inference.scenes.light import Lamp, Linear, cast, developed, vignette
from inference.scenes.placing import Room
from inference.scenes.texture import Field, relief, smoothstep
from inference.scenes.values import SceneSpec, View


class Stage:
    """The soft part of a scene at its working size, and the dice for everything laid into it."""

    def __init__(self, spec: SceneSpec, shape: tuple[int, int]) -> None:
        self.spec, self.shape, self.unit = spec, shape, min(shape) / 100
        # One stream of chance a subject, so that a prop more or less leaves skin and light as they are.
        self.rng = np.random.default_rng((spec.seed, 1))
        self.lamp = Lamp.hung(self.rng)
        wide, high = shape[1] / self.unit, shape[0] / self.unit
        # In a narrow frame the limb stands aside, or nothing else would find room.
        upright = wide < 115
        lean = np.deg2rad(self.rng.uniform(-9, 9) if upright else self.rng.uniform(-17, 17))
        aside = self.rng.uniform(0.30, 0.35) if upright else self.rng.uniform(0.40, 0.50)
        self.limb = Limb(
            float(self.unit * wide * aside),
            self.unit * high * 0.5,
            float(lean),
            float(self.unit * (self.rng.uniform(22, 23) if upright else self.rng.uniform(25, 28))),
            float(self.rng.uniform(-0.09, 0.09)),
        )
        along = self.rng.uniform(-6, 2) * self.unit if spec.view is View.LIMB else 0.0
        across = self.rng.uniform(-4, 4) * self.unit
        x, y = self.limb.point(np.array([along], np.float32), np.array([across], np.float32))
        self.middle = (float(x[0]), float(y[0]))
        self.band = float(along + 36.0 * self.unit)
        self.skin: Field = np.zeros(shape, np.float32)
        self.field: Field | None = None
        away = -33.0 * self.unit if spec.view is View.LIMB else -30.0 * self.unit
        ink_x, ink_y = self.limb.point(np.array([along + away], np.float32), np.array([0.0], np.float32))
        self.inked = (float(ink_x[0]), float(ink_y[0]))
        self.ink: Field | None = None

    def ground(self) -> Pixels:
        """Skin, wound and cloth under the lamp."""
        rng, unit, shape, spec = self.rng, self.unit, self.shape, self.spec
        self.skin, height = self.form()
        shine = np.full(shape, 0.045, np.float32)
        surface = Surface(self.skin, height, self.complexion(), shine, np.zeros_like(height))
        self.ink = self.tattooed(surface)
        if spec.wound is not None:
            self.field = wounds.wound_field(rng, shape, unit, spec.wound, middle=self.middle, lean=self.limb.lean)
            wounds.cut(rng, surface, self.field, unit, spec.wound, middle=self.middle)
        skin = self.lamp.shade(surface.albedo, relief(surface.height), (0.34, 0.20, 0.16), surface.gloss, surface.wet)
        folds, colour = self.bedding()
        still = np.zeros(shape, np.float32)
        sheet = self.lamp.shade(colour, relief(folds), (0.15, 0.15, 0.15), still, still)
        rise = body.blend_view(spec.view)
        if rise > 0:
            dark = 0.55 * cast(self.skin, self.lamp, rise * unit, 5 * unit)
            dark += 0.30 * cast(self.skin, self.lamp, 1.5 * unit, 1.6 * unit)
            sheet *= 1 - np.minimum(dark, 0.8)
        else:
            dark = 0.6 * cast(1 - self.skin, self.lamp, -rise * unit, 1.4 * unit)
            skin *= 1 - np.minimum(dark, 0.7)
        light = (sheet + (skin - sheet) * smoothstep(0, 1, self.skin)) * vignette(shape)
        return developed(light, self.exposure(light))

    def form(self) -> tuple[Field, Field]:
        """Outline (0..1) and height in pixels of the skin."""
        if self.spec.view is View.LIMB:
            return body.limb_surface(self.rng, self.shape, self.unit, self.limb)
        return body.trunk_surface(self.rng, self.shape, self.unit)

    def complexion(self) -> Linear:
        """Colour of the skin."""
        return body.skin_colour(self.rng, self.shape, self.unit, self.spec.tone)

    def tattooed(self, surface: Surface) -> Field | None:
        """Puts a tattoo into `surface` where there is to be one; gives the strength (0..1) of its ink."""
        if not self.spec.tattoo:
            return None
        rng = np.random.default_rng((self.spec.seed, 2))
        return tattoo(rng, surface, self.unit, middle=self.inked, lean=self.limb.lean)

    def exposure(self, light: Linear) -> float:
        """By how much a camera makes that light more or less."""
        del light
        return float(self.rng.uniform(0.96, 1.06))

    def bedding(self) -> tuple[Field, Linear]:
        """Height and colour of what is not skin."""
        return body.cloth(self.rng, self.shape, self.unit, int(self.rng.integers(5)))

    def room(self) -> Room:
        """What the limb and the wound leave free, one cell a unit."""
        columns, rows = int(self.shape[1] / self.unit), int(self.shape[0] / self.unit)
        cells = np.zeros((rows, columns), np.uint8)
        if self.spec.view is View.LIMB:
            cells[cv2.resize(self.skin, (columns, rows), interpolation=cv2.INTER_AREA) > 0.02] = 1
        if self.field is not None and self.spec.wound is not None:
            near = cv2.resize(self.field, (columns, rows), interpolation=cv2.INTER_AREA)
            cells[near > -0.22 * self.spec.wound.radius * self.unit] = 2
        if self.ink is not None:
            cells[
                cv2.dilate(cv2.resize(self.ink, (columns, rows), interpolation=cv2.INTER_AREA), np.ones((3, 3))) > 0
            ] = 2
        return Room(cells)
