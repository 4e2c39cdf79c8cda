"""Trust: a site's keys, certificates, invitations, roster and devices, and the pairing of one with the other.

This room decides who a device is and which keys it may believe. It never looks at a picture, never seals one and never
sends one. Its faces are modules, so that a small process loads only what it needs:

- `provisioning.site`: the hospital's side, `Site`
- `provisioning.identity`: the device's side, `DeviceIdentity`
- `provisioning.enrolment`: the server and the client of pairing
- `provisioning.invitation`, `provisioning.manifest`, `provisioning.roster`, `provisioning.broker`: what
  they share
- `provisioning.panel`: the screen
"""
