"""Light to envelope: cameras, pictures, the quality gate, the encounter, sealing, the vault, the ledger.

This room sees the patient, so it never opens a socket to a network and never holds a key that opens an envelope. It has
no single face: each sub-package here has its own, so that the process with the network imports the vault without ever
loading what touches pixels.
"""
