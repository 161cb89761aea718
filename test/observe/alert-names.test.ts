import t from "tap"
import { type AlertMeaning, alertMeaning, alertName } from "../../src/observe/alert-names.ts"

const known: [number, string, AlertMeaning][] = [
  [0, "close_notify", "closing"],
  [10, "unexpected_message", "negotiation"],
  [20, "bad_record_mac", "negotiation"],
  [22, "record_overflow", "negotiation"],
  [40, "handshake_failure", "weak-refusal"],
  [42, "bad_certificate", "strong-refusal"],
  [43, "unsupported_certificate", "strong-refusal"],
  [44, "certificate_revoked", "validity"],
  [45, "certificate_expired", "validity"],
  [46, "certificate_unknown", "strong-refusal"],
  [47, "illegal_parameter", "weak-refusal"],
  [48, "unknown_ca", "strong-refusal"],
  [49, "access_denied", "strong-refusal"],
  [50, "decode_error", "weak-refusal"],
  [51, "decrypt_error", "weak-refusal"],
  [70, "protocol_version", "negotiation"],
  [71, "insufficient_security", "negotiation"],
  [80, "internal_error", "weak-refusal"],
  [86, "inappropriate_fallback", "negotiation"],
  [90, "user_canceled", "closing"],
  [100, "no_renegotiation", "negotiation"],
  [109, "missing_extension", "negotiation"],
  [110, "unsupported_extension", "negotiation"],
  [112, "unrecognized_name", "negotiation"],
  [113, "bad_certificate_status_response", "strong-refusal"],
  [115, "unknown_psk_identity", "negotiation"],
  [116, "certificate_required", "negotiation"],
  [120, "no_application_protocol", "negotiation"],
  [121, "ech_required", "negotiation"],
]

t.test("alerts have IANA's names and the meaning of the design", async (t) => {
  for (const [code, name, meaning] of known) {
    t.same([alertName(code), alertMeaning(code)], [name, meaning], `${code}`)
  }
})

t.test("an alert nobody registered keeps its number and is negotiation", async (t) => {
  t.equal(alertName(200), "unknown-200")
  t.equal(alertMeaning(200), "negotiation")
})

t.test("a weak refusal is never a strong one too, for all 256 codes", async (t) => {
  const meanings = Map.groupBy(
    Array.from({ length: 256 }, (_, code) => code),
    alertMeaning,
  )
  t.same(meanings.get("strong-refusal"), [42, 43, 46, 48, 49, 113])
  t.same(meanings.get("weak-refusal"), [40, 47, 50, 51, 80])
  t.same(meanings.get("validity"), [44, 45])
  t.same(meanings.get("closing"), [0, 90])
})
