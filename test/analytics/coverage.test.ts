import t from "tap"
import { type CoverageInput, type CoveredDevice, coverage } from "../../src/analytics/coverage.ts"
import { CoverageSettings } from "../../src/analytics/coverage-settings.ts"
import { CoverageAcceptance, type GapName } from "../../src/record/coverage-gap.ts"
import { at, dayStart, HOUR } from "../support/records.ts"

const now = dayStart + 12 * HOUR
const count = (connections: number, bytes = 0) => ({ connections, bytes })

function given(over: Partial<CoverageInput> = {}) {
  const input: CoverageInput = {
    counts: new Map([["all", count(100)]]),
    devices: [],
    sources: [],
    managed_apps: new Set(),
    declared_apps: new Set(),
    acceptances: [],
    settings: CoverageSettings.parse({}),
    now,
    ...over,
  }
  const gaps = coverage(input)
  return (name: GapName, part: string | null = null) =>
    gaps.find((gap) => gap.gap === name && gap.part === part)
}

const phones = (many: number, over: Partial<CoveredDevice> = {}): CoveredDevice[] =>
  Array.from({ length: many }, (_, index) => ({
    device_id: `phone-${index}`,
    platform: "ios",
    managed: true,
    traffic_ms: now - HOUR,
    event_ms: now - HOUR,
    listed_ms: now - HOUR,
    ...over,
  }))

t.test("a share over its threshold is open, one at it is not", (t) => {
  const counts = (unbound: number) =>
    new Map([
      ["all", count(100)],
      ["absent", count(unbound - 5)],
      ["ambiguous", count(3)],
      ["shared", count(2)],
    ])
  t.match(given({ counts: counts(21) })("unbound"), { count: 21, of: 100, share: 0.21, open: true })
  t.match(given({ counts: counts(20) })("unbound"), { share: 0.2, open: false })
  t.end()
})

t.test("a handful of connections or devices says nothing in shares", (t) => {
  const counts = new Map([
    ["all", count(19)],
    ["no-sni", count(19)],
  ])
  t.match(given({ counts })("no-sni"), { share: 1, open: false })
  t.match(given({ devices: phones(19, { managed: null }) })("unmanaged"), { open: false })
  t.match(given({ devices: phones(20, { managed: null }) })("unmanaged"), { open: true })
  t.end()
})

t.test("what was not inspected is told by cause, in bytes of all", (t) => {
  const counts = new Map([
    ["all", count(100)],
    ["inspected", count(60, 1_000)],
    ["opaque:platform", count(30, 500)],
    ["opaque:direct", count(10, 2_500)],
  ])
  const gap = given({ counts })
  t.match(gap("not-inspected", "direct"), { count: 2_500, of: 4_000, share: 0.625, open: true })
  t.match(gap("not-inspected", "platform"), { share: 0.125, open: false })
  t.end()
})

const rows: {
  name: string
  gap: GapName
  part?: string
  devices: CoveredDevice[]
  count: number
}[] = [
  {
    name: "not known to be managed",
    gap: "unmanaged",
    devices: phones(30, { managed: null }),
    count: 30,
  },
  {
    name: "managed, never seen",
    gap: "unseen",
    devices: phones(30, { traffic_ms: null }),
    count: 30,
  },
  {
    name: "managed, seen a month ago",
    gap: "unseen",
    devices: phones(30, { traffic_ms: now - 720 * HOUR }),
    count: 30,
  },
  {
    name: "unmanaged and never seen",
    gap: "unseen",
    devices: phones(30, { traffic_ms: null, managed: false }),
    count: 0,
  },
  {
    name: "listed four days ago",
    gap: "stale-posture",
    devices: phones(30, { listed_ms: now - 96 * HOUR }),
    count: 30,
  },
  { name: "of no MDM", gap: "stale-posture", devices: phones(30, { listed_ms: null }), count: 0 },
  {
    name: "no agent",
    gap: "no-telemetry",
    part: "ios",
    devices: phones(30, { event_ms: null }),
    count: 30,
  },
  { name: "an agent", gap: "no-telemetry", part: "ios", devices: phones(30), count: 0 },
]

t.test("devices are counted by what is not known of them", (t) => {
  for (const { name, gap, part = null, devices, count } of rows) {
    const found = given({ devices })(gap, part)
    t.equal(found?.count, count, name)
    t.equal(found?.examples.length, Math.min(10, count), `${name}: at most ten examples`)
  }
  t.end()
})

t.test("a source that fell silent is open, however few there are", (t) => {
  const sources = [
    { name: "mdm/main", last_ok_ms: now - 25 * HOUR },
    { name: "leases/kea", last_ok_ms: null },
    { name: "webhook", last_ok_ms: now - HOUR },
  ]
  const gap = given({ sources })
  t.match(gap("stale-source", "mdm/main"), { open: true })
  t.match(gap("stale-source", "leases/kea"), { open: true })
  t.equal(gap("stale-source", "webhook"), undefined)
  t.end()
})

t.test("managed apps that nobody declared are named", (t) => {
  const apps = Array.from({ length: 30 }, (_, index) => `ios app-${index}`)
  const gap = given({ managed_apps: new Set(apps), declared_apps: new Set(apps.slice(0, 6)) })
  t.match(gap("undeclared-app"), { count: 24, of: 30, open: true })
  t.equal(gap("undeclared-app")?.examples[0], "ios app-10")
  t.end()
})

let said = 0
const accepted = (over: Partial<CoverageAcceptance> = {}) =>
  CoverageAcceptance.parse({
    tenant: "t1",
    site: "hq",
    sensor_id: "s1",
    v: 1,
    id: `c${++said}`,
    observed_at: at(0),
    gap: "no-telemetry",
    owner: "ops",
    reason: "no agent for iOS",
    control: "network sensors",
    review_at: at(24 * HOUR),
    who: "anna@host",
    ...over,
  })

const acceptances: { name: string; said: CoverageAcceptance[]; open: boolean }[] = [
  { name: "of all parts", said: [accepted()], open: false },
  { name: "of this part", said: [accepted({ part: "ios" })], open: false },
  { name: "of another part", said: [accepted({ part: "android" })], open: true },
  { name: "of another gap", said: [accepted({ gap: "unseen" })], open: true },
  { name: "past its review", said: [accepted({ review_at: at(HOUR) })], open: true },
  {
    name: "withdrawn since",
    said: [accepted({ withdrawn: true, observed_at: at(HOUR) }), accepted()],
    open: true,
  },
  {
    name: "said again after it was withdrawn",
    said: [
      accepted({ observed_at: at(2 * HOUR) }),
      accepted({ withdrawn: true, observed_at: at(HOUR) }),
      accepted(),
    ],
    open: false,
  },
  {
    name: "the part withdrawn, and the whole accepted",
    said: [accepted(), accepted({ part: "ios", withdrawn: true, observed_at: at(HOUR) })],
    open: false,
  },
]

t.test("a gap that is accepted is not open, and the last word of a scope counts", (t) => {
  const devices = phones(30, { event_ms: null })
  for (const { name, said, open } of acceptances)
    for (const order of [said, said.toReversed()])
      t.equal(given({ devices, acceptances: order })("no-telemetry", "ios")?.open, open, name)
  t.end()
})
