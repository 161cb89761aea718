import t from "tap"
import { decide } from "../../../src/policy/decide.ts"
import { NetworkSet, parseNetwork } from "../../../src/policy/destination/addresses.ts"
import { type Agreement, agree, type Spoken } from "../../../src/policy/destination/agree.ts"
import { preparePolicy } from "../../../src/policy/prepare.ts"
import { control, facts, noon, rules } from "../given.ts"

const push = "push.apple.com"
const resolved = ["17.57.144.1", "17.57.144.2"]
const spoken = (given: Partial<Spoken>): Spoken => ({
  sni: push,
  connect_host: push,
  destination_ip: null,
  resolved,
  unresolved: null,
  ...given,
})
const splice = (by_name: boolean) => ({
  ...decide(facts(), preparePolicy({ rules: rules([]), control }, []), noon),
  by_name,
})
const byName = (given: Partial<Spoken>): Agreement => agree(splice(true), spoken(given))

t.test("no program gets a tunnel by saying a name that is spliced", async (t) => {
  const rows: [name: string, given: Partial<Spoken>, because: RegExp][] = [
    ["CONNECT to another name", { connect_host: "c2.evil.example" }, /CONNECT host c2/],
    [
      "CONNECT to an address elsewhere",
      { connect_host: "203.0.113.66" },
      /none of the sensor's own/,
    ],
    [
      "transparent to an address elsewhere",
      { connect_host: null, destination_ip: "203.0.113.66" },
      /none of/,
    ],
    ["transparent, address not known", { connect_host: null }, /not known/],
    ["mapped loopback", { connect_host: "::ffff:127.0.0.1" }, /none of/],
    ["a name below", { connect_host: `x.${push}` }, /CONNECT host x/],
    ["a name with a suffix", { connect_host: `${push}.evil.example` }, /CONNECT host/],
    ["a name in other letters", { connect_host: "push.аpple.com" }, /CONNECT host push\.xn--/],
    ["a host that is no name", { connect_host: "a b" }, /not known/],
    ["an SNI that is no name", { sni: "*.apple.com" }, /no host name/],
    [
      "an SNI that is an address",
      { sni: "203.0.113.66", connect_host: "c2.evil.example" },
      /CONNECT host/,
    ],
    [
      "an SNI that is another address",
      { sni: "203.0.113.66", connect_host: "203.0.113.67" },
      /none of/,
    ],
    ["no answer of the resolver", { resolved: [] }, /did not resolve/],
    ["a resolver that answers nonsense", { resolved: ["127.1", "x"] }, /did not resolve/],
    ["nothing said", { sni: null, connect_host: null }, /no host name/],
  ]
  for (const [name, given, because] of rows) t.match(byName(given), { ok: false, because }, name)
})

t.test("a splice by name dials the sensor's own resolution", async (t) => {
  const rows: [name: string, given: Partial<Spoken>, dial: string[]][] = [
    ["names are equal", {}, resolved],
    ["names differ in writing", { connect_host: "PUSH.Apple.com." }, resolved],
    ["no SNI", { sni: null }, resolved],
    [
      "an address given beside the name is not dialled",
      { destination_ip: "203.0.113.66" },
      resolved,
    ],
    [
      "CONNECT to one of its addresses",
      { connect_host: "17.57.144.2" },
      ["17.57.144.2", "17.57.144.1"],
    ],
    ["transparent", { connect_host: null, destination_ip: "::ffff:17.57.144.1" }, resolved],
    ["doubles", { resolved: ["17.57.144.1", "::ffff:17.57.144.1"] }, ["17.57.144.1"]],
    [
      "an address itself",
      { sni: null, connect_host: "203.0.113.9", resolved: [] },
      ["203.0.113.9"],
    ],
  ]
  for (const [name, given, dial] of rows) t.same(byName(given), { ok: true, dial }, name)
})

t.test("a splice that no name decided goes where the client wants", async (t) => {
  const free = (given: Partial<Spoken>) => agree(splice(false), spoken(given))
  t.same(free({ destination_ip: "203.0.113.9" }), { ok: true, dial: ["203.0.113.9"] })
  t.same(free({ connect_host: "other.example" }), { ok: true, dial: resolved })
  t.match(free({ resolved: [] }), { ok: false })
})

t.test("a name that only the upstream proxy resolves is agreed on by the name alone", async (t) => {
  const rows: [name: string, by_name: boolean, given: Partial<Spoken>, agreement: unknown][] = [
    ["names are equal", true, {}, { ok: true, dial: [] }],
    ["names differ in writing", true, { connect_host: "PUSH.Apple.com." }, { ok: true, dial: [] }],
    ["no SNI", true, { sni: null }, { ok: true, dial: [] }],
    [
      "transparent: to the name, not to the address",
      true,
      { connect_host: null, destination_ip: "203.0.113.66" },
      { ok: true, dial: [] },
    ],
    ["CONNECT to another name", true, { connect_host: "c2.evil.example" }, { ok: false }],
    ["CONNECT to an address", true, { connect_host: "17.57.144.1" }, { ok: false }],
    ["another name than was agreed on", true, { unresolved: "c2.evil.example" }, { ok: false }],
    ["nothing said", true, { sni: null, connect_host: null }, { ok: false }],
    ["decided by no name", false, { connect_host: "other.example" }, { ok: true, dial: [] }],
    [
      "decided by no name, by address",
      false,
      { connect_host: null, destination_ip: "203.0.113.9" },
      { ok: true, dial: ["203.0.113.9"] },
    ],
  ]
  for (const [name, by_name, given, agreement] of rows) {
    const said = spoken({ resolved: [], unresolved: push, ...given })
    t.match(agree(splice(by_name), said), agreement as object, name)
  }
})

t.test("what rests on a destination's network dials nothing outside it", async (t) => {
  const within = new NetworkSet([parseNetwork("203.0.113.0/24")])
  const rows: [name: string, given: object, dial: string[] | null][] = [
    ["inside", { resolved: ["203.0.113.1"] }, ["203.0.113.1"]],
    ["one inside, one outside", { resolved: ["203.0.113.1", "198.51.100.66"] }, ["203.0.113.1"]],
    ["outside", { resolved: ["198.51.100.66"] }, null],
    ["a name that only the upstream proxy can resolve", { unresolved: push }, null],
  ]
  for (const [name, given, dial] of rows)
    for (const by_name of [false, true])
      t.match(
        agree({ ...splice(by_name), within }, spoken(given)),
        dial === null ? { ok: false, because: /203\.0\.113\.0\/24/ } : { ok: true, dial },
        name,
      )
})
