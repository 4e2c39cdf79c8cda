"""The hospital's web view: pages over the archive, made on the server, for people with a name and a role.

It changes nothing that was filed, and puts on record who looks, before it shows anything. It trusts nothing that it
shows: every receipt is checked again and every object against its digest, each time.
"""

from __future__ import annotations

from sync.receiver.view.application import create_view
from sync.receiver.view.login import Admission, LoginTokens, Sessions
from sync.receiver.view.provider import Provider
from sync.receiver.view.provider_settings import ProviderSettings
from sync.receiver.view.roles import Role
from sync.receiver.view.serving import view_served

__all__ = ["Admission", "LoginTokens", "Provider", "ProviderSettings", "Role", "Sessions", "create_view", "view_served"]
