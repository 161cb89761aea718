import t from "tap"
import { decide, nameDisagrees } from "../../src/policy/decide.ts"
import { preparePolicy } from "../../src/policy/prepare.ts"
import type { ListedHost } from "../../src/policy/settings.ts"
import { TrialUse } from "../../src/policy/trial/trial-use.ts"
import { control, entry, facts, hour, iso, minute, noon, rules, second, trial } from "./given.ts"
import { memoryLedger } from "./trial/memory-ledger.ts"

const under = (list: unknown[], entries: ReturnType<typeof entry>[] = [], settings = {}) =>
  preparePolicy({ rules: rules(list), control: { ...control, ...settings } }, entries)

t.test("fails closed: what nothing decides is inspected", async (t) => {
  t.same(decide(facts(), under([]), noon), {
    do: "inspect",
    rule: "default",
    splice_cause: null,
    register_entry: null,
    by_name: false,
    needs_resolution: false,
    splice_until: null,
  })
})

t.test("the first rule that matches decides, then the register, then inspect", async (t) => {
  const api = { sni: ["api.example.org"] }
  const rows: [name: string, list: unknown[], rule: string][] = [
    [
      "order",
      [
        { name: "a", when: api, do: "block" },
        { name: "b", when: api, do: "splice" },
      ],
      "a",
    ],
    [
      "a rule without a name before one with",
      [
        { name: "a", when: { port: [443] }, do: "inspect" },
        { name: "b", when: api, do: "splice" },
      ],
      "a",
    ],
    [
      "a rule with a name before one without",
      [
        { name: "a", when: api, do: "splice" },
        { name: "b", when: { port: [443] }, do: "inspect" },
      ],
      "a",
    ],
    [
      "a wildcard before an exact name",
      [
        { name: "a", when: { sni: ["*.example.org"] }, do: "block" },
        { name: "b", when: api, do: "splice" },
      ],
      "a",
    ],
    ["one that does not match", [{ name: "a", when: { port: [1] }, do: "block" }], "entry-1"],
    ["a rule for all", [{ name: "a", do: "inspect" }], "a"],
  ]
  for (const [name, list, rule] of rows)
    t.equal(decide(facts(), under(list, [entry()]), noon).rule, rule, name)
})

t.test("a splice says its cause and whether a name decided it", async (t) => {
  const rows: [name: string, rule: object, given: object, expected: object][] = [
    [
      "by name",
      { when: { sni: ["api.example.org"] } },
      {},
      { splice_cause: "operator", by_name: true, needs_resolution: true },
    ],
    [
      "by client",
      { when: { client: ["10.0.0.0/8"] }, cause: "private" },
      {},
      { splice_cause: "private", by_name: false, needs_resolution: false },
    ],
    [
      "by an address",
      { when: { sni: ["192.0.2.1"] } },
      { sni: null, connect_host: "192.0.2.1" },
      { by_name: true, needs_resolution: false },
    ],
  ]
  for (const [name, rule, given, expected] of rows)
    t.match(
      decide(facts(given), under([{ name: "r", do: "splice", ...rule }]), noon),
      { do: "splice", rule: "r", ...expected },
      name,
    )
})

t.test("a splice by name of one host while CONNECT asks for another is inspected", async (t) => {
  const policy = under([{ name: "push", when: { sni: ["push.apple.com"] }, do: "splice" }])
  const said = (given: object) => decide(facts({ sni: "push.apple.com", ...given }), policy, noon)
  t.same(said({ connect_host: "c2.evil.example" }), nameDisagrees)
  t.equal(said({ connect_host: "PUSH.apple.com." }).do, "splice")
  t.equal(said({ connect_host: "203.0.113.66" }).needs_resolution, true, "an address is for agree")
  t.equal(said({ connect_host: null }).needs_resolution, true)
  t.equal(said({ sni: "c2.evil.example", connect_host: "push.apple.com" }).rule, "default")
})

t.test("a blocked CONNECT host is blocked under any SNI", async (t) => {
  const policy = under([
    { name: "no", when: { sni: ["bad.example"] }, do: "block" },
    { name: "yes", when: { sni: ["good.example"] }, do: "splice" },
  ])
  t.equal(
    decide(facts({ sni: "good.example", connect_host: "bad.example" }), policy, noon).do,
    "block",
  )
  t.equal(
    decide(facts({ sni: "bad.example", connect_host: "good.example" }), policy, noon).do,
    "block",
  )
})

t.test("every given part of an entry's scope must match", async (t) => {
  const scope = {
    device_id: "phone-1",
    device_group: "field",
    client_network: "10.0.0.0/8",
    stack: "t13-okhttp",
    sni: "*.example.org",
    destination_network: "203.0.113.0/24",
  }
  const policy = under([], [entry({ kind: "platform", scope })])
  const matching = { destination_ip: "203.0.113.7" }
  t.match(decide(facts(matching), policy, noon), {
    do: "splice",
    rule: "entry-1",
    register_entry: "entry-1",
    splice_cause: "platform",
    by_name: true,
    splice_until: null,
  })
  const others: [part: string, given: object][] = [
    ["device", { device_id: "phone-2" }],
    ["no device", { device_id: null }],
    ["group", { device_groups: [] }],
    ["client", { client_ip: "192.168.0.1" }],
    ["stack", { stack: "other" }],
    ["name", { sni: "example.org", connect_host: "example.org" }],
    ["destination", { destination_ip: "203.0.114.7" }],
    ["no destination", { destination_ip: null }],
  ]
  for (const [part, given] of others)
    t.equal(decide(facts({ ...matching, ...given }), policy, noon).do, "inspect", part)
})

t.test("an entry ends at its end, and so do the splices that it opened before", async (t) => {
  const kinds = ["operator", "platform", "private", "learned"] as const
  for (const kind of kinds) {
    const policy = under([], [entry({ kind, expires_at: iso(noon + hour) })])
    t.match(decide(facts(), policy, noon + hour - 1), { do: "splice", splice_until: noon + hour })
    t.equal(decide(facts(), policy, noon + hour).do, "inspect", kind)
  }
})

t.test("a trial splices its own device, stack and SNI, while its time and caps last", async (t) => {
  const splicing = { state: "splicing", first_splice_at: iso(noon) } as const
  const rows: [
    name: string,
    entry: ReturnType<typeof entry>,
    given: object,
    at: number,
    does: string,
  ][] = [
    ["armed", trial(), {}, noon, "splice"],
    ["armed too long", trial(), {}, noon + 24 * hour, "inspect"],
    ["another device", trial(), { device_id: "phone-2" }, noon, "inspect"],
    ["an unbound device", trial(), { device_id: null }, noon, "inspect"],
    ["its device at another address", trial(), { client_ip: "10.1.2.4" }, noon, "splice"],
    ["another stack", trial(), { stack: "other" }, noon, "inspect"],
    ["another name", trial(), { sni: "b.example.org", connect_host: null }, noon, "inspect"],
    ["no SNI", trial(), { sni: null }, noon, "inspect"],
    ["an unreadable hello", trial(), { hello_readable: false }, noon, "inspect"],
    ["splicing", trial(splicing), {}, noon + 2 * minute - 1, "splice"],
    ["time over though the register is late", trial(splicing), {}, noon + 2 * minute, "inspect"],
    ["connections used up", trial({ ...splicing, connections: 20 }), {}, noon, "inspect"],
    ["bytes used up", trial({ ...splicing, bytes: 52_428_800 }), {}, noon, "inspect"],
    ["re-inspecting", trial({ state: "re-inspecting" }), {}, noon, "inspect"],
    ["cooling", trial({ state: "cooling" }), {}, noon, "inspect"],
  ]
  for (const [name, one, given, at, does] of rows)
    t.equal(decide(facts(given), under([], [one]), at).do, does, name)
})

t.test("a trial's splice is cut at the end of its minutes or of its entry", async (t) => {
  const at = (one: ReturnType<typeof entry>, now: number) => decide(facts(), under([], [one]), now)
  t.match(at(trial(), noon + hour), {
    splice_cause: "trial",
    splice_until: noon + hour + 2 * minute,
  })
  const splicing = trial({ state: "splicing", first_splice_at: iso(noon) })
  t.equal(at(splicing, noon + minute).splice_until, noon + 2 * minute)
  t.equal(at(trial(), noon + 24 * hour - minute).splice_until, noon + 24 * hour)
})

t.test("what this worker knows of a trial's use ends it before the register says so", async (t) => {
  const use = new TrialUse(memoryLedger())
  const limits = { ...control, connections: 1 }
  const policy = preparePolicy({ rules: [], control: limits }, [trial()], use)
  t.equal(decide(facts(), policy, noon).do, "splice")
  use.admit("trial-1", noon, limits)
  t.equal(decide(facts(), policy, noon + minute).splice_until, noon + 2 * minute)
  t.equal(decide(facts(), policy, noon + 2 * minute).do, "inspect", "its time is over")
  use.admit("trial-1", noon + second, limits)
  t.equal(decide(facts(), policy, noon + second).do, "inspect", "its connections are used up")
})

t.test("a key that is held as blocked is blocked until the hold ends", async (t) => {
  const held = trial({ state: "holding" }, { expires_at: iso(noon + hour) })
  const policy = under([], [held], { hold: "block" })
  t.match(decide(facts(), policy, noon), { do: "block", rule: "trial-1", splice_cause: null })
  t.equal(decide(facts({ stack: "other" }), policy, noon).do, "inspect")
  t.equal(decide(facts(), policy, noon + hour).do, "inspect")
})

t.test("deciding changes nothing", async (t) => {
  const use = new TrialUse(memoryLedger())
  const limits = { ...control, connections: 1 }
  const policy = preparePolicy({ rules: [], control: limits }, [trial()], use)
  for (let i = 0; i < 3; i++) t.equal(decide(facts(), policy, noon).do, "splice")
})

const push: ListedHost = {
  list: "apple",
  pattern: "*.push.apple.com",
  cause: "platform",
  source: "support.apple.com",
  read: "2026-01-02",
}
const toPush = facts({ sni: "1.push.apple.com", connect_host: "1.push.apple.com" })
const listing = (lists: ListedHost[], list: unknown[] = [], entries = [entry()].slice(1)) =>
  preparePolicy({ rules: rules(list), control, lists }, entries)

t.test("a listed host is spliced under the list's name and cause, and by its name", async (t) => {
  t.same(decide(toPush, listing([push]), noon), {
    do: "splice",
    rule: "list:apple",
    splice_cause: "platform",
    register_entry: null,
    by_name: true,
    needs_resolution: true,
    splice_until: null,
  })
  const elsewhere = { ...toPush, connect_host: "c2.evil.example" }
  t.same(decide(elsewhere, listing([push]), noon), nameDisagrees)
  t.equal(decide(facts(), listing([push]), noon).do, "inspect")
})

t.test("a list gives way to what a person said, and not to what the sensor made", async (t) => {
  const scope = { sni: "*.push.apple.com" }
  const rows: [name: string, list: unknown[], entries: ReturnType<typeof entry>[], by: string][] = [
    ["a rule that inspects", [{ name: "no", when: { sni: [scope.sni] }, do: "inspect" }], [], "no"],
    ["a rule that blocks", [{ name: "no", when: { port: [443] }, do: "block" }], [], "no"],
    ["an operator's entry", [], [entry({ scope })], "entry-1"],
    ["a wide entry of the operator", [], [entry()], "entry-1"],
    ["a private entry", [], [entry({ kind: "private" })], "entry-1"],
    ["a platform entry", [], [entry({ kind: "platform" })], "entry-1"],
    ["a learned entry", [], [entry({ kind: "learned", scope })], "list:apple"],
    ["a trial", [], [trial({}, { scope: { sni: "1.push.apple.com" } })], "list:apple"],
    [
      "a block that holds after a trial",
      [],
      [trial({ state: "holding", hold: "block" }, { scope: { sni: "1.push.apple.com" } })],
      "list:apple",
    ],
    ["a proposal", [], [entry({ standing: "proposed" })], "list:apple"],
  ]
  for (const [name, list, entries, by] of rows)
    t.equal(decide(toPush, listing([push], list, entries), noon).rule, by, name)
})

t.test(
  "of several lists with a host the same one decides, in whatever order they come",
  async (t) => {
    const lists: ListedHost[] = [
      { ...push, list: "b", pattern: "1.push.apple.com" },
      { ...push, list: "a" },
      { ...push, list: "c", cause: "private" },
      { ...push, list: "a", pattern: "1.push.apple.com" },
    ]
    for (const order of [lists, lists.toReversed()])
      t.match(decide(toPush, listing(order), noon), { rule: "list:c", splice_cause: "private" })
    for (const order of [lists.slice(0, 2), lists.slice(0, 2).toReversed()])
      t.equal(
        decide(toPush, listing(order), noon).rule,
        "list:b",
        "an exact name before a wildcard",
      )
  },
)

t.test("a splice that rests on a destination's network is limited to it", async (t) => {
  const when = { destination: ["203.0.113.0/24"] }
  const given = { destination_ip: "203.0.113.7" }
  const scope = { destination_network: "203.0.113.0/24" }
  const rows: [name: string, policy: ReturnType<typeof under>][] = [
    ["rule", under([{ name: "r", when, do: "splice" }])],
    ["entry", under([], [entry({ scope })])],
    ["origins", under([{ name: "r", when, do: "inspect", origin: { "on-untrusted": "splice" } }])],
  ]
  for (const [name, policy] of rows) {
    const { within } = decide(facts(given), policy, noon)
    t.equal(within?.has("203.0.113.9"), true, name)
    t.equal(within?.has("198.51.100.66"), false, name)
  }
  t.notOk(decide(facts(given), under([{ name: "r", when, do: "block" }]), noon).within)
})

t.test("a client cannot talk its way into another's bypass", async (t) => {
  const one = entry({ scope: { client_network: "10.1.2.3/32", sni: "api.example.org" } })
  const policy = under([], [one])
  t.equal(decide(facts({ client_ip: "::ffff:10.1.2.3" }), policy, noon).do, "splice", "itself")
  const rows: [name: string, given: object][] = [
    ["another address", { client_ip: "10.1.2.4" }],
    ["its NAT64 form", { client_ip: "64:ff9b::10.1.2.3" }],
    ["its 6to4 form", { client_ip: "2002:a01:203::1" }],
    ["an IPv4-compatible form", { client_ip: "::10.1.2.3" }],
    ["no address", { client_ip: "10.1.2.3.evil.example" }],
    ["an octal address", { client_ip: "012.1.2.3" }],
    ["a longer name", { sni: "api.example.org.evil.example", connect_host: null }],
    ["a name above", { sni: "example.org", connect_host: null }],
    ["a wildcard as SNI", { sni: "*.example.org", connect_host: null }],
    ["an empty SNI", { sni: "", connect_host: "api.example.org" }],
    ["a NUL in the SNI", { sni: "api.example.org\0.evil.example", connect_host: null }],
    ["a space in the SNI", { sni: "api.example.org ", connect_host: null }],
    ["two dots at the end", { sni: "api.example.org..", connect_host: null }],
    ["an address as SNI", { sni: "203.0.113.1", connect_host: null }],
    ["a look-alike of other letters", { sni: "\u0430pi.example.org", connect_host: null }],
    [
      "an unreadable hello to another host",
      { hello_readable: false, connect_host: "evil.example" },
    ],
  ]
  for (const [name, given] of rows) t.equal(decide(facts(given), policy, noon).do, "inspect", name)
})

t.test("forms of one name are that name, and go to that name", async (t) => {
  const policy = under([], [entry({ scope: { sni: "api.example.org" } })])
  for (const sni of ["API.EXAMPLE.ORG", "api.example.org.", "\uff41pi.example.org"])
    t.match(
      decide(facts({ sni, connect_host: null }), policy, noon),
      { do: "splice", by_name: true, needs_resolution: true },
      sni,
    )
})

t.test("a blocked network is blocked in every form that leads there", async (t) => {
  const policy = under([{ name: "no", when: { destination: ["203.0.113.0/24"] }, do: "block" }])
  const forms = [
    "203.0.113.7",
    "::ffff:203.0.113.7",
    "64:ff9b::203.0.113.7",
    "2002:cb00:7107::1",
    "::203.0.113.7",
  ]
  for (const destination_ip of forms)
    t.equal(decide(facts({ destination_ip }), policy, noon).do, "block", destination_ip)
  const several = { destination_ip: "198.51.100.1", other_destinations: ["203.0.113.7"] }
  t.equal(decide(facts(several), policy, noon).do, "block", "any address that may be dialled")
  t.equal(decide(facts({ destination_ip: "64:ff9b::198.51.100.1" }), policy, noon).do, "inspect")
})

t.test("a spliced network is not opened by a form that only carries its address", async (t) => {
  const policy = under([{ name: "yes", when: { destination: ["203.0.113.0/24"] }, do: "splice" }])
  t.equal(decide(facts({ destination_ip: "::ffff:203.0.113.7" }), policy, noon).do, "splice")
  for (const destination_ip of ["64:ff9b::203.0.113.7", "2002:cb00:7107::1", "::203.0.113.7"])
    t.equal(decide(facts({ destination_ip }), policy, noon).do, "inspect", destination_ip)
  const second = { destination_ip: "198.51.100.1", other_destinations: ["203.0.113.7"] }
  t.equal(decide(facts(second), policy, noon).do, "inspect")
})

t.test(
  "what a person's own device sends is not inspected, unless a person says otherwise",
  async (t) => {
    const own = facts({ device_personal: true })
    t.match(decide(own, under([]), noon), {
      do: "splice",
      rule: "personal-device",
      splice_cause: "private",
      by_name: false,
    })
    t.match(decide(facts({ device_personal: false }), under([]), noon), { do: "inspect" })
    const rows: [name: string, policy: ReturnType<typeof under>, rule: string][] = [
      [
        "a rule",
        under([{ name: "work", when: { "device-group": ["field"] }, do: "inspect" }]),
        "work",
      ],
      ["a person's entry", under([], [entry({ scope: { device_group: "field" } })]), "entry-1"],
      ["a trial comes after", under([], [trial()]), "personal-device"],
      ["control is off", under([], [], { mode: "off" }), "personal-device"],
    ]
    for (const [name, policy, rule] of rows) t.equal(decide(own, policy, noon).rule, rule, name)
    const lists: ListedHost[] = [
      { list: "l", pattern: "api.example.org", cause: "platform", source: "s", read: "2026-01-01" },
    ]
    t.equal(
      decide(own, preparePolicy({ rules: [], control, lists }, []), noon).rule,
      "personal-device",
    )
    const privacy = { "personal-devices": "inspect" as const }
    t.match(decide(own, preparePolicy({ rules: [], control, privacy }, []), noon), {
      do: "inspect",
    })
  },
)

t.test("fails closed: a device of which nobody says whose it is is inspected", async (t) => {
  t.match(decide(facts({ device_id: null, device_groups: [] }), under([]), noon), { do: "inspect" })
  t.match(decide(facts(), under([]), noon), { do: "inspect", rule: "default" })
})
