/**
 * The whole way with real parts: curl as the apps, the real `pinsensor run`, rsyslog as the SOC's
 * receiver. Devices are told apart by their loopback address; their identity is imported.
 */
import { execFile } from "node:child_process"
import { once } from "node:events"
import { existsSync } from "node:fs"
import { readFile, writeFile } from "node:fs/promises"
import http from "node:http"
import type { Socket } from "node:net"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { connect } from "node:tls"
import { promisify } from "node:util"
import t from "tap"
import { testCa } from "../support/certificates.ts"
import { httpsOrigin } from "../support/https-origin.ts"
import { startPinsensor } from "../support/pinsensor.ts"
import { rsyslogMissing, startRsyslog } from "../support/rsyslog.ts"

const missing = existsSync("/usr/bin/curl")
  ? rsyslogMissing()
  : "the Debian package curl is missing"
const run = promisify(execFile)
const pad = "x-pad: ".padEnd(300, "x")

t.setTimeout(110_000)

t.test(
  "pinned apps become alerts, what only looks like it does not",
  { skip: missing },
  async (t) => {
    const publicCa = await testCa()
    const strangerCa = await testCa()
    const names = [
      "*.bank.example",
      "*.one.example",
      "*.two.example",
      "*.app.example",
      "*.chat.example",
    ]
    const origin = await httpsOrigin(publicCa, names)
    const badOrigin = await httpsOrigin(strangerCa, ["*.bad.example"])
    const soc = await startRsyslog()
    const hosts = [
      "api.bank",
      "cdn.one",
      "www.two",
      "api.app",
      "api.chat",
      "a.bad",
      "b.bank",
      "c.bank",
      "d.one",
      "e.two",
    ]
    const sensor = await startPinsensor({
      tenant: "acme",
      site: "hq",
      hosts: Object.fromEntries(hosts.map((host) => [`${host}.example`, ["127.0.0.1"]])),
      "allow-destination": ["127.0.0.0/8"],
      "origin-ca": publicCa.file,
      analytics: { scope: { bucket: "1s" } },
      control: { "splice-for": "20s" },
      syslog: [{ transport: "tcp", host: "127.0.0.1", port: soc.tcpPort }],
    })
    t.teardown(async () => {
      await sensor.remove()
      await soc.stop()
      await Promise.all([origin.close(), badOrigin.close(), publicCa.remove(), strangerCa.remove()])
    })
    const trust = join(sensor.folder, "trust.pem")
    await writeFile(
      trust,
      (await readFile(sensor.ca, "utf8")) + (await readFile(publicCa.file, "utf8")),
    )

    /** One visit of an app; true if it was content. */
    const visit = async (from: string, host: string, agent: string, ...options: string[]) => {
      const port = host.endsWith("bad.example") ? badOrigin.port : origin.port
      const args = [
        "-sS",
        "-o",
        "/dev/null",
        "--max-time",
        "10",
        "-x",
        `http://${sensor.proxy}`,
        "--interface",
        from,
        "-A",
        agent,
        "-H",
        pad,
      ]
      return run("curl", [...args, ...options, `https://${host}:${port}/`]).then(
        () => true,
        () => false,
      )
    }
    const trusting = ["--cacert", trust]
    const pinned = [...trusting, "--pinnedpubkey", origin.pin]

    const common = { observed_at: new Date(Date.now() - 60_000).toISOString() }
    const device = (device_id: string, platform: string, address: string, posture: object) => [
      { record: "device", ...common, device_id, platform, user: `${device_id}@acme.example` },
      {
        record: "binding",
        ...common,
        device_id,
        address,
        valid_from: common.observed_at,
        source: "vpn",
      },
      { record: "posture", ...common, device_id, managed: true, ...posture },
    ]
    const app = (app_id: string, platform: string, agent: string) => ({
      record: "app",
      ...common,
      app_id,
      platform,
      category: "game",
      user_agents: [`${agent}/*`],
    })
    await sensor.give([
      ...device("pixel-1", "android", "127.0.0.21", { inspection_ca: "user-store" }),
      ...device("iphone-1", "ios", "127.0.0.22", {
        supervised: true,
        inspection_ca: "mdm-trusted",
      }),
      ...device("pixel-2", "android", "127.0.0.23", { inspection_ca: "unknown" }),
      ...device("pixel-3", "android", "127.0.0.24", { inspection_ca: "user-store" }),
      ...device("pixel-4", "android", "127.0.0.25", { inspection_ca: "user-store" }),
      app("com.game.pixel", "android", "PixelGame"),
      app("com.game.ios", "ios", "PhoneGame"),
      app("com.refuser", "android", "Refuser"),
      app("com.other", "android", "Other"),
    ])
    const background = (device_id: string, app_id: string) => ({
      record: "app-event",
      observed_at: new Date().toISOString(),
      event_id: `${device_id}-${Date.now()}`,
      source: "edr",
      device: { device_id },
      app: { id: app_id },
      type: "app_state",
      state: { app_state: "background", device_locked: true, recent_user_interaction: false },
    })
    await sensor.give([background("pixel-1", "com.game.pixel")])

    const phones = [
      { from: "127.0.0.21", agent: "PixelGame/1.0" },
      { from: "127.0.0.22", agent: "PhoneGame/1.0" },
    ]
    const all = (visits: Promise<boolean>[]) => Promise.all(visits)

    // What only looks like pinning.
    const distrusted = ["api.bank", "cdn.one", "www.two", "api.app", "api.chat"]
    await all(
      distrusted.map((host) =>
        visit("127.0.0.23", `${host}.example`, "Any/1", "--cacert", publicCa.file),
      ),
    )
    await all(
      ["cdn.one", "www.two"].map((host) =>
        visit("127.0.0.24", `${host}.example`, "Other/1", ...trusting),
      ),
    )
    t.ok(
      await visit("127.0.0.25", "api.app.example", "Other/1", ...trusting),
      "a trusting client is served",
    )
    t.notOk(
      await visit("127.0.0.25", "a.bad.example", "Other/1", ...trusting),
      "a bad origin is refused",
    )

    const idle = preconnect(sensor.proxy, "127.0.0.25", `cdn.one.example:${origin.port}`, 3_000)

    // The pinned apps accept our CA elsewhere, and refuse here.
    for (const { from, agent } of phones)
      for (const host of ["cdn.one", "www.two"])
        t.ok(
          await visit(from, `${host}.example`, agent, ...trusting),
          `${agent} accepts at ${host}`,
        )
    for (let round = 0; round < 3; round++) {
      const visits = phones.map(({ from, agent }) =>
        visit(from, "api.bank.example", agent, ...pinned),
      )
      t.strictSame(
        await all(visits),
        [false, false],
        "pinned apps refuse the inspection certificate",
      )
      await visit("127.0.0.24", "api.bank.example", "Refuser/1", "--cacert", publicCa.file)
      await sleep(1_100)
    }

    const until = async (what: string, holds: () => Promise<boolean>) => {
      for (let i = 0; i < 60; i++) {
        if (await holds()) return t.pass(what)
        await sleep(250)
      }
      t.fail(`${what}: not within 15 s`)
    }
    const trials = async (state: string) =>
      (await sensor.records("register")).filter(
        (entry) => (entry["trial"] as { state: string } | null)?.state === state,
      )
    await until(
      "a trial is armed for each pinned app and nobody else",
      async () => (await trials("armed")).length === 2,
    )
    const visits = () =>
      all(phones.map(({ from, agent }) => visit(from, "api.bank.example", agent, ...pinned)))
    const both = (content: boolean) => async () =>
      (await visits()).every((each) => each === content)
    for (const use of ["once", "twice"]) await until(`spliced, the apps work ${use}`, both(true))
    await until(
      "the trials have seen enough",
      async () => (await trials("re-inspecting")).length === 2,
    )
    await until("inspected again, they refuse again", both(false))
    await idle

    const received = await soc.atLeast(2)
    const alerts = received.map(({ json }) => json)
    t.strictSame(
      alerts
        .map((alert) => [
          alert?.["analytic"],
          alert?.["verdict"],
          alert?.["device_id"],
          alert?.["app_id"],
        ])
        .sort(),
      [
        ["AN1725", "confirmed", "pixel-1", "com.game.pixel"],
        ["AN1726", "confirmed", "iphone-1", "com.game.ios"],
      ],
      "the SOC received one alert for each, and no other",
    )
    for (const message of received) {
      t.match(
        message.raw,
        /^<\d{1,3}>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z \S+ pinsensor \d+ AN172[56] \[pinsensor@\d+ /,
      )
      t.equal(message.structured["alert_id"], message.json?.["id"])
      t.match(message.json, { evidence_ids: [String] }, "with evidence")
    }

    const findings = await sensor.records("findings")
    const verdictsOf = (device_id: string) => [
      ...new Set(
        findings
          .filter((finding) => (finding["key"] as { device_id: string }).device_id === device_id)
          .map((finding) => finding["verdict"]),
      ),
    ]
    t.strictSame(
      verdictsOf("pixel-2"),
      ["refuses-everything"],
      "a device that distrusts the CA refuses everything",
    )
    t.strictSame(
      verdictsOf("pixel-3"),
      ["refuses-here"],
      "another app's acceptance proves nothing on Android",
    )
    t.strictSame(
      verdictsOf("pixel-4"),
      [],
      "nothing is held against a trusting client, an idle one and a bad origin",
    )
    t.strictSame((await sensor.records("alerts")).length, 2, "two alerts are all there are")
    const outcomes = (await sensor.records("attempts"))
      .filter((attempt) => attempt["client_ip"] === "127.0.0.25")
      .map((attempt) => attempt["outcome"])
    t.strictSame(outcomes.sort(), ["accepted", "idle", "origin-failed"])
  },
)

/** A connection that an app opens in advance and never needs: Finished, then silence, then its end. */
async function preconnect(proxy: string, from: string, target: string, ms: number): Promise<void> {
  const [host, port] = proxy.split(":")
  const request = http.request({ host, port, method: "CONNECT", path: target, localAddress: from })
  const [, socket] = (await once(request.end(), "connect")) as [unknown, Socket]
  const tls = connect({ socket, servername: target.split(":")[0] ?? "", rejectUnauthorized: false })
  await once(tls, "secureConnect")
  await sleep(ms)
  tls.end()
  await once(tls, "close")
}
