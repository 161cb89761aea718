/** Alerts into the real rsyslog and syslog-ng of Debian: what these parse is what a SIEM gets. */
import { readFileSync } from "node:fs"
import { pino } from "pino"
import t, { type Test } from "tap"
import { syslogMessage } from "../../src/alert/rfc5424.ts"
import { SyslogSender } from "../../src/alert/send.ts"
import { SyslogSettings } from "../../src/alert/settings.ts"
import type { Alert } from "../../src/record/alert.ts"
import { testCa } from "../support/certificates.ts"
import {
  type ReceivedMessage,
  rsyslogConfiguration,
  rsyslogMissing,
  type SyslogDaemon,
  startRsyslog,
} from "../support/rsyslog.ts"
import { startSyslogNg, syslogNgConfiguration, syslogNgMissing } from "../support/syslog-ng.ts"
import { memoryOutbox } from "./memory-outbox.ts"
import { alert } from "./samples.ts"

const hard = {
  "non-ascii": { app_id: "com.bücher.日本", summary: "naïve – 😀 \u2028" },
  brackets: { app_id: 'a"b]c\\d[e', destination: "[2001:db8::1]:443", summary: '{"a":"]"}' },
  control: { app_id: "tab\there", summary: "line one\nline two\r\n\u0001\u007f" },
} satisfies Record<string, Partial<Alert>>

const daemons = {
  rsyslog: { missing: rsyslogMissing({ tls: true }), start: startRsyslog },
  "syslog-ng": { missing: syslogNgMissing(), start: startSyslogNg },
}

t.test("the configurations in docs/alerts.md are those that run here", async (t) => {
  const docs = readFileSync(new URL("../../docs/alerts.md", import.meta.url), "utf8")
  const places = {
    address: "0.0.0.0",
    tcpPort: 514,
    udpPort: 514,
    tlsPort: 6514,
    folder: "/var/spool/rsyslog",
    output: "/var/log/pinsensor.ndjson",
    tls: {
      ca: "/etc/pinsensor/ca.pem",
      cert: "/etc/pinsensor/receiver.pem",
      key: "/etc/pinsensor/receiver.key",
    },
  }
  t.ok(docs.includes(rsyslogConfiguration(places)))
  t.ok(docs.includes(syslogNgConfiguration(places)))
})

for (const [name, { missing, start }] of Object.entries(daemons)) {
  t.test(`${name} reads what was sent`, { skip: missing }, async (t) => {
    const ca = await testCa()
    const receiver = await ca.issue("receiver", "IP:127.0.0.1")
    const sensor = await ca.issue("sensor", "DNS:sensor.example")
    const daemon = await start({ tls: { ...receiver, ca: ca.file } })
    t.teardown(async () => {
      await daemon.stop()
      await ca.remove()
    })
    const ways: Record<string, Target> = {
      udp: { transport: "udp", port: daemon.udpPort },
      tcp: { transport: "tcp", port: daemon.tcpPort },
      tls: { transport: "tls", port: daemon.tlsPort, ca: ca.file, ...sensor },
    }
    // One stream source of syslog-ng takes octet counting only; rsyslog tells the two apart.
    if (name === "rsyslog") {
      ways["tcp, LF framing"] = { transport: "tcp", framing: "lf", port: daemon.tcpPort }
    }
    let sent = 0
    for (const [way, target] of Object.entries(ways)) {
      const alerts = Object.entries(hard).map(([kind, with_]) =>
        alert({ ...with_, id: `${kind}/${way.replace(/\W+/g, "-")}` }),
      )
      if (target.transport !== "udp") alerts.push(longest(`longest/${way.replace(/\W+/g, "-")}`))
      await deliver(t, target, alerts)
      sent += alerts.length
      const received = await daemon.atLeast(sent)
      for (const expected of alerts) {
        const found = received.find((each) => each.structured.alert_id === expected.id)
        t.same(readBack(found), whatWasSent(expected), `${expected.id} over ${way}`)
      }
    }
  })

  t.test(`${name} misses no alert over its restart`, { skip: missing }, async (t) => {
    const daemon = await start()
    t.teardown(() => daemon.stop())
    const outbox = memoryOutbox()
    const sender = open({ transport: "tcp", port: daemon.tcpPort }, outbox)
    t.teardown(() => sender.close(0))
    const ids = Array.from({ length: 60 }, (_, index) => `r${index}`)
    outbox.put(...ids.slice(0, 20))
    sender.wake()
    await daemon.atLeast(20)
    const restarted = daemon.restart()
    outbox.put(...ids.slice(20))
    sender.wake()
    await restarted
    t.same(await distinct(daemon, 60), ids)
  })
}

const origin = { hostname: "sensor-1.example", procid: "4711" }

type Target = Partial<SyslogSettings> & { transport: "udp" | "tcp" | "tls"; port: number }

function open(target: Target, outbox: ConstructorParameters<typeof SyslogSender>[0]["outbox"]) {
  const sender = new SyslogSender({
    sink: "test",
    settings: SyslogSettings.parse({ host: "127.0.0.1", ...target }),
    outbox,
    origin,
    log: pino({ level: "silent" }),
    now: Date.now,
    random: Math.random,
    timing: { graceMs: 100, pollMs: 100, backoff: { firstMs: 50, maxMs: 500 } },
  })
  sender.start()
  return sender
}

async function deliver(t: Test, target: Target, alerts: readonly Alert[]): Promise<void> {
  const waiting = alerts.map((each, index) => ({ seq: index, alert: each }))
  const errors: string[] = []
  const sender = open(target, {
    due: (_sink, _now, limit) => waiting.slice(0, limit),
    sent: () => waiting.shift(),
    failed: (_seq, _next, error) => errors.push(error),
  })
  await sender.close(5_000)
  t.same([waiting.length, errors], [0, []], `all went to ${target.transport}`)
}

/** As long as our default allows, so that the receivers' own defaults must take it whole. */
function longest(id: string): Alert {
  const settings = SyslogSettings.parse({ transport: "tcp", host: "x" })
  const bare = alert({ id, reasons: [""] })
  const room = settings["max-bytes"] - syslogMessage(bare, settings, origin).length
  return { ...bare, reasons: ["x".repeat(room)] }
}

/** In the terms that both daemons keep; syslog-ng's JSON parser makes text of every value. */
function readBack(message: ReceivedMessage | undefined) {
  const json = JSON.parse(message?.msg ?? "{}")
  return {
    header: message && [
      message.pri,
      new Date(message.timestamp).toISOString(),
      message.hostname,
      message.appName,
      message.procid,
      message.msgid,
    ],
    app: message?.structured.app_id,
    destination: message?.structured.destination,
    json,
    parsed: { summary: message?.json?.summary, app_id: message?.json?.app_id },
  }
}

function whatWasSent(sent: Alert) {
  return {
    header: [132, sent.observed_at, "sensor-1.example", "pinsensor", "4711", "AN1725"],
    app: sent.app_id?.replace("\t", "\ufffd"),
    destination: sent.destination,
    json: { record: "alert", ...sent },
    parsed: { summary: sent.summary, app_id: sent.app_id },
  }
}

async function distinct(daemon: SyslogDaemon, count: number): Promise<(string | undefined)[]> {
  for (let tries = 0; ; tries++) {
    const received = await daemon.received()
    const ids = [...new Set(received.map((each) => each.structured.alert_id))]
    if (ids.length >= count || tries > 100) return ids
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
