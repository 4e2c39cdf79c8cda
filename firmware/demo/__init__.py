"""The main job on one machine: a throw-away hospital, a paired device, and each picture's way between."""
