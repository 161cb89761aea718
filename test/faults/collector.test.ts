/** Faults of the process that reads leases, MDM and telemetry, in a real `pinsensor run`. */
import { readFileSync } from "node:fs"
import tls from "node:tls"
import t from "tap"
import { testCa } from "../support/certificates.ts"
import { httpsOrigin } from "../support/https-origin.ts"
import { startPinsensor } from "../support/pinsensor.ts"
import { childrenOf, holds } from "../support/processes.ts"
import { visitOnce } from "../support/tls-load.ts"

const host = "www.load.example"
const soon = 20_000

t.setTimeout(60_000)

const publicCa = await testCa()
const origin = await httpsOrigin(publicCa, [host])
t.teardown(() => Promise.all([origin.close(), publicCa.remove()]))
const common = {
  hosts: { [host]: ["127.0.0.1"] },
  "allow-destination": ["127.0.0.0/8"],
  "origin-ca": publicCa.file,
}

t.test("a collector that dies holds up no traffic and is replaced: fails open", async (t) => {
  const leases = [{ name: "none", format: "kea4", file: `${t.testdirName}/no-such-leases.csv` }]
  const sensor = await startPinsensor({ ...common, sources: { leases } })
  t.teardown(() => sensor.remove())
  const trusting = tls.createSecureContext({ ca: readFileSync(sensor.ca) })
  const load = { proxy: sensor.proxy, hosts: [host], port: origin.port, from: ["127.0.0.62"] }
  const visit = async () => (await visitOnce(load, 0, trusting)).kind
  const collector = () => childrenOf(sensor.pid).find(({ role }) => role === "collector")?.pid
  t.ok(await holds(() => collector() !== undefined, soon), "it runs")
  const pid = collector() ?? 0

  process.kill(pid, "SIGKILL")
  t.equal(await visit(), "served", "while it is dead")
  const replaced = () =>
    sensor.log.some(({ msg, process: role }) => msg === "process-replaced" && role === "collector")
  t.ok(await holds(replaced, soon))
  t.not(collector(), pid)
  t.equal(await visit(), "served")
})

t.test("a sensor without sources has no collector", async (t) => {
  const sensor = await startPinsensor(common)
  t.teardown(() => sensor.remove())
  t.strictSame(
    childrenOf(sensor.pid)
      .map(({ role }) => role)
      .sort(),
    ["correlator", "sensor-worker"],
  )
})
