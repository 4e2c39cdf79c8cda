"""Ward scenes that the project draws: skin of any tone, a wound, and the things around it that name a patient.

They stand in for pictures that nobody may pass on: the demo photographs them, tests know every word and every wound
pixel in them, and a trainer may learn from them, because no person is in them and no licence is on them. This package
draws from a seed and does nothing else: it reads no file, no clock and no detector, and it never draws a real face.
Annotated sets of pictures are in :mod:`inference.scenes.sets`, which also tries whether its codes can be read.
"""

from inference.scenes.chance import imagined
from inference.scenes.drawing import draw_scene
from inference.scenes.phantom import Phantom, draw_phantom
from inference.scenes.rows import demo_row
from inference.scenes.values import DRAWN, Code, Person, Prop, Scene, SceneSpec, View, Word, Wound

__all__ = [
    "DRAWN",
    "Code",
    "Person",
    "Phantom",
    "Prop",
    "Scene",
    "SceneSpec",
    "View",
    "Word",
    "Wound",
    "demo_row",
    "draw_phantom",
    "draw_scene",
    "imagined",
]
