/** The life of the processes of a real `pinsensor run`: what dies alone, what ends in order. */
import { spawn } from "node:child_process"
import { readFile } from "node:fs/promises"
import net from "node:net"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import tls from "node:tls"
import t, { type Test } from "tap"
import { openStore } from "../../src/evidence/open.ts"
import type { Attempt } from "../../src/record/attempt.ts"
import { newDir } from "../evidence/fixtures.ts"
import { testCa } from "../support/certificates.ts"
import { httpsOrigin } from "../support/https-origin.ts"
import { pinnedDevice } from "../support/pinned-device.ts"
import { type RunningSensor, startPinsensor } from "../support/pinsensor.ts"
import { childrenOf, cpuMs, holds, isAlive } from "../support/processes.ts"
import { download, slowOrigin } from "../support/slow-origin.ts"
import { visitOnce } from "../support/tls-load.ts"

const whose = { tenant: "acme", site: "hq" }
const host = "www.load.example"
const soon = 15_000

t.setTimeout(110_000)

const publicCa = await testCa()
t.teardown(() => publicCa.remove())
const common = {
  ...whose,
  hosts: { [host]: ["127.0.0.1"] },
  "allow-destination": ["127.0.0.0/8"],
  "origin-ca": publicCa.file,
}
const patient = { ...common, limits: { "drain-time": "20s" } }
const rolesOf = (sensor: RunningSensor, role: string) =>
  childrenOf(sensor.pid).filter((child) => child.role === role)
const events = (sensor: RunningSensor, name: string) => sensor.log.filter(({ msg }) => msg === name)

function inStore<Answer>(
  sensor: RunningSensor,
  ask: (store: ReturnType<typeof openStore>) => Answer,
) {
  const store = openStore(join(sensor.folder, "var"))
  try {
    return ask(store)
  } finally {
    store.close()
  }
}
const attemptsOf = (sensor: RunningSensor) => inStore(sensor, (store) => [...store.all("attempts")])
const isOf = (client: string) => (attempt: Attempt) =>
  `${attempt.client_ip}:${attempt.client_port}` === client

t.test("of processes that are killed one by one only what they held is lost", async (t) => {
  const origin = await httpsOrigin(publicCa, [host])
  const sensor = await startPinsensor({ ...patient, workers: 2 })
  t.teardown(() => Promise.all([sensor.remove(), origin.close()]))
  const ca = await readFile(sensor.ca, "utf8")
  const trusting = tls.createSecureContext({ ca })
  const load = { proxy: sensor.proxy, hosts: [host], port: origin.port, from: ["127.0.0.41"] }
  const visits = async (count: number) => {
    const made = Array.from({ length: count }, (_, index) => visitOnce(load, index, trusting))
    return (await Promise.all(made)).filter(({ kind }) => kind === "served").length
  }
  const alerts = () => inStore(sensor, (store) => [...store.all("alerts")].map((one) => one.app_id))
  const give = (name: string, octet: number) =>
    inStore(sensor, (store) => {
      const pinned = pinnedDevice(name, `10.9.0.${octet}`, Date.now(), whose)
      for (const kind of ["devices", "postures", "apps", "bindings", "attempts", "flows"] as const)
        store.append(kind, pinned[kind])
    })

  await t.test("a sensor worker: its own connections, and it is replaced", async (t) => {
    const kept = await Promise.all(Array.from({ length: 16 }, () => tunnel(sensor.proxy)))
    const [victim, other] = rolesOf(sensor, "sensor-worker")
    if (!victim || !other) throw new Error("there are not two workers")
    process.kill(victim.pid, "SIGKILL")
    // Until its last thread has ended the kernel still queues connections for it: these are lost too.
    t.ok(await holds(() => events(sensor, "process-died").length === 1, soon))
    t.equal(await visits(10), 10, "the port is served by the other one")
    const lost = kept.filter((socket) => socket.destroyed).length
    t.ok(lost > 0 && lost < kept.length, `${lost} of ${kept.length} connections are lost`)
    t.ok(await holds(() => events(sensor, "process-replaced").length === 1, soon))
    const now = rolesOf(sensor, "sensor-worker").map(({ pid }) => pid)
    t.equal(now.length, 2)
    t.ok(now.includes(other.pid) && !now.includes(victim.pid), "there is a new one")
    t.match(events(sensor, "process-died"), [{ process: "sensor-worker", signal: "SIGKILL" }])
    for (const socket of kept) socket.destroy()
  })

  await t.test("the correlator: traffic goes on, and judgement after it", async (t) => {
    give("bank", 1)
    t.ok(await holds(() => alerts().length === 1, soon), "it judges")
    const [victim] = rolesOf(sensor, "correlator")
    process.kill(victim?.pid ?? 0, "SIGKILL")
    give("shop", 2)
    t.equal(await visits(5), 5)
    t.ok(await holds(() => alerts().length === 2, soon), "its successor judges what came meanwhile")
    await sleep(1_500)
    t.strictSame(alerts(), ["com.example.bank", "com.example.shop"], "no alert is doubled")
  })

  await t.test("an idle correlator costs next to nothing", async (t) => {
    const [correlator] = rolesOf(sensor, "correlator")
    if (!correlator) throw new Error("there is no correlator")
    // It may still be judging, or compiling.
    await sleep(2_000)
    const before = cpuMs(correlator.pid)
    await sleep(3_000)
    const spent = cpuMs(correlator.pid) - before
    t.ok(spent < 150, `${spent} ms of CPU in 3 s`)
  })

  await t.test("the supervisor: the others end by themselves", async (t) => {
    const children = childrenOf(sensor.pid)
    t.equal(children.length, 3)
    process.kill(sensor.pid, "SIGKILL")
    t.ok(await holds(() => children.every(({ pid }) => !isAlive(pid)), soon))
    t.ok(events(sensor, "supervisor-gone").length > 0, "and say why")
    await sensor.restart()
    t.equal(await visits(3), 3, "it can be started again at once")
  })

  await t.test("SIGINT lets a download finish, and records it", (t) => drains(t, sensor, "SIGINT"))
})

/** A tunnel in which nothing is said: it belongs to one worker. */
function tunnel(proxy: string): Promise<net.Socket> {
  const [address, port] = proxy.split(":")
  const socket = net.connect(Number(port), address)
  socket.on("error", () => {})
  socket.write(`CONNECT ${host}:443 HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
  return new Promise((resolve) => socket.once("data", () => resolve(socket)))
}

/** A signal to the supervisor, while a client downloads. */
async function drains(t: Test, sensor: RunningSensor, signal: NodeJS.Signals): Promise<void> {
  const origin = await slowOrigin(publicCa, host)
  t.teardown(() => origin.close())
  const died = events(sensor, "process-died").length
  const ca = await readFile(sensor.ca, "utf8")
  const running = await download(sensor.proxy, host, origin.port, ca, 15)
  await running.begun
  process.kill(sensor.pid, signal)
  await sleep(300)
  // A second one changes nothing.
  process.kill(sensor.pid, signal)
  const refused = await new Promise((resolve) => {
    const [address, port] = sensor.proxy.split(":")
    const socket = net.connect(Number(port), address)
    socket.on("error", () => resolve(true)).on("connect", () => resolve(false))
  })
  t.ok(refused, "no new connection is taken")
  t.equal(await running.over, 15_000, "all of it arrives")
  t.ok(await holds(() => sensor.exitCode() === 0, soon), "the exit code is 0")
  t.match(attemptsOf(sensor).find(isOf(running.client)), { outcome: "accepted" })
  t.equal(events(sensor, "process-died").length, died)
}

t.test("SIGTERM lets a download finish, and records it", async (t) => {
  const sensor = await startPinsensor(patient)
  t.teardown(() => sensor.remove())
  await drains(t, sensor, "SIGTERM")
})

t.test("what is not done within the drain time is cut off, and recorded too", async (t) => {
  const origin = await slowOrigin(publicCa, host)
  const sensor = await startPinsensor({ ...common, limits: { "drain-time": "300ms" } })
  t.teardown(() => Promise.all([sensor.remove(), origin.close()]))
  const ca = await readFile(sensor.ca, "utf8")
  const running = await download(sensor.proxy, host, origin.port, ca, 200)
  await running.begun
  process.kill(sensor.pid, "SIGTERM")
  t.ok(await holds(() => sensor.exitCode() === 0, soon))
  t.ok((await running.over) < 200_000)
  t.match(attemptsOf(sensor).find(isOf(running.client)), { outcome: "accepted" })
})

t.test("a port that is taken is a clear fault, and leaves no process behind", async (t) => {
  // A sensor shares its port among its workers; another sensor must not join them unnoticed.
  const server = net.createServer()
  const shared = { host: "127.0.0.1", port: 0, reusePort: true }
  await new Promise<void>((resolve) => server.listen(shared, resolve))
  t.teardown(() => server.close())
  const { port } = server.address() as net.AddressInfo
  const { code, errors, pid } = await failingStart(newDir(t), `127.0.0.1:${port}`)
  t.equal(code, 1)
  t.match(errors, `pinsensor run: listen: 127.0.0.1:${port} is taken by another program; end that`)
  t.throws(() => process.kill(-pid, 0), { code: "ESRCH" })
})

async function failingStart(dir: string, listen: string) {
  const main = new URL("../../src/cli/main.ts", import.meta.url).pathname
  const child = spawn(
    process.execPath,
    [main, "run", "--data", join(dir, "var"), "--listen", listen],
    { cwd: dir, detached: true, stdio: ["ignore", "ignore", "pipe"] },
  )
  let errors = ""
  child.stderr.on("data", (text) => {
    errors += text
  })
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve))
  return { code, errors, pid: child.pid ?? 0 }
}
