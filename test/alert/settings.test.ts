import t from "tap"
import { AlertSettings, SyslogSettings, sinkName, syslogTarget } from "../../src/alert/settings.ts"

t.test("alerting has defaults: medium and up, suppressed for a day", async (t) => {
  t.same(AlertSettings.parse({}), {
    "minimum-confidence": "medium",
    "suppress-for": 86_400_000,
    budget: 50,
  })
  t.equal(AlertSettings.parse({ "suppress-for": "30m" })["suppress-for"], 1_800_000)
  t.equal(AlertSettings.safeParse({ "minimum-confidence": "record" }).success, false)
  t.equal(AlertSettings.safeParse({ "supress-for": "1h" }).success, false, "a misspelt key")
})

t.test("port and size follow the transport", async (t) => {
  const rows = {
    udp: { port: 514, "max-bytes": 2048 },
    tcp: { port: 514, "max-bytes": 8000 },
    tls: { port: 6514, "max-bytes": 8000 },
  }
  for (const [transport, expected] of Object.entries(rows)) {
    t.match(SyslogSettings.parse({ transport, host: "log.example" }), expected, transport)
  }
  t.match(SyslogSettings.parse({ transport: "tcp", host: "x", port: 601, "max-bytes": 65_000 }), {
    port: 601,
    "max-bytes": 65_000,
  })
})

t.test("settings that cannot hold together are refused in words", async (t) => {
  const rows: [string, object, string][] = [
    ["LF framing inside TLS", { transport: "tls", framing: "lf" }, "octet-counting only"],
    ["a certificate without key", { transport: "tls", cert: "c.pem" }, "cert and key go together"],
    ["a CA without TLS", { transport: "tcp", ca: "ca.pem" }, "ca is for transport tls"],
    ["an unknown key", { transport: "tcp", prot: 1 }, "prot"],
    ["an unknown facility", { transport: "tcp", facility: "local9" }, "local7"],
    ["a size no message fits in", { transport: "tcp", "max-bytes": 100 }, "2048"],
  ]
  for (const [name, input, words] of rows) {
    const read = SyslogSettings.safeParse({ host: "log.example", ...input })
    t.match(JSON.stringify(read.error?.issues), words, name)
  }
})

t.test("a target on the command line is transport, host and perhaps port", async (t) => {
  const rows: [string, object][] = [
    ["udp://127.0.0.1:5514", { transport: "udp", host: "127.0.0.1", port: 5514 }],
    ["tcp://log.example", { transport: "tcp", host: "log.example", port: 514 }],
    ["tls://log.example/", { transport: "tls", host: "log.example", port: 6514 }],
    ["tls://[2001:db8::1]:6515", { transport: "tls", host: "2001:db8::1", port: 6515 }],
  ]
  for (const [text, expected] of rows) t.match(syslogTarget(text), expected, text)
  for (const text of [
    "log.example:514",
    "http://x:1",
    "tcp://",
    "tcp://x:0",
    "tcp://x:70000",
    "tcp://a b",
  ]) {
    t.throws(() => syslogTarget(text), { message: /is not a target/ }, text)
  }
})

t.test("a sink's name in the outbox is its target", async (t) => {
  t.equal(sinkName(syslogTarget("tls://[2001:db8::1]")), "syslog+tls://[2001:db8::1]:6514")
  t.equal(sinkName(syslogTarget("udp://log.example")), "syslog+udp://log.example:514")
})
