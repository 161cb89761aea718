import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import fc from "fast-check"
import t from "tap"
import { raise } from "../../src/alert/raise.ts"
import { PARAM_BYTES, syslogMessage } from "../../src/alert/rfc5424.ts"
import { AlertSettings, SyslogSettings } from "../../src/alert/settings.ts"
import { Alert } from "../../src/record/alert.ts"
import { alert, finding, incident } from "./samples.ts"

const tcp = SyslogSettings.parse({ transport: "tcp", host: "log.example" })
const udp = SyslogSettings.parse({ transport: "udp", host: "log.example" })
const docs = readFileSync(new URL("../../docs/alerts.md", import.meta.url), "utf8")
const origin = { hostname: "sensor-1.example", procid: "4711" }

t.test("the golden line of an alert", async (t) => {
  const sample = alert()
  t.equal(
    syslogMessage(sample, tcp, origin).toString(),
    "<132>1 2026-11-21T01:02:03.004Z sensor-1.example pinsensor 4711 AN1725 " +
      '[pinsensor@32473 alert_id="0123456789abcdef0123456789abcdef" incident_id="incident-1" ' +
      'news="opened" analytic="AN1725" technique="T1521.003" confidence="medium" severity="medium" ' +
      'verdict="confirmed" device_id="d-17" app_id="com.example.bank" ' +
      `destination="api.bank.example" tenant="acme" site="hq"] {"record":"alert",${JSON.stringify(sample).slice(1)}`,
  )
})

t.test("the message explained in docs/alerts.md is what the code writes", async (t) => {
  const { alert: documented } = raise({
    incident: incident(),
    lead: finding(),
    device: () => ({ user: "ana@acme.example", client_ip: "10.1.2.3", binding: null }),
    previous: null,
    settings: AlertSettings.parse({}),
    now: 0,
  })
  if (!documented) return t.fail("no alert")
  const message = syslogMessage(documented, tcp, {
    hostname: "sensor-1.acme.example",
    procid: "4711",
  })
  t.ok(docs.includes(`\n${message}\n`))
  for (const name of Object.keys(documented)) t.ok(docs.includes(`\`${name}\``), name)
})

t.test("PRI is facility times eight plus a severity that follows the alert's", async (t) => {
  const rows = { critical: 130, high: 131, medium: 132, low: 133, informational: 134 } as const
  for (const [severity, pri] of Object.entries(rows)) {
    const message = syslogMessage(alert({ severity: severity as keyof typeof rows }), tcp, origin)
    t.match(message.toString(), new RegExp(`^<${pri}>1 `), severity)
  }
  const auth = { ...tcp, facility: "kern" as const }
  t.match(syslogMessage(alert({ severity: "critical" }), auth, origin).toString(), /^<2>1 /)
})

t.test("what goes into the header is printable, bounded and never empty", async (t) => {
  const settings = { ...tcp, hostname: "wéb server", "app-name": "x".repeat(99) }
  const read = readMessage(syslogMessage(alert(), settings, { ...origin, procid: "" }))
  t.match(read, { hostname: "w_b_server", appName: "x".repeat(48), procid: "-", msgid: "AN1725" })
})

t.test("only the two analytics of DET0646 carry the technique", async (t) => {
  for (const analytic of Alert.shape.analytic.options) {
    const { params } = readMessage(syslogMessage(alert({ analytic }), tcp, origin))
    t.equal(params.get("technique"), analytic.startsWith("AN") ? "T1521.003" : undefined, analytic)
  }
})

t.test("what is unknown is left out of the structured data, and null in the JSON", async (t) => {
  const { params, json } = readMessage(syslogMessage(alert({ app_id: null }), tcp, origin))
  t.equal(params.has("app_id"), false)
  t.equal(json.app_id, null)
})

t.test("an enterprise number of the operator's own names the structured data", async (t) => {
  const message = syslogMessage(alert(), { ...tcp, "enterprise-number": 64_512 }, origin)
  t.equal(readMessage(message).sdId, "pinsensor@64512")
})

t.test("a message that is too long loses detail in a fixed order, and says so", async (t) => {
  const long = alert({
    evidence_ids: Array.from({ length: 20 }, (_, index) => `attempt-${index}-${"e".repeat(40)}`),
    reasons: Array.from({ length: 10 }, () => "r".repeat(100)),
    channels: Array.from({ length: 12 }, () => ({
      channel: "Flow",
      component: "DC0085",
      log_source: "NSM:Flow",
      state: "met" as const,
      why: "w".repeat(150),
    })),
  })
  const at = (bytes: number) => {
    const message = syslogMessage(long, { ...tcp, "max-bytes": bytes }, origin)
    t.ok(message.length <= bytes, `${message.length} of ${bytes}`)
    const { json } = readMessage(message)
    const left = Alert.loose().parse(json)
    return {
      truncated: json.truncated,
      evidence: left.evidence_ids.length,
      reasons: left.reasons.length,
      whys: left.channels.filter((channel) => channel.why !== "").length,
      channels: left.channels.length,
    }
  }
  const whole = syslogMessage(long, tcp, origin).length
  const rows = {
    whole: [whole, { truncated: undefined, evidence: 20, reasons: 10, whys: 12, channels: 12 }],
    "without evidence ids": [
      whole - 1,
      { truncated: true, evidence: 0, reasons: 10, whys: 12, channels: 12 },
    ],
    "without reasons": [
      whole - 1_300,
      { truncated: true, evidence: 0, reasons: 0, whys: 12, channels: 12 },
    ],
    "without the channels' why": [
      whole - 2_500,
      { truncated: true, evidence: 0, reasons: 0, whys: 0, channels: 12 },
    ],
    "without channels": [2_048, { truncated: true, evidence: 0, reasons: 0, whys: 0, channels: 0 }],
  } as const
  for (const [name, [bytes, expected]] of Object.entries(rows)) t.same(at(bytes), expected, name)
})

t.test("a typical alert fits into one UDP message with its channels", async (t) => {
  const { json } = readMessage(syslogMessage(alert(), udp, origin))
  t.equal(json.truncated, undefined)
})

const CLIPPED = ["device_id", "app_id", "destination", "tenant", "site", "incident_id"] as const

const anyText = fc.oneof(
  fc.string({ unit: "binary", maxLength: 60 }),
  fc.string({
    unit: fc.constantFrom('"', "\\", "]", "\n", "\r", "\u0000", "\u007f", "\u2028", "ü", "😀", " "),
  }),
  fc.string({ unit: "binary", minLength: 100, maxLength: 400 }),
)

const anyAlert = fc
  .record({
    device_id: anyText,
    app_id: fc.option(anyText),
    destination: anyText,
    summary: anyText,
    tenant: anyText.filter((text) => text !== ""),
    site: anyText.filter((text) => text !== ""),
    user: fc.option(anyText),
    reasons: fc.array(anyText, { maxLength: 4 }),
    incident_id: fc.string({ maxLength: 128 }),
    severity: fc.constantFrom(...Alert.shape.severity.options),
  })
  .map((with_) => alert(with_))

t.test("any strings are read back by an independent parser as the same values", async (t) => {
  const claim = () =>
    fc.assert(
      fc.property(anyAlert, (any) => {
        const message = syslogMessage(any, { ...tcp, "max-bytes": 65_000 }, origin)
        const { params, json } = readMessage(message)
        assert.deepEqual(json, { record: "alert", ...any })
        for (const name of CLIPPED) {
          const value = any[name]
          if (value === null) assert.ok(!params.has(name))
          else assert.ok(isClipOf(params.get(name) ?? "", inStructuredData(value)), name)
        }
      }),
      { numRuns: 60 },
    )
  t.doesNotThrow(claim)
})

t.test(
  "no string makes a message longer than allowed, two lines of it, or its JSON broken",
  async (t) => {
    const huge = fc.string({ unit: "binary", maxLength: 30 }).map((text) => text.repeat(100))
    const hugeAlert = fc
      .record({
        device_id: huge,
        app_id: huge,
        destination: huge,
        tenant: huge,
        site: huge,
        summary: huge,
      })
      .map((with_) => ({ ...alert(), ...with_, incident_id: '"'.repeat(300) }))
    const longNames = { ...udp, hostname: "h".repeat(999), "app-name": "a".repeat(99) }
    const claim = () =>
      fc.assert(
        fc.property(fc.oneof(anyAlert, hugeAlert), (any) => {
          for (const settings of [udp, tcp, longNames]) {
            const message = syslogMessage(any, settings, { ...origin, procid: "p".repeat(999) })
            assert.ok(message.length <= settings["max-bytes"], `${message.length} bytes`)
            assert.ok(!message.includes(0x0a))
            assert.equal(readMessage(message).json.analytic, "AN1725")
          }
        }),
        { numRuns: 25 },
      )
    t.doesNotThrow(claim)
  },
)

/** Control characters are shown as U+FFFD there, as lone surrogates are. */
function inStructuredData(text: string): string {
  return Array.from(text.toWellFormed(), (character) => {
    const code = character.codePointAt(0) ?? 0
    const control = code < 32 || (code >= 127 && code < 160) || code === 0x2028 || code === 0x2029
    return control ? "\ufffd" : character
  }).join("")
}

function isClipOf(part: string, whole: string): boolean {
  return part === whole || (whole.startsWith(part) && Buffer.byteLength(whole) > PARAM_BYTES - 3)
}

interface ReadMessage {
  hostname: string
  appName: string
  procid: string
  msgid: string
  sdId: string
  params: Map<string, string>
  json: { analytic?: unknown; app_id?: unknown; truncated?: unknown }
}

/** RFC 5424 section 6, read character by character; knows nothing of the writer. */
function readMessage(message: Buffer): ReadMessage {
  const text = new TextDecoder("utf-8", { fatal: true }).decode(message)
  const words = text.split(" ", 6)
  const [pri, , hostname = "", appName = "", procid = "", msgid = ""] = words
  if (!/^<(0|[1-9]\d{0,2})>1$/.test(pri ?? "")) throw new Error(`PRI VERSION: ${pri}`)
  let at = words.join(" ").length + 1
  const until = (ends: string) => {
    const from = at
    while (at < text.length && !ends.includes(text[at] ?? "")) at++
    return text.slice(from, at)
  }
  if (text[at++] !== "[") throw new Error("no structured data")
  const sdId = until(" ]")
  const params = new Map<string, string>()
  while (text[at] === " ") {
    at++
    const name = until("=")
    if (text.slice(at, at + 2) !== '="') throw new Error(`no value of ${name}`)
    at += 2
    let value = ""
    for (; text[at] !== '"'; at++) {
      if (at >= text.length || text[at] === "]") throw new Error(`open value of ${name}`)
      if (text[at] === "\\") at++
      value += text[at]
    }
    at++
    params.set(name, value)
  }
  if (text.slice(at, at + 2) !== "] ") throw new Error(`no end of structured data at ${at}`)
  return { hostname, appName, procid, msgid, sdId, params, json: JSON.parse(text.slice(at + 2)) }
}
