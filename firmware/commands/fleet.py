"""`wardlens receiver devices` and `wardlens site devices`: the fleet from a desk, as the hospital's view shows it."""

from __future__ import annotations

from functools import partial
from typing import Any

from firmware.settings import load_settings
from firmware.terminal import ConfigOption, JsonOption, SiteOption, out, print_json, print_rows

_MEBIBYTE = 1024 * 1024


def help_in(group: str) -> str:
    """What `wardlens GROUP devices --help` says: the command is in two groups, because people look for it in both."""
    return f"""Show what each device last said of itself, those that need attention first.

    Needs the receiver's archive and the site's folder.

    Example: wardlens {group} devices --json
    """


def devices(site: SiteOption = None, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show what each device last said of itself, those that need attention first."""
    from firmware.fleet import enrolled, this_release
    from firmware.hospital import open_archive
    from firmware.sites import open_site
    from sync.receiver import as_json as all_of
    from sync.receiver import fleet_of

    settings = load_settings(config)
    archive, found = open_archive(settings, new=False), open_site(settings, site)
    rows = [all_of(device) for device in fleet_of(archive, partial(enrolled, found), this_release())]
    if as_json:
        print_json(rows)
        return
    print_rows(
        [_short(row) for row in rows], as_json=False, empty="No device yet. Invite one with `wardlens site invite`."
    )
    for row in rows:
        for said in row["attention"]:
            out.print(f"\n{row['name']} ({row['device']}): {said['sentence']}", markup=False)


def _short(row: dict[str, Any]) -> dict[str, Any]:
    """What fits into one line."""
    failed = sorted(part for part, said in row["self_test"].items() if said != "passed")
    free = row["free_bytes"]
    return {
        "name": row["name"],
        "device": row["device"],
        "is": row["presence"] if row["status"] == "active" else row["status"],
        "since": row["since"],
        "version": row["version"],
        "system": row["system"],
        "waiting": row["queued"],
        "free MiB": None if free is None else free // _MEBIBYTE,
        "°C": row["celsius"],
        "certificate days": row["certificate_days"],
        "self-test": f"failed: {', '.join(failed)}" if failed else "passed" if row["self_test"] else None,
        "attention": [said["concern"] for said in row["attention"]],
    }
