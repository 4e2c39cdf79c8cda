"""Sync: takes envelopes from the vault to the hospital's archive, and proves it by a receipt.

The room holds the protocol (:mod:`sync.protocol`, no I/O), the device's uplink (:mod:`sync.uplink`), the MQTT shell
that both ends use (:mod:`sync.mqtt`), brokers for a first look and for tests (:mod:`sync.brokers`) and the hospital's
receiver (:mod:`sync.receiver`). It moves ciphertext: on the device nothing here can open an envelope, and nothing here
imports a camera, a detector or a picture. Import the sub-packages; this one stays empty so that the uplink stays small.
"""
