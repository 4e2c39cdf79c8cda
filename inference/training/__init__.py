"""How Wardlens' own model is made: drawn skin with drawn tattoos and wounds, a small network, and nothing of a person.

`python -m inference.training` (`make train`) fetches the drawings, draws the pictures, teaches the network and writes
it as ONNX; one seed decides all of it. It needs the extra `training` (PyTorch, resvg, Pillow), which no device has: no
other module of Wardlens imports this package.
"""
