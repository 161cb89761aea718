/** Faults of the processes of a real `pinsensor run`: one hangs, or has no descriptors left. */
import { execFileSync, spawnSync } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"
import { connect, type Socket } from "node:net"
import tls from "node:tls"
import t from "tap"
import { testCa } from "../support/certificates.ts"
import { httpsOrigin } from "../support/https-origin.ts"
import { socketsOf } from "../support/leaks.ts"
import { type RunningSensor, startPinsensor } from "../support/pinsensor.ts"
import { childrenOf, cpuMs, holds } from "../support/processes.ts"
import { download, slowOrigin } from "../support/slow-origin.ts"
import { visitOnce } from "../support/tls-load.ts"

const host = "www.load.example"
const soon = 20_000

t.setTimeout(110_000)

const publicCa = await testCa()
const origin = await httpsOrigin(publicCa, [host])
t.teardown(() => Promise.all([origin.close(), publicCa.remove()]))
const common = {
  hosts: { [host]: ["127.0.0.1"] },
  "allow-destination": ["127.0.0.0/8"],
  "origin-ca": publicCa.file,
}
const events = (sensor: RunningSensor, name: string) => sensor.log.filter(({ msg }) => msg === name)
const childOf = (sensor: RunningSensor, role: string) =>
  childrenOf(sensor.pid).find((child) => child.role === role)?.pid ?? 0

/** A client that says nothing. */
function idle(sensor: RunningSensor): Socket {
  const [address, port] = sensor.proxy.split(":")
  const socket = connect(Number(port), address)
  return socket.on("error", () => {})
}

/** Descriptors are given out from the lowest; some far ones are in use as well. */
function lowestFree(pid: number): number {
  const used = new Set(readdirSync(`/proc/${pid}/fd`).map(Number))
  let free = 0
  while (used.has(free)) free++
  return free
}

function visitor(sensor: RunningSensor) {
  const trusting = tls.createSecureContext({ ca: readFileSync(sensor.ca) })
  const load = { proxy: sensor.proxy, hosts: [host], port: origin.port, from: ["127.0.0.61"] }
  return async () => (await visitOnce(load, 0, trusting)).kind
}

t.test("a process that hangs is ended and replaced, whichever it is", async (t) => {
  const sensor = await startPinsensor({ ...common, limits: { "hung-time": "2s" } })
  t.teardown(() => sensor.remove())
  const visit = visitor(sensor)
  t.equal(await visit(), "served")

  for (const [index, role] of (["sensor-worker", "correlator"] as const).entries()) {
    const pid = childOf(sensor, role)
    // Stopped: its event loop does not turn, as in an endless loop, and its port is still open.
    process.kill(pid, "SIGSTOP")
    t.ok(await holds(() => events(sensor, "process-hung").length > index, soon), role)
    t.match(events(sensor, "process-hung").at(-1), {
      level: 50,
      process: role,
      pid,
      hung_ms: 2_000,
    })
    t.ok(await holds(() => events(sensor, "process-replaced").length > index, soon))
    t.match(events(sensor, "process-died").at(-1), { pid, signal: "SIGKILL", why: /hung/ })
    t.not(childOf(sensor, role), pid)
  }
  t.equal(await visit(), "served", "the successor serves")

  // All of it stood still, as when the machine is suspended: nobody hung.
  const all = [sensor.pid, ...childrenOf(sensor.pid).map(({ pid }) => pid)]
  for (const pid of all) process.kill(pid, "SIGSTOP")
  await new Promise((resolve) => setTimeout(resolve, 2_500))
  for (const pid of all.reverse()) process.kill(pid, "SIGCONT")
  t.equal(await visit(), "served")
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  t.equal(events(sensor, "process-hung").length, 2)
})

const prlimit = spawnSync("prlimit", ["--version"]).status === 0

t.test(
  "without descriptors no connection that is open suffers, and new ones come when there are some",
  { skip: prlimit ? false : "needs prlimit (util-linux)" },
  async (t) => {
    const slow = await slowOrigin(publicCa, host)
    const sensor = await startPinsensor({ ...common, log: "info" })
    t.teardown(() => Promise.all([sensor.remove(), slow.close()]))
    const visit = visitor(sensor)
    t.equal(await visit(), "served")
    const pid = childOf(sensor, "sensor-worker")
    const base = socketsOf(pid)

    const running = await download(
      sensor.proxy,
      host,
      slow.port,
      readFileSync(sensor.ca, "utf8"),
      80,
    )
    await running.begun
    const limit = (count: number | string) =>
      execFileSync("prlimit", ["--pid", String(pid), `--nofile=${count}:`])
    const [, before = ""] =
      /^Max open files +(\d+)/m.exec(readFileSync(`/proc/${pid}/limits`, "utf8")) ?? []
    limit(lowestFree(pid) + 6)
    const many = Array.from({ length: 30 }, () => idle(sensor))
    const lost = () => many.filter((socket) => socket.destroyed).length
    t.ok(await holds(() => lost() > 20, soon), "whoever comes is turned away at once")
    t.ok(await holds(() => events(sensor, "descriptors-exhausted").length === 1, soon))
    const spent = cpuMs(pid)
    const began = performance.now()
    t.equal(await visit(), "failed")
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    const share = (cpuMs(pid) - spent) / (performance.now() - began)
    t.ok(share < 0.5, `it does not spin: ${Math.round(100 * share)} % of a core`)
    t.equal(childOf(sensor, "sensor-worker"), pid, "it does not die")
    for (const socket of many) socket.destroy()
    limit(before)
    t.ok(await holds(() => events(sensor, "descriptors-free").length === 1, soon))
    t.ok(await holds(async () => (await visit()) === "served", soon), "it serves again")
    t.equal(await running.over, 80_000, "the download that was under way is complete")
    t.ok(await holds(() => socketsOf(pid) <= base, soon), "nothing is left open")
    t.strictSame(events(sensor, "process-died"), [])
  },
)

t.test(
  "fails closed: no more clients are let in than there are descriptors for, and the log says so",
  { skip: prlimit ? false : "needs prlimit (util-linux)" },
  async (t) => {
    const sensor = await startPinsensor(common, undefined, ["prlimit", "--nofile=131:131"])
    t.teardown(() => sensor.remove())
    t.match(events(sensor, "descriptors-scarce"), [
      { level: 40, descriptors: 131, connections: 1, wanted: 20_000, needs: 60_128 },
    ])
    const visit = visitor(sensor)
    const held = idle(sensor)
    await new Promise((resolve) => held.once("connect", resolve))
    t.equal(await visit(), "failed")
    held.destroy()
    t.ok(await holds(async () => (await visit()) === "served", soon))
  },
)
