"""The pages: Jinja2 templates beside this file, escaped always, with every name checked when it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from provisioning.panel.assets import asset_path
from provisioning.panel.words import megabytes

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
_templates.filters["megabytes"] = megabytes


def page(desk: Desk, name: str, **values: Any) -> HTMLResponse:
    """A whole page."""
    facts = desk.identity.facts
    shared = {
        "page": name,
        "device": facts.device if facts else "",
        "site_name": facts.site_name if facts else "",
        "lock_seconds": desk.sessions.lock_seconds,
        "session": None,
    }
    return HTMLResponse(_templates.get_template(f"{name}.html").render(shared | values))


def partial(name: str, **values: Any) -> HTMLResponse:
    """A part of a page, for a module that puts it in place."""
    return HTMLResponse(_templates.get_template(f"{name}.html").render(values))
