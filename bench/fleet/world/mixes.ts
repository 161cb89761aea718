/**
 * Worlds of some confounders at high rates, so that each class gets many cases in few worlds. What shares a mix
 * can happen to one phone, app or place at once, and does; an origin has one ailment only, and those that come
 * later in a mix take their share of what is left.
 */
export const mixes: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  "mix-trust": {
    "no-ca": 0.38,
    "ca-installed": 0.38,
    "ca-removed": 0.4,
    "clock-skew": 0.4,
    "work-profile": 0.54,
    "user-enrolment": 1,
  },
  "mix-identity": {
    nat: 0.3,
    "lease-reuse": 0.3,
    moving: 0.44,
    "late-lease": 0.44,
    "mac-lease": 0.44,
    "made-up-mac": 0.44,
    "other-tenant": 0.4,
  },
  "mix-network": {
    "captive-portal": 0.4,
    roaming: 0.4,
    "flapping-place": 0.4,
    "filtered-place": 0.42,
    "lan-tap": 0.4,
    "lan-tap-nat": 0.4,
    "wan-tap": 0.4,
    "wan-tap-nat": 0.4,
    "blocked-direct": 0.4,
    relayed: 0.4,
    quic: 0.4,
    ech: 0.4,
    resumption: 0.4,
  },
  "mix-origins": {
    "channel-bound": 0.155,
    "dead-origin": 0.19,
    "geo-blocked": 0.24,
    "refuses-us": 0.3,
    "self-signed": 0.62,
    mtls: 1,
    "late-edr": 1,
    "edr-loss": 1,
    kiosk: 0.46,
  },
  "mix-apps": {
    "partial-opt-in": 0.85,
    "opt-in-for-few": 0.6,
    "app-update": 0.5,
    "rebuilt-app": 0.5,
    "volume-drift": 0.5,
    races: 0.4,
  },
}
