/** What people say, and what the budget holds back, over a real store and correlators as restarts make them. */
import t from "tap"
import { finding as verb } from "../../../src/cli/finding.ts"
import type { ConfigInput } from "../../../src/config.ts"
import type { Store } from "../../../src/evidence/store.ts"
import { type PinnedDevice, pinnedDevice } from "../../support/pinned-device.ts"
import { dayStart } from "../../support/records.ts"
import { ControlledWorld, hour, minute, whose } from "./controlled-world.ts"

interface Test {
  teardown(work: () => void): void
  capture(on: NodeJS.WriteStream, name: "write", act: () => boolean): { restore(): void }
}

function give(store: Store, given: Partial<PinnedDevice>) {
  store.append("devices", given.devices ?? [])
  store.append("postures", given.postures ?? [])
  store.append("apps", given.apps ?? [])
  store.append("bindings", given.bindings ?? [])
  store.append("attempts", given.attempts ?? [])
  store.append("flows", given.flows ?? [])
}

/** The phone of a name, with the signer that its MDM tells. */
function pinned(world: ControlledWorld, name: string, octet: number, signer: string | null = null) {
  const all = pinnedDevice(name, `10.9.0.${octet}`, world.now - minute, whose)
  return { ...all, postures: all.postures.map((one) => signedBy(one, signer)) }
}

function signedBy(posture: PinnedDevice["postures"][number], signer: string | null) {
  return {
    ...posture,
    apps: (posture.apps ?? []).map((app) => ({ ...app, signer_sha256: signer })),
  }
}

async function say(t: Test, world: ControlledWorld, ...args: string[]): Promise<void> {
  const quiet = [process.stdout, process.stderr].map((one) => t.capture(one, "write", () => true))
  try {
    await verb([...args, "--data", world.dir])
  } finally {
    for (const one of quiet) one.restore()
  }
}

const because = ["--owner", "soc", "--reason", "it pins by design"]
const news = (store: Store) => [...store.all("alerts")].map((alert) => alert.news)
const opened = (world: ControlledWorld) => new ControlledFindings(world)

/** The findings that are told of, by app. */
class ControlledFindings {
  readonly #world: ControlledWorld

  constructor(world: ControlledWorld) {
    this.#world = world
  }

  of(name: string) {
    const found = [...this.#world.store.all("findings")].find(
      ({ key, confidence }) => key.app_id === `com.example.${name}` && confidence !== "record",
    )
    if (!found) throw new Error(`nothing was found of ${name}`)
    return found
  }
}

t.test(
  "marked expected, its incident closes; another signer opens it again, with the reason",
  async (t) => {
    const world = new ControlledWorld(t)
    const { store } = world
    give(store, pinned(world, "bank", 1, "ab".repeat(32)))
    const correlator = world.correlator()
    world.settle(correlator)
    t.strictSame(news(store), ["opened"])
    const { id, verdict, confidence } = opened(world).of("bank")

    await say(t, world, "mark", "expected", id, ...because, "--expires", "90d")
    world.settle(correlator)
    t.strictSame(news(store), ["opened", "closed"])
    t.match([...store.all("alerts")].at(-1), {
      summary: /closed because .* marked it expected/,
      label: { label: "expected", standing: "in-force" },
    })
    const marked = opened(world).of("bank")
    t.match(marked, { verdict, confidence, state: "open", label: { standing: "in-force" } })
    t.equal([...store.all("incidents")][0]?.state, "closed")

    // A restart, and evidence of the same: silence.
    const next = world.correlator()
    world.settle(next)
    t.strictSame(news(store), ["opened", "closed"])

    const [was] = store.posturesOf("phone-bank")
    if (!was) throw new Error("no posture")
    const observed_at = new Date(world.now).toISOString()
    store.append("postures", [signedBy({ ...was, id: "repackaged", observed_at }, "cd".repeat(32))])
    world.now += minute
    world.attempt("10.9.0.1", "api.bank.example", "refused-alert", {
      connect_user_agent: "bank/1.0",
    })
    world.settle(next)
    t.strictSame(news(store), ["opened", "closed", "opened"], "at once, though it was told today")
    t.match(
      [...store.all("alerts")].at(-1)?.summary,
      /Marked expected .*Since then: another signer, cdcd/,
    )
    t.equal(store.outboxDepth()[0]?.pending, 3)
    world.settle(next)
    t.equal(news(store).length, 3, "and once")
  },
)

t.test("a label that is taken back opens what it closed", async (t) => {
  const world = new ControlledWorld(t)
  give(world.store, pinned(world, "bank", 1))
  const correlator = world.correlator()
  world.settle(correlator)
  const { id } = opened(world).of("bank")
  await say(t, world, "mark", "wrong", id, ...because, "--expires", "90d")
  world.settle(correlator)
  await say(t, world, "unmark", id, "--reason", "it was right")
  world.settle(correlator)
  t.strictSame(news(world.store), ["opened", "closed", "opened"])
  t.equal(opened(world).of("bank").label, null)
})

t.test("of two phones one is marked: the incident goes on with the other", async (t) => {
  const world = new ControlledWorld(t)
  const { store } = world
  give(store, pinned(world, "bank", 1))
  const other = pinnedDevice("bank", "10.9.0.2", world.now - minute, whose)
  const own = <One extends { id: string }>(records: readonly One[]) =>
    records.map((one) => ({
      ...one,
      id: `${one.id}-b`,
      ...("device_id" in one ? { device_id: "phone-b" } : {}),
    }))
  give(store, {
    devices: own(other.devices),
    postures: own(other.postures),
    bindings: own(other.bindings),
    attempts: own(other.attempts),
    flows: own(other.flows),
  })
  const correlator = world.correlator()
  world.settle(correlator)
  const [before] = [...store.all("incidents")].filter(({ device_count }) => device_count === 2)
  t.ok(before)
  await say(
    t,
    world,
    "mark",
    "expected",
    opened(world).of("bank").id,
    ...because,
    "--expires",
    "90d",
  )
  world.settle(correlator)
  const after = store.get("incidents", before?.id ?? "")
  t.match(after, { state: "open", device_count: 1, confidence: before?.confidence })
  t.equal(after?.finding_ids.length, 2, "both are listed")
  t.notOk(news(store).includes("closed"))
})

t.test(
  "beyond the day's budget alerts wait, a digest tells of them, and the next day they go out",
  async (t) => {
    const budget: Partial<ConfigInput> = { alerts: { budget: 2 } }
    const world = new ControlledWorld(t, budget)
    const { store } = world
    const names = ["alpha", "bravo", "carol", "delta"]
    for (const [n, name] of names.entries()) give(store, pinned(world, name, n + 1))
    const correlator = world.correlator()
    world.settle(correlator)
    const by = (state: string) => [...store.all("alerts")].filter((one) => one.state === state)
    t.strictSame([by("sent").length, by("held").length], [2, 2])
    t.strictSame(store.outboxDepth(), [{ sink: "log", pending: 2, sent: 0, dead: 0 }])
    t.match(
      world.events.filter(({ event }) => event === "alert-budget-spent"),
      [{ tenant: "acme", day: "2026-11-21", budget: 2 }],
    )

    // Counted once and told once, over restarts.
    world.settle(world.correlator(), hour)
    const [digest, ...more] = [...store.all("alerts")].filter((one) => one.news === "digest")
    t.strictSame(more, [])
    t.match(digest, {
      tenant: "acme",
      analytic: "alert-budget",
      state: "sent",
      digest: { held: 2, sent: 2 },
    })
    t.strictSame(
      digest?.digest?.alert_ids.toSorted(),
      by("held")
        .filter(({ analytic }) => analytic !== "coverage")
        .map(({ id }) => id)
        .toSorted(),
    )
    const due = store.dueOutbox("log", world.now, 10).map(({ alert }) => alert.id)
    t.equal(due.at(-1), digest?.id, "it is in the outbox, and what is held is not")
    t.equal(due.length, 3)
    t.match(
      world.events.filter(({ event }) => event === "alerts-held"),
      [{ held: 2, sent: 2 }],
    )

    const nextDay = world.correlator()
    world.settle(nextDay, dayStart + 24 * hour + minute - world.now)
    const apps = by("sent").flatMap(({ app_id }) => app_id ?? [])
    t.ok(apps.length >= 3, `${apps.length} of ${names.length} went out`)
    t.equal(new Set(apps).size, apps.length, "none twice")
  },
)
