"""How people and manifests write an MQTT version, and the protocol level that MQTT itself calls it by."""

from __future__ import annotations

from typing import Final, Literal

MqttVersion = Literal["auto", 4, 5]
MQTT_VERSIONS: Final[dict[str, MqttVersion]] = {"auto": "auto", "3.1.1": 4, "4": 4, "5": 5}
"""Level 4 is MQTT 3.1.1 (MQTT 3.1.1, section 3.1.2.2)."""
