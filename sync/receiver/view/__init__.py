"""The hospital's web view: pages over the archive, made on the server, for people who have been given a link.

It reads and never writes. It trusts nothing that it shows: every receipt is checked again and every object against its
digest, each time.
"""

from __future__ import annotations

from sync.receiver.view.application import create_view
from sync.receiver.view.login import LoginTokens, Sessions
from sync.receiver.view.serving import view_served

__all__ = ["LoginTokens", "Sessions", "create_view", "view_served"]
