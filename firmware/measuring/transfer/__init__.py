"""Figures of the way from the vault to the archive: `wardlens bench transfer`.

A throw-away hospital on loopback (:mod:`~firmware.measuring.transfer.ward`) with the machine's own Mosquitto, and on it
the services as they ship: `wardlens sync run`, `wardlens receiver run`. One file for each thing that is measured. Times
are of the system's monotonic clock, which all processes share; processor time is the kernel's for each process.
:mod:`~firmware.measuring.transfer.plan` puts it together; nothing is imported here, because the processes that are
measured start with this file.
"""
