/**
 * Two taps beside a real gateway: what Suricata saw of sessions that the sensor inspected, and of one that went
 * around it, brought in by the real collector.
 */
import { execFileSync } from "node:child_process"
import { once } from "node:events"
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import t from "tap"
import { AppIndex } from "../../src/identity/apps.ts"
import { BindingIndex } from "../../src/identity/bindings.ts"
import { DeviceIndex } from "../../src/identity/devices.ts"
import { joinDevice } from "../../src/identity/join.ts"
import { IdentitySettings, joinSettings } from "../../src/identity/settings.ts"
import { Attempt } from "../../src/record/attempt.ts"
import { Flow } from "../../src/record/flow.ts"
import { testCa } from "../support/certificates.ts"
import { addresses, makeNetwork, missing } from "../support/namespaces.ts"
import { startPinsensor } from "../support/pinsensor.ts"
import { holds } from "../support/processes.ts"

const suricata = ["/opt/suricata/usr/bin/suricata", "/usr/bin/suricata"].find(existsSync)
const tcpdump = ["/usr/bin/tcpdump", "/usr/sbin/tcpdump"].find(existsSync)
const lacking = missing() ?? (suricata && tcpdump ? null : "needs suricata and tcpdump")
if (lacking !== null) {
  t.plan(0, `taps beside a gateway in network namespaces: ${lacking}`)
  process.exit()
}

t.setTimeout(60_000)

const fixtures = new URL("../telemetry/fixtures/", import.meta.url).pathname
const wrongPin = `sha256//${"A".repeat(43)}=`
const [client] = addresses.client
const [uplink] = addresses.uplink
const [gateway] = addresses.gateway
const [origin] = addresses.origin
/** The gateway lets connections to it pass: a way around the sensor. */
const [around] = addresses.never

const folder = mkdtempSync(join(tmpdir(), "pinsensor-taps-"))
const network = await makeNetwork()
t.teardown(async () => {
  await network.close()
  rmSync(folder, { recursive: true, force: true })
})
const originCa = await testCa()
t.teardown(() => originCa.remove())
const issued = await originCa.issue("origin", "DNS:*.origin.test")
const serves = network.start("origin", [
  process.execPath,
  "-e",
  `const { readFileSync } = require("node:fs")
   require("node:https").createServer({ cert: readFileSync(${JSON.stringify(issued.cert)}),
     key: readFileSync(${JSON.stringify(issued.key)}) },
     (request, response) => request.resume().on("end", () => response.end("x".repeat(20_000))))
     .listen(443, "0.0.0.0", () => console.log("ready"))`,
])
serves.stderr?.pipe(process.stderr)
const tap = (name: "lan" | "wan") => {
  const given = [
    "-q",
    "-U",
    "--immediate-mode",
    "-i",
    name,
    "-w",
    join(folder, `${name}.pcap`),
    "tcp",
  ]
  return network.start("gateway", [tcpdump ?? "", ...given])
}
const names = ["api.origin.test", "bank.origin.test", "cdn.origin.test"]
const sensor = await startPinsensor(
  {
    site: "hq",
    "origin-ca": originCa.file,
    "allow-client": ["10.77.0.0/24"],
    listeners: [
      { name: "redirect", kind: "redirect", listen: "[::]:8443" },
      { name: "lan", kind: "explicit", listen: `${gateway}:3128` },
    ],
    hosts: Object.fromEntries(names.map((name) => [name, [origin]])),
    control: { mode: "off" },
    identity: { "sensor-addresses": [uplink] },
    sources: {
      "flow-logs": ["lan", "wan"].map((name) => ({
        name,
        kind: "suricata",
        eve: join(folder, `${name}.json`),
      })),
    },
    limits: { "drain-time": "200ms" },
  },
  undefined,
  network.under("gateway"),
)
t.teardown(() => sensor.remove())

async function curl(name: string, address: string, ...options: string[]): Promise<number> {
  const where = ["--resolve", `${name}:443:${address}`]
  const sent = ["-sS", "--http1.1", "--max-time", "8", "-o", "/dev/null", "-d", "a".repeat(4_000)]
  const ran = await network.run("client", [
    "curl",
    ...sent,
    ...where,
    ...options,
    `https://${name}/`,
  ])
  return ran.code
}

/** What Suricata makes of a capture. */
function read(name: "lan" | "wan"): void {
  const log = join(folder, `log-${name}`)
  execFileSync("mkdir", [log])
  const given = ["-c", `${fixtures}suricata.yaml`, "-S", "/dev/null", "-k", "none", "-l", log]
  execFileSync(suricata ?? "", [...given, "-r", join(folder, `${name}.pcap`)], {
    stdio: "ignore",
    env: { ...process.env, LD_LIBRARY_PATH: "/opt/suricata/usr/lib/x86_64-linux-gnu" },
  })
  writeFileSync(join(folder, `${name}.json`), readFileSync(join(log, "eve.json")))
}

t.test(
  "of what taps saw, what the sensor inspected is no control, and what went around it is",
  async (t) => {
    const taps = [tap("lan"), tap("wan")]
    await Promise.all(taps.map(({ stderr }) => stderr && once(stderr, "data")))
    await network.load("redirect.nft")
    t.equal(await curl("api.origin.test", origin, "--cacert", sensor.ca), 0, "inspected")
    const pinned = ["--cacert", sensor.ca, "--pinnedpubkey", wrongPin]
    t.equal(await curl("bank.origin.test", origin, ...pinned), 90, "refused")
    const proxy = ["--cacert", sensor.ca, "--proxy", `http://${gateway}:3128`]
    t.equal(await curl("cdn.origin.test", origin, ...proxy), 0, "inspected in the explicit proxy")
    t.equal(
      await curl("bank.origin.test", around, "--cacert", originCa.file),
      0,
      "around the sensor",
    )

    for (const each of taps) {
      each.kill("SIGINT")
      if (each.exitCode === null) await once(each, "exit")
    }
    read("lan")
    read("wan")
    const imported = async () =>
      (await sensor.records("flows")).filter(({ source }) => source === "suricata")
    await holds(async () => (await imported()).length >= 8, 15_000)
    const bare = ({ record: _, ...fields }: Record<string, unknown>) => fields
    const attempts = (await sensor.records("attempts")).map((each) => Attempt.parse(bare(each)))
    const flows = (await sensor.records("flows")).map((each) => Flow.parse(bare(each)))
    t.equal(attempts.length, 3)
    const seen = flows.map(({ client_ip, sni, verdict }) => `${client_ip} ${sni} ${verdict}`).sort()
    t.strictSame(seen, [
      `${client} api.origin.test used`,
      `${client} bank.origin.test undecided`,
      `${client} bank.origin.test used`,
      `${client} bank.origin.test used`,
      `${client} cdn.origin.test used`,
      `${uplink} api.origin.test used`,
      `${uplink} bank.origin.test undecided`,
      `${uplink} cdn.origin.test used`,
    ])

    const tenant = attempts[0]?.tenant ?? ""
    const settings = IdentitySettings.parse({ "sensor-addresses": [uplink] })
    const directOf = (address: string) =>
      joinDevice({
        device_id: `address:${address}`,
        attempts: attempts.filter(({ client_ip }) => client_ip === address),
        flows: flows.filter(({ client_ip }) => client_ip === address),
        app_events: [],
        bindings: new BindingIndex([], { tenant }),
        devices: new DeviceIndex([], [], { tenant }),
        apps: new AppIndex([], { tenant }),
        settings: joinSettings(settings, [`${gateway}:3128`]),
      }).flows.map(({ fact }) => [fact.sni, fact.destination_ip, fact.verdict, fact.control])
    t.strictSame(
      directOf(client),
      [["bank.origin.test", around, "used", true]],
      "once, of two taps",
    )
    t.strictSame(directOf(uplink), [], "our own legs")
  },
)
