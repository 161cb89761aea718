import t from "tap"
import { type Declaring, declaredBypasses } from "../../../src/policy/register/declared-bypasses.ts"
import { Rules } from "../../../src/policy/settings.ts"
import type { ListStanding } from "../../../src/policy/shipped-lists.ts"
import { RegisterEntry } from "../../../src/record/register-entry.ts"

const now = Date.UTC(2026, 10, 21, 10)
const given: Declaring = {
  rules: [],
  lists: [],
  settings: {},
  whose: { tenant: "acme", site: "hq", sensor_id: "sensor-1" },
  owner: "config /etc/pinsensor.yaml",
  now,
}
const rules = Rules.parse([
  {
    name: "push",
    when: { sni: ["*.push.example"], port: [443, 5223] },
    do: "splice",
    cause: "platform",
    owner: "mobile team",
    reason: "the vendor says so",
    review: "2027-01-01T00:00:00Z",
  },
  { name: "guests", when: { client: ["10.9.0.0/16"] }, do: "splice" },
  { name: "all", do: "splice" },
  {
    name: "odd",
    when: { sni: ["a.example", "b.example"] },
    do: "inspect",
    origin: { "on-untrusted": "splice" },
  },
  { name: "strict", do: "inspect", origin: { "on-untrusted": "refuse" } },
  { name: "closed", do: "block" },
])

t.test(
  "each rule that opens something is one entry, what inspects or blocks is none",
  async (t) => {
    const entries = declaredBypasses({ ...given, rules })
    t.match(entries, [
      {
        id: "rule:push",
        kind: "platform",
        source: "rule",
        standing: "in-force",
        scope: { sni: "*.push.example", client_network: null },
        declared: '{"sni":["*.push.example"],"port":[443,5223]}',
        owner: "mobile team",
        reason: "the vendor says so",
        review_at: "2027-01-01T00:00:00.000Z",
        expires_at: null,
      },
      {
        id: "rule:guests",
        kind: "operator",
        scope: { client_network: "10.9.0.0/16" },
        owner: "config /etc/pinsensor.yaml",
        reason: "not inspected: where client is in 10.9.0.0/16",
        review_at: null,
      },
      { id: "rule:all", declared: "{}", reason: "not inspected: everything" },
      {
        id: "rule:odd",
        scope: { sni: null },
        reason: "passed on unread if its origin is no good: where host is a.example, b.example",
      },
    ])
    t.equal(entries.length, 4)
    for (const entry of entries) t.strictSame(RegisterEntry.parse(entry), entry)
  },
)

t.test("a list is one entry with its hosts by their source", async (t) => {
  const host = (pattern: string, source: string) => ({
    list: "captive-portal",
    pattern,
    cause: "platform" as const,
    source,
    read: "2026-11-01",
    purpose: null,
  })
  const standing = { about: "Hosts that devices ask.", shipped: 2, own: 1, inspected: 0 }
  const nobody = { owner: null, reason: null, review: null }
  const lists: ListStanding[] = [
    {
      ...standing,
      ...nobody,
      name: "captive-portal",
      cause: "platform",
      do: "auto",
      hosts: [
        host("captive.example", "vendor"),
        host("portal.example", "vendor"),
        host("own.example", "configuration"),
      ],
    },
    {
      ...standing,
      ...nobody,
      name: "health",
      cause: "private",
      do: "splice",
      hosts: [],
      owner: "ann",
    },
  ]
  const [portal, health, ...others] = declaredBypasses({ ...given, lists })
  t.match(portal, {
    id: "list:captive-portal",
    source: "list",
    kind: "platform",
    reason: "not inspected: Hosts that devices ask.",
  })
  t.strictSame(JSON.parse(portal?.declared ?? ""), [
    { source: "vendor", read: "2026-11-01", hosts: ["captive.example", "portal.example"] },
    { source: "configuration", read: "2026-11-01", hosts: ["own.example"] },
  ])
  t.match(health, { id: "list:health", kind: "private", owner: "ann" })
  t.strictSame(others, [])
})

t.test("a setting that splices is one entry", async (t) => {
  const reason = "everything, while the CA's time is over"
  const settings = { "ca.on-expired": { kind: "operator" as const, reason } }
  t.match(declaredBypasses({ ...given, settings }), [
    { id: "setting:ca.on-expired", source: "setting", kind: "operator", declared: null },
  ])
})
