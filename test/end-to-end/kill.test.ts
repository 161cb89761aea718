/**
 * kill -9 under load: the whole of a real `pinsensor run` is killed at random moments while real TLS
 * clients are being served and refused, evidence of a pinned app has just come in, and the receiver
 * of alerts is away. PINSENSOR_KILLS=20 runs so many rounds.
 */
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import t from "tap"
import { Correlator } from "../../src/cli/correlator/pass.ts"
import { loadConfig } from "../../src/config.ts"
import { openStore } from "../../src/evidence/open.ts"
import type { Store } from "../../src/evidence/store.ts"
import { newDir } from "../evidence/fixtures.ts"
import { alertReceiver } from "../support/alert-receiver.ts"
import { testCa } from "../support/certificates.ts"
import { httpsOrigin } from "../support/https-origin.ts"
import { type PinnedDevice, pinnedDevice } from "../support/pinned-device.ts"
import { startPinsensor } from "../support/pinsensor.ts"
import { holds } from "../support/processes.ts"
import { startLoad, type Visit } from "../support/tls-load.ts"

const rounds = Number(process.env["PINSENSOR_KILLS"] ?? 2)
/** What the recorder may hold back: a batch of 1,000 records, sent after 50 ms at the latest. How
 * long a commit takes on a loaded machine is on top of that. */
const batch = 1_000
const lateMs = 2_000
const whose = { tenant: "acme", site: "hq" }
const between = (least: number, most: number) => least + Math.random() * (most - least)

t.setTimeout(30_000 + rounds * 20_000)

t.test(
  `${rounds} times kill -9 under load lose at most the last batch, and no alert`,
  async (t) => {
    const publicCa = await testCa()
    const origin = await httpsOrigin(publicCa, ["*.load.example"])
    const receiver = await alertReceiver()
    const hosts = ["a", "b", "c", "d"].map((name) => `${name}.load.example`)
    const sensor = await startPinsensor({
      ...whose,
      workers: 2,
      hosts: Object.fromEntries(hosts.map((host) => [host, ["127.0.0.1"]])),
      "allow-destination": ["127.0.0.0/8"],
      "origin-ca": publicCa.file,
      syslog: [{ transport: "tcp", host: "127.0.0.1", port: receiver.port }],
    })
    const data = join(sensor.folder, "var")
    t.teardown(async () => {
      await sensor.remove()
      await receiver.leave()
      await Promise.all([origin.close(), publicCa.remove()])
    })
    const load = {
      proxy: sensor.proxy,
      hosts,
      port: origin.port,
      trusting: await readFile(sensor.ca, "utf8"),
      distrusting: await readFile(publicCa.file, "utf8"),
      from: ["127.0.0.31", "127.0.0.32", "127.0.0.33", "127.0.0.34", "127.0.0.35"],
      clients: 16,
    }
    const began = Date.now()
    const given: PinnedDevice[] = []

    for (let round = 1; round <= rounds; round++) {
      const running = startLoad(load)
      await sleep(between(500, 1_500))
      const pinned = pinnedDevice(`app${round}`, `10.9.0.${round}`, began, whose)
      given.push(pinned)
      asking(data, (store) => give(store, pinned))
      await sleep(between(0, 500))
      const before = asking(data, stored)
      await sleep(between(0, 200))
      const killedAt = Date.now()
      const inFlight = running.open()
      await sensor.kill()
      await running.stop()

      if (round % 4 === 0) {
        // Killed once more, while it starts.
        const starting = sensor.restart().catch(() => {})
        await sleep(between(0, 800))
        await sensor.kill()
        await starting
      }
      const check = asking(data, (store) => store.check())
      t.strictSame([check.ok, check.problems], [true, []], `round ${round}: the database is sound`)
      const after = asking(data, stored)
      t.ok(
        isWithin(before.attempts, after.attempts),
        `all ${before.attempts.size} attempts that were committed before are there`,
      )
      t.ok(isWithin(before.alerts, after.alerts), "so are the alerts, under their ids")
      const ended = running.visits.filter(
        ({ kind, endedAt }) => kind !== "failed" && endedAt < killedAt,
      )
      const gone = ended.filter(({ client }) => !after.clients.has(client))
      const oldest = gone.reduce((most, { endedAt }) => Math.max(most, killedAt - endedAt), 0)
      t.ok(ended.length > 20, `${ended.length} connections had ended (${kindsOf(ended)})`)
      t.ok(gone.length <= batch + inFlight, `${gone.length} of them are gone`)
      t.ok(oldest < lateMs, `the oldest of these had ended ${oldest} ms before`)

      await receiver.listen()
      await sensor.restart()
      const delivered = await holds(() => {
        const { alerts } = asking(data, stored)
        return alerts.size === round && isWithin(alerts, new Set(receiver.ids))
      }, 10_000)
      t.ok(delivered, "each alert exists once and is delivered")
      await receiver.leave()
      t.comment(
        `round ${round}: ${ended.length} ended, ${inFlight} in flight, ${gone.length} gone, ` +
          `oldest ${oldest} ms; alerts before the kill ${before.alerts.size}, after ${after.alerts.size}`,
      )
    }

    const { alerts } = asking(data, stored)
    t.strictSame(
      [...alerts].sort(),
      [...alertsWithoutKills(newDir(t), given)].sort(),
      "the alerts are those of a sensor that was never killed, under the same ids",
    )
    t.strictSame([...new Set(receiver.ids)].sort(), [...alerts].sort(), "no other was delivered")
    const depth = asking(data, (store) => store.outboxDepth())
    t.match(depth, [{ pending: 0, sent: rounds, dead: 0 }])
    t.match(JSON.parse(await sensor.verb("db", "check")), { ok: true, problems: [] })
    t.comment(`${receiver.ids.length} messages for ${alerts.size} alerts`)
  },
)

/** A connection of its own for each question: nobody but the sensor keeps the database open. */
function asking<Answer>(data: string, question: (store: Store) => Answer): Answer {
  const store = openStore(data)
  try {
    return question(store)
  } finally {
    store.close()
  }
}

function stored(store: Store) {
  const attempts = new Set<string>()
  const clients = new Set<string>()
  for (const { id, client_ip, client_port } of store.all("attempts")) {
    attempts.add(id)
    clients.add(`${client_ip}:${client_port}`)
  }
  return { attempts, clients, alerts: new Set([...store.all("alerts")].map(({ id }) => id)) }
}

function give(store: Store, pinned: PinnedDevice): void {
  store.transaction(() => {
    store.append("devices", pinned.devices)
    store.append("postures", pinned.postures)
    store.append("apps", pinned.apps)
    store.append("bindings", pinned.bindings)
    store.append("attempts", pinned.attempts)
    store.append("flows", pinned.flows)
  })
}

function alertsWithoutKills(data: string, given: readonly PinnedDevice[]): Set<string> {
  return asking(data, (store) => {
    for (const pinned of given) give(store, pinned)
    const config = loadConfig(null, { ...whose, data })
    const correlator = new Correlator({ store, config, clock: Date.now, log: () => {} })
    while (correlator.pass());
    return stored(store).alerts
  })
}

function kindsOf(visits: readonly Visit[]): string {
  const counts = Object.entries(Object.groupBy(visits, ({ kind }) => kind))
  return counts.map(([kind, some]) => `${some?.length} ${kind}`).join(", ")
}

function isWithin(some: ReadonlySet<string>, all: ReadonlySet<string>): boolean {
  return [...some].every((one) => all.has(one))
}
