import t from "tap"
import { outcomeOf } from "../../src/observe/outcome.ts"
import type { Attempt, AttemptFacts, Phase, Upstream } from "../../src/record/attempt.ts"
import { attempt } from "../support/records.ts"

const phase = (ms: number): Phase => ({ ms, bytes_in: 500, bytes_out: 2_000 })
type Phases = AttemptFacts["phases"]
const noPhases: Phases = {
  hello: null,
  certificate: null,
  delivered: null,
  finished: null,
  first_data: null,
  closed: null,
}
/** Milliseconds of each phase: hello 1, our flight 10, delivered 30, Finished 40, then as given. */
const helloOnly = { ...noPhases, hello: phase(1), closed: phase(100) }
const written = { ...helloOnly, certificate: phase(10) }
const shown = { ...written, delivered: phase(30) }
const finished = { ...shown, finished: phase(40) }

type Over = Partial<Omit<AttemptFacts, "upstream">> & { upstream?: Partial<Upstream> }

/** A direct connection that its client ended with a FIN; nothing was said. */
function facts({ upstream, ...over }: Over): AttemptFacts {
  const { outcome, strength, mark, token, ...base } = attempt("a.example", 0, "idle")
  return {
    ...base,
    decision: "inspect",
    transport: "direct",
    phases: finished,
    hello_fault: null,
    alpn_chosen: null,
    alert: null,
    alert_level: null,
    alert_from: null,
    alert_after_finished: null,
    close_notify_from: null,
    end: "fin",
    ended_by: "client",
    client_app_bytes: 0,
    client_turns: 0,
    delivered_app_bytes: 0,
    h2_headers: null,
    rtt_ms: 20,
    retransmits: 0,
    ...over,
    upstream: { ...base.upstream, status: "verified", ...upstream },
  }
}

type Expected = [Attempt["outcome"], Attempt["strength"]?, Attempt["mark"]?]
const judged = (over: Over) => {
  const { outcome, strength, mark } = outcomeOf(facts(over))
  return [outcome, strength, mark]
}

function table(name: string, rows: [string, Over, ...Expected][]): void {
  t.test(name, async (t) => {
    for (const [title, over, outcome, strength = null, mark = null] of rows)
      t.same(judged(over), [outcome, strength, mark], title)
  })
}

const said = {
  client_app_bytes: 100,
  client_turns: 1,
  phases: { ...finished, first_data: phase(50) },
}

table("application data proves acceptance; one exchange without reuse is marked", [
  ["one request, closed by the client", said, "accepted", null, "accepted_small"],
  ["two requests", { ...said, client_turns: 2 }, "accepted"],
  ["one request, closed by the origin", { ...said, ended_by: "origin" }, "accepted"],
  ["still open", { ...said, end: "none", ended_by: null }, "accepted"],
  ["broken off afterwards", { ...said, client_turns: 3, end: "rst" }, "accepted"],
  [
    "an alert afterwards",
    { ...said, client_turns: 3, alert: 48, alert_from: "client", alert_after_finished: true },
    "accepted",
  ],
])

const h2 = { ...said, alpn_chosen: "h2" }
table("on h2 only a request proves acceptance", [
  ["HEADERS", { ...h2, client_turns: 2, h2_headers: true }, "accepted"],
  ["preface and SETTINGS", { ...h2, h2_headers: false }, "idle", null, "preface_only"],
  [
    "preface, then an alert about the certificate",
    { ...h2, h2_headers: false, alert: 48, alert_from: "client", alert_after_finished: true },
    "refused-alert",
    "strong",
  ],
  [
    "preface, then FIN at once",
    { ...h2, h2_headers: false, phases: { ...h2.phases, closed: phase(55) } },
    "idle",
    null,
    "preface_only",
  ],
])

const alerted = (alert: number, over: Over = {}): Over => ({
  phases: shown,
  alert,
  alert_level: "fatal",
  alert_from: "client",
  alert_after_finished: false,
  ...over,
})
table("a client's alert about our certificate is a refusal", [
  ...[42, 43, 46, 48, 49, 113].map((code): [string, Over, ...Expected] => [
    `alert ${code}`,
    alerted(code),
    "refused-alert",
    "strong",
  ]),
  ...[40, 47, 50, 51, 80].map((code): [string, Over, ...Expected] => [
    `alert ${code}`,
    alerted(code),
    "refused-alert",
    "weak",
  ]),
  [
    "after its Finished",
    alerted(48, { phases: finished, alert_after_finished: true }),
    "refused-alert",
    "strong",
  ],
  [
    "relayed: an alert is nobody else's doing",
    alerted(48, { transport: "relayed" }),
    "refused-alert",
    "strong",
  ],
  ["with a reset behind it", alerted(48, { end: "rst" }), "refused-alert", "strong"],
])

table("an alert about something else is none", [
  ...[44, 45].map((code): [string, Over, ...Expected] => [
    `alert ${code}: time`,
    alerted(code),
    "validity",
  ]),
  ...[10, 20, 22, 70, 71, 86, 100, 109, 110, 112, 115, 116, 120, 121].map(
    (code): [string, Over, ...Expected] => [`alert ${code}`, alerted(code), "not-negotiated"],
  ),
  ["a number that nobody knows", alerted(199), "not-negotiated"],
  ["48, but before our certificate", alerted(48, { phases: helloOnly }), "not-negotiated"],
  ["45, but before our certificate", alerted(45, { phases: helloOnly }), "not-negotiated"],
  [
    "ours, of known number",
    alerted(70, { phases: helloOnly, alert_from: "sensor", ended_by: "sensor" }),
    "not-negotiated",
  ],
  [
    "ours, of unknown number",
    { phases: shown, alert: null, alert_from: "sensor", ended_by: "sensor" },
    "not-negotiated",
  ],
])

table("a client that stops between our certificate and its Finished refuses it", [
  ["FIN", { phases: shown }, "refused-close", "strong"],
  ["close_notify", { phases: shown, close_notify_from: "client" }, "refused-close", "strong"],
  ["user_canceled as a fatal alert", alerted(90), "refused-close", "strong"],
  ["RST", { phases: shown, end: "rst" }, "refused-reset", "strong"],
  [
    "FIN through something that ends TCP",
    { phases: shown, transport: "relayed" },
    "refused-close",
    "weak",
  ],
  [
    "RST through something that ends TCP",
    { phases: shown, transport: "relayed", end: "rst" },
    "refused-reset",
    "weak",
  ],
  [
    "a round trip later to the millisecond",
    { phases: { ...shown, closed: phase(30) } },
    "refused-close",
    "strong",
  ],
  [
    "where the round trip is not known",
    { phases: { ...shown, closed: phase(10) }, rtt_ms: null },
    "refused-close",
    "strong",
  ],
])

table("what cannot be a judgement of our certificate is abandoned or timed out", [
  ["sooner than a round trip", { phases: { ...shown, closed: phase(29.9) } }, "abandoned"],
  [
    "RST sooner than a round trip",
    { phases: { ...shown, closed: phase(12) }, end: "rst" },
    "abandoned",
  ],
  ["before it was written", { phases: helloOnly }, "abandoned"],
  ["before it was delivered", { phases: written }, "abandoned"],
  ["ended by the sensor", { phases: shown, ended_by: "sensor", end: "none" }, "abandoned"],
  ["no whole hello", { phases: { ...noPhases, closed: phase(5) } }, "abandoned"],
  [
    "no whole hello in time",
    { phases: { ...noPhases, closed: phase(10_000) }, end: "timeout", ended_by: "sensor" },
    "timed-out",
  ],
  ["no Finished in time", { phases: shown, end: "timeout", ended_by: "sensor" }, "timed-out"],
])

/** Closed so long after a handshake of `took` ms. */
const closedAfter = (ms: number, took = 30): Over => ({
  phases: {
    ...finished,
    certificate: phase(10),
    finished: phase(10 + took),
    closed: phase(10 + took + ms),
  },
})
table("silence after Finished is a refusal inside the fast window only", [
  ["at once", closedAfter(0), "refused-after-handshake", "strong"],
  [
    "at the edge of ten times the handshake",
    closedAfter(600, 60),
    "refused-after-handshake",
    "strong",
  ],
  ["just after it", closedAfter(600.1, 60), "idle"],
  ["at least 500 ms", closedAfter(500, 1), "refused-after-handshake", "strong"],
  ["and then no more", closedAfter(500.1, 1), "idle"],
  ["at most 2 s", closedAfter(2_000, 500), "refused-after-handshake", "strong"],
  ["whatever the handshake took", closedAfter(2_000.1, 500), "idle"],
  ["RST is the same", { ...closedAfter(5), end: "rst" }, "refused-after-handshake", "strong"],
  ["relayed", { ...closedAfter(5), transport: "relayed" }, "refused-after-handshake", "weak"],
  ["something was delivered to it", { ...closedAfter(5), delivered_app_bytes: 1 }, "idle"],
  ["ended by the origin", { ...closedAfter(5), ended_by: "origin" }, "idle"],
  [
    "ended by the sensor's idle timer",
    { ...closedAfter(5), ended_by: "sensor", end: "timeout" },
    "idle",
  ],
  ["still open", { phases: { ...finished, closed: null }, end: "none", ended_by: null }, "idle"],
])

t.test("the window is an argument, so that replay can judge with another", async (t) => {
  const at250 = facts(closedAfter(250))
  const short = { factor: 10, min: 100, max: 2_000 }
  t.equal(outcomeOf(at250).outcome, "refused-after-handshake")
  t.equal(outcomeOf(at250, { ...short, factor: 5 }).outcome, "idle")
  t.equal(outcomeOf(at250, { factor: 5, min: 250, max: 2_000 }).outcome, "refused-after-handshake")
  t.equal(outcomeOf(at250, { factor: 10, min: 0, max: 200 }).outcome, "idle")
})

table("the origin's fault is nobody else's, whatever the client did about it", [
  ...(["unreachable", "untrusted", "changed", "failed"] as const).flatMap(
    (status): [string, Over, ...Expected][] => [
      [status, { phases: helloOnly, ended_by: "sensor", upstream: { status } }, "origin-failed"],
      [`${status}, after data`, { ...said, upstream: { status } }, "origin-failed"],
      [`${status}, and an alert`, alerted(48, { upstream: { status } }), "origin-failed"],
    ],
  ),
  [
    "client certificate required",
    { ...said, upstream: { status: "wants-client-certificate" } },
    "origin-wants-client-certificate",
  ],
  [
    "remembered facts are no fault",
    { phases: shown, upstream: { status: "remembered" } },
    "refused-close",
    "strong",
  ],
  [
    "nor is an origin that was not asked",
    { phases: shown, upstream: { status: "not-contacted" } },
    "refused-close",
    "strong",
  ],
])

table("what came before TLS decides first", [
  [
    "blocked by policy",
    { decision: "block", phases: helloOnly, hello_fault: "not-tls" },
    "blocked",
  ],
  ["no TLS", { phases: noPhases, hello_fault: "not-tls" }, "not-tls"],
  ["SSLv2", { phases: noPhases, hello_fault: "sslv2" }, "not-tls"],
])

table("who refuses a leaf that failed our own check is right to: it counts for nothing", [
  [
    "alert 48 to an expired leaf",
    { leaf_check: "expired", phases: shown, alert: 48, alert_from: "client" },
    "validity",
  ],
  ["closed before Finished", { leaf_check: "expired", phases: shown }, "validity"],
  ["reset before Finished", { leaf_check: "bad-signature", phases: shown, end: "rst" }, "validity"],
  ["closed after Finished", { leaf_check: "name-not-covered" }, "validity"],
  ["it was accepted all the same", { ...said, leaf_check: "expired", client_turns: 2 }, "accepted"],
  ["left before it came", { leaf_check: "expired", phases: written }, "abandoned"],
  ["the same leaf in order", { leaf_check: "ok" }, "refused-after-handshake", "strong"],
])
