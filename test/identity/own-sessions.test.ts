import fc from "fast-check"
import t from "tap"
import { AppIndex } from "../../src/identity/apps.ts"
import { BindingIndex } from "../../src/identity/bindings.ts"
import { DeviceIndex } from "../../src/identity/devices.ts"
import { joinDevice } from "../../src/identity/join.ts"
import { type OwnSessionSettings, OwnSessions } from "../../src/identity/own-sessions.ts"
import { IdentitySettings, joinDefaults, joinSettings } from "../../src/identity/settings.ts"
import type { Attempt } from "../../src/record/attempt.ts"
import type { Flow } from "../../src/record/flow.ts"
import { attempt, flow } from "./given.ts"

const bank = { destination_ip: "203.0.113.10", sni: "api.bank.example" }
const accepted = (id: string, time: string, more: Partial<Attempt> = {}): Attempt => ({
  ...attempt(id, time, { ...bank, client_port: 40_000 }),
  outcome: "accepted",
  strength: null,
  ...more,
})
const seen = (id: string, time: string, more: Partial<Flow> = {}): Flow =>
  flow(id, time, { ...bank, client_port: 40_000, ...more })

const settings = (more: Partial<OwnSessionSettings> = {}) => ({ ...joinDefaults, ...more })

function standing(
  one: Flow,
  attempts: Attempt[],
  more: Partial<OwnSessionSettings> = {},
  flows: Flow[] = [],
) {
  return new OwnSessions({ attempts, flows: [one, ...flows] }, settings(more)).standing(one)
}

t.test("a flow is direct unless it is a session of ours", async (t) => {
  const ours = accepted("ours", "10:00")
  const refused = { ...ours, outcome: "refused-close" as const, strength: "strong" as const }
  const noName = { ...ours, sni: null }
  const none = { portTranslation: "none" as const }
  const rows: [
    name: string,
    flow: Flow,
    attempts: Attempt[],
    is: string,
    more?: Partial<OwnSessionSettings>,
  ][] = [
    ["nothing of ours", seen("f", "10:00"), [], "direct"],
    ["the inspected connection, seen on the LAN", seen("f", "10:00:00.3"), [ours], "own"],
    ["it was refused", seen("f", "10:00", { verdict: "failed" }), [refused], "own"],
    ["the clocks differ", seen("f", "9:59:55"), [ours], "own"],
    ["by more than the skew: no port comes back so soon", seen("f", "9:59:01"), [ours], "unproven"],
    ["much later", seen("f", "10:01:01"), [ours], "direct"],
    [
      "in the tunnel to a proxy of which the address is not known",
      seen("f", "10:00", { destination_ip: "10.0.0.1", destination_port: 8080 }),
      [ours],
      "own",
    ],
    [
      "the name is the same, the address was resolved anew",
      seen("f", "10:00", { destination_ip: "203.0.113.99" }),
      [ours],
      "own",
    ],
    [
      "the same client port to another place",
      seen("f", "10:00", { destination_ip: "203.0.113.99", sni: "other.example" }),
      [ours],
      "direct",
    ],
    [
      "the same port, and no name to tell",
      seen("f", "10:00", { destination_ip: "203.0.113.99", sni: null }),
      [ours],
      "unproven",
    ],
    [
      "mapped addresses are the same",
      seen("f", "10:00", { client_ip: "::ffff:10.0.0.5" }),
      [ours],
      "own",
    ],
    ["QUIC, which we do not inspect", seen("f", "10:00", { network: "quic" }), [ours], "direct"],
    ["another client", seen("f", "10:00", { client_ip: "10.0.0.6" }), [ours], "direct"],
    [
      "under another port, at the same time",
      seen("f", "10:00", { client_port: 1 }),
      [ours],
      "unproven",
    ],
    ["the same where ports stay", seen("f", "10:00", { client_port: 1 }), [ours], "direct", none],
    [
      "another name at the address",
      seen("f", "10:00", { client_port: 1, sni: "other.example" }),
      [ours],
      "direct",
    ],
    [
      "no name at the address",
      seen("f", "10:00", { client_port: 1, sni: null }),
      [ours],
      "unproven",
    ],
    ["ours had no name", seen("f", "10:00", { client_port: 1 }), [noName], "unproven"],
    [
      "another site's client",
      seen("f", "10:00", { client_port: 1, site: "lab" }),
      [ours],
      "direct",
    ],
    ["used, where ours was refused", seen("f", "10:00", { client_port: 1 }), [refused], "direct"],
    [
      "failed, where ours was refused",
      seen("f", "10:00", { client_port: 1, verdict: "failed" }),
      [refused],
      "unproven",
    ],
    [
      "blocked, while ours was open",
      seen("f", "10:00", { client_port: 1, verdict: "direct-attempted" }),
      [ours],
      "direct",
    ],
    ["after ours had ended", seen("f", "10:02", { client_port: 1 }), [ours], "direct"],
    [
      "our leg to the origin",
      seen("f", "10:00", { client_ip: "192.0.2.2" }),
      [],
      "own",
      { sensorAddresses: ["192.0.2.0/29"] },
    ],
    [
      "a connection to the explicit proxy",
      seen("f", "10:00", { destination_ip: "10.0.0.1", destination_port: 8080 }),
      [],
      "own",
      { listeners: ["10.0.0.1:8080"] },
    ],
    [
      "another port of the same machine",
      seen("f", "10:00", { destination_ip: "10.0.0.1" }),
      [],
      "direct",
      { listeners: ["10.0.0.1:8080", "[::]:8080"] },
    ],
    [
      "where devices reach the proxy",
      seen("f", "10:00", { destination_ip: "2001:db8::8" }),
      [],
      "own",
      { proxyAddresses: ["proxy.example", "2001:db8:0::8"] },
    ],
  ]
  for (const [name, one, attempts, is, more] of rows)
    t.equal(standing(one, attempts, more).is, is, name)
})

t.test("a spliced session that a tap saw is ours, too", async (t) => {
  const spliced = { ...seen("splice", "10:00"), source: "sensor" as const }
  t.match(standing(seen("f", "10:00"), [], {}, [spliced]), {
    is: "own",
    because: "the same connection as flow splice",
  })
  const unused = { ...spliced, verdict: "failed" as const }
  t.equal(standing(seen("f", "10:00", { client_port: 1 }), [], {}, [spliced]).is, "unproven")
  t.equal(standing(seen("f", "10:00", { client_port: 1 }), [], {}, [unused]).is, "direct")
})

t.test("a session that two taps saw is one", async (t) => {
  const two = [
    seen("a", "10:00", { source: "suricata" }),
    seen("b", "10:00:01"),
    seen("c", "10:00", { verdict: "undecided" }),
    seen("d", "10:00:30", { source: "suricata" }),
    seen("e", "10:00", { network: "quic" }),
  ]
  const told = new OwnSessions({ attempts: [], flows: two }, settings()).telling(two)
  t.same(
    told.map(({ id }) => id),
    ["b", "d", "e"],
  )
})

t.test("what is not proved to be direct is told, and is no control", async (t) => {
  const flows = [seen("f", "10:00", { client_port: 1 }), seen("g", "11:00", { client_port: 2 })]
  const own = new OwnSessions({ attempts: [accepted("ours", "10:00")], flows }, settings())
  t.same(
    own.telling(flows).map(({ id, control }) => [id, control]),
    [
      ["f", false],
      ["g", true],
    ],
  )
})

t.test("whatever order records come in, the join says the same", (t) => {
  const minute = (index: number) => `10:0${index % 10}`
  const attempts = [0, 2, 4, 6].map((index) =>
    accepted(`a${index}`, minute(index), { client_port: 40_000 + index }),
  )
  const flows = [0, 1, 2, 3, 4, 5].flatMap((index) => [
    seen(`z${index}`, minute(index), { client_port: 40_000 + index }),
    seen(`s${index}`, minute(index), { client_port: 40_000 + index, source: "suricata" }),
    seen(`n${index}`, minute(index), { client_port: 50_000 + index }),
  ])
  const known = {
    device_id: "address:10.0.0.5",
    app_events: [],
    bindings: new BindingIndex([], { tenant: "acme" }),
    devices: new DeviceIndex([], [], { tenant: "acme" }),
    apps: new AppIndex([], { tenant: "acme" }),
    settings: joinSettings(IdentitySettings.parse({})),
  }
  const joined = (a: Attempt[], f: Flow[]) =>
    joinDevice({ ...known, attempts: a, flows: f }).flows.map(({ fact }) => [fact.id, fact.control])
  const expected = joined(attempts, flows)
  t.same(expected, [
    ["n0", false],
    ["n1", true],
    ["z1", true],
    ["n2", false],
    ["n3", true],
    ["z3", true],
    ["n4", false],
    ["n5", true],
    ["z5", true],
  ])
  const whole = { minLength: attempts.length, maxLength: attempts.length }
  fc.assert(
    fc.property(
      fc.shuffledSubarray(attempts, whole),
      fc.shuffledSubarray(flows, { minLength: flows.length, maxLength: flows.length }),
      (a, f) => {
        t.strictSame(joined(a, f), expected)
      },
    ),
    { numRuns: 20 },
  )
  t.end()
})

t.test("an address of a sensor that is none is refused", async (t) => {
  t.throws(() => IdentitySettings.parse({ "sensor-addresses": ["proxy.example"] }), /address/)
})

t.test("no session of ours passes for direct, wherever a tap sees it", async () => {
  const client = "10.7.0.5"
  const outcomes = [
    "refused-alert",
    "refused-after-handshake",
    "idle",
    "accepted",
    "trial",
  ] as const
  const session = fc.record({
    start: fc.integer({ min: 0, max: 59 }),
    host: fc.constantFrom("a.example", "b.example", null),
    address: fc.constantFrom("203.0.113.10", "203.0.113.11"),
    explicit: fc.boolean(),
    outcome: fc.constantFrom(...outcomes),
    length: fc.integer({ min: 1, max: 600_000 }),
    skewMs: fc.integer({ min: -5_000, max: 5_000 }),
    /** On the side of the clients; our leg under our address; under the client's (TPROXY). */
    tap: fc.constantFrom("lan", "uplink", "as-client"),
    natPort: fc.option(fc.integer({ min: 50_000, max: 50_002 })),
    named: fc.boolean(),
    used: fc.boolean(),
  })
  const shifted = (time: string, by: number) => new Date(Date.parse(time) + by).toISOString()
  fc.assert(
    fc.property(fc.array(session, { minLength: 1, maxLength: 6 }), (all) => {
      const attempts: Attempt[] = []
      const flows: Flow[] = []
      const taps: Flow[] = []
      for (const [i, each] of all.entries()) {
        const { outcome, explicit, host, address, length } = each
        const ends = {
          client_ip: client,
          client_port: 40_000 + i,
          destination_ip: address,
          sni: host,
          connect_host: explicit ? (host ?? address) : null,
        }
        const time = `10:${each.start}`
        if (outcome === "trial")
          flows.push(flow(`o${i}`, time, { ...ends, source: "sensor", duration_ms: length }))
        else {
          const one = attempt(`o${i}`, time, ends)
          const closed = { ms: length, bytes_in: 0, bytes_out: 0 }
          attempts.push({ ...one, outcome, phases: { ...one.phases, closed } })
        }
        const passes = each.used && (outcome === "accepted" || outcome === "trial")
        const tapped = flow(`t${i}`, time, {
          ...ends,
          connect_host: null,
          sni: each.named ? host : null,
          source: "zeek",
          verdict: passes ? "used" : "undecided",
          client_port: each.natPort ?? ends.client_port,
        })
        const toProxy = { destination_ip: "10.0.0.1", destination_port: 8080 }
        const seenAs = {
          lan: explicit ? { ...toProxy, client_port: ends.client_port } : {},
          uplink: { client_ip: "192.0.2.2", client_port: 60_000 + i },
          "as-client": {},
        }[each.tap]
        taps.push({
          ...tapped,
          ...seenAs,
          observed_at: shifted(tapped.observed_at, each.skewMs),
        })
      }
      const own = new OwnSessions(
        { attempts, flows: [...taps, ...flows] },
        settings({ sensorAddresses: ["192.0.2.2"] }),
      )
      return taps.every((tap) => own.standing(tap).is !== "direct")
    }),
  )
})
