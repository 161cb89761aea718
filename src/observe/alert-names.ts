/**
 * In: a TLS alert description (one byte). Out: its name in IANA's registry "TLS Alerts", and what it says
 * about our certificate when a client sends it. Unknown numbers keep their number.
 */

/** Without IANA's suffix _RESERVED (21, 30, 41, 60, 100, 111, 114), which old stacks still send. */
const names: ReadonlyMap<number, string> = new Map([
  [0, "close_notify"],
  [10, "unexpected_message"],
  [20, "bad_record_mac"],
  [21, "decryption_failed"],
  [22, "record_overflow"],
  [30, "decompression_failure"],
  [40, "handshake_failure"],
  [41, "no_certificate"],
  [42, "bad_certificate"],
  [43, "unsupported_certificate"],
  [44, "certificate_revoked"],
  [45, "certificate_expired"],
  [46, "certificate_unknown"],
  [47, "illegal_parameter"],
  [48, "unknown_ca"],
  [49, "access_denied"],
  [50, "decode_error"],
  [51, "decrypt_error"],
  [52, "too_many_cids_requested"],
  [60, "export_restriction"],
  [70, "protocol_version"],
  [71, "insufficient_security"],
  [80, "internal_error"],
  [86, "inappropriate_fallback"],
  [90, "user_canceled"],
  [100, "no_renegotiation"],
  [109, "missing_extension"],
  [110, "unsupported_extension"],
  [111, "certificate_unobtainable"],
  [112, "unrecognized_name"],
  [113, "bad_certificate_status_response"],
  [114, "bad_certificate_hash_value"],
  [115, "unknown_psk_identity"],
  [116, "certificate_required"],
  [117, "general_error"],
  [120, "no_application_protocol"],
  [121, "ech_required"],
])

/** Certificate-shaped: bad, unsupported, unknown certificate, unknown CA, access denied, OCSP. */
export const strongRefusal: ReadonlySet<number> = new Set([42, 43, 46, 48, 49, 113])

/** Some stacks map a failed verification to these, and other faults too: only beside strong ones. */
export const weakRefusal: ReadonlySet<number> = new Set([40, 47, 50, 51, 80])

/** Revoked and expired: about time and validity, never about a pin. */
export const validityAlerts: ReadonlySet<number> = new Set([44, 45])

/** close_notify and user_canceled: how a connection ends, not why. */
const closingAlerts: ReadonlySet<number> = new Set([0, 90])

export type AlertMeaning =
  | "strong-refusal"
  | "weak-refusal"
  | "validity"
  | "closing"
  | "negotiation"

export function alertName(code: number): string {
  return names.get(code) ?? `unknown-${code}`
}

/** What a client's alert means once our Certificate was delivered; before that nothing is a refusal. */
export function alertMeaning(code: number): AlertMeaning {
  if (strongRefusal.has(code)) return "strong-refusal"
  if (weakRefusal.has(code)) return "weak-refusal"
  if (validityAlerts.has(code)) return "validity"
  return closingAlerts.has(code) ? "closing" : "negotiation"
}
