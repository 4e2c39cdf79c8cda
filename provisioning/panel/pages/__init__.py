"""The pages: Jinja2 templates beside this file, escaped always, with every name checked when it is used."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from provisioning.panel.assets import asset_path
from provisioning.panel.languages import LANGUAGES
from provisioning.panel.look import Look

if TYPE_CHECKING:
    from provisioning.panel.desk import Desk

_templates = Environment(
    loader=PackageLoader("provisioning.panel", "pages"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
_templates.globals["asset"] = asset_path


def page(desk: Desk, look: Look, name: str, **values: Any) -> HTMLResponse:
    """A whole page, as the person before it wants it."""
    facts = desk.identity.facts
    shared = {
        "page": name,
        "device": facts.device if facts else "",
        "site_name": facts.site_name if facts else "",
        "lock_seconds": desk.sessions.lock_seconds,
        "session": None,
        "look": look,
        "say": look.language.say,
        "languages": LANGUAGES.values(),
        "script": json.dumps(look.language.script(), ensure_ascii=False),
    }
    return HTMLResponse(_templates.get_template(f"{name}.html").render(shared | values))


def partial(look: Look, name: str, **values: Any) -> HTMLResponse:
    """A part of a page, for a module that puts it in place."""
    return HTMLResponse(_templates.get_template(f"{name}.html").render({"say": look.language.say} | values))
