import t from "tap"
import {
  type Scope,
  suffixCovered,
  widthOf,
  widthOfEntry,
} from "../../../src/policy/register/scope-width.ts"
import { RegisterEntry } from "../../../src/record/register-entry.ts"

const nothing: Scope = {
  device_id: null,
  device_group: null,
  client_network: null,
  stack: null,
  sni: null,
  destination_network: null,
}

t.test("a bypass is wide unless it names a host, a device or a smaller network", (t) => {
  const cases: [name: string, scope: Partial<Scope>, wide: RegExp | null][] = [
    ["nothing at all", {}, /covers every connection/],
    ["one host", { sni: "api.example.org" }, null],
    ["all hosts of a domain", { sni: "*.example.org" }, null],
    ["one device", { device_id: "d-1" }, null],
    ["a destination network", { destination_network: "203.0.113.0/24" }, null],
    ["a client network", { client_network: "10.0.0.0/8" }, null],
    ["all of IPv4", { client_network: "0.0.0.0/0" }, /names neither/],
    ["half of IPv4", { destination_network: "128.0.0.0/1" }, /names neither/],
    ["all of IPv6", { destination_network: "::/0" }, /names neither/],
    ["an eighth of IPv6", { destination_network: "2000::/3" }, /names neither/],
    ["a site's IPv6", { destination_network: "2001:db8::/32" }, null],
    ["all to all", { client_network: "0.0.0.0/0", destination_network: "::/0" }, /names neither/],
    ["all addresses, one host", { client_network: "0.0.0.0/0", sni: "a.example.org" }, null],
    ["a whole group", { device_group: "staff" }, /names neither/],
    ["a stack, which the client chooses", { stack: "t13d15_a_b" }, /names neither/],
    ["a group and a stack", { device_group: "staff", stack: "t13d15_a_b" }, /names neither/],
    ["all of a registry", { sni: "*.com" }, /every name below com, where anybody/],
    ["that, for one device", { sni: "*.co.uk", device_id: "d-1" }, /every name below co.uk/],
    ["all of a provider's customers", { sni: "*.github.io" }, /github.io, where a provider's/],
    ["addresses as a name, all of them", { sni: "0.0.0.0/0" }, /names neither/],
    ["addresses as a name, a few", { sni: "192.0.2.0/24" }, null],
    ["what cannot be read matches nothing", { destination_network: "10.0.0.1/8" }, null],
  ]
  for (const [name, scope, wide] of cases) {
    const width = widthOf({ ...nothing, ...scope })
    if (wide === null) t.equal(width, null, name)
    else t.match(width, wide, name)
  }
  t.end()
})

t.test("a pattern that covers a public suffix is known for it", (t) => {
  const cases: [pattern: string, icann: boolean | null][] = [
    ["*.com", true],
    ["*.CO.UK", true],
    ["*.uk", true],
    ["*.xn--p1ai", true],
    ["*.github.io", false],
    ["*.s3.amazonaws.com", false],
    ["com", null],
    ["github.io", null],
    ["*.example.com", null],
    ["*.example.github.io", null],
    ["*.corp", null],
    ["192.0.2.0/24", null],
    ["*.*.com", null],
  ]
  for (const [pattern, icann] of cases)
    t.equal(suffixCovered(pattern)?.icann ?? null, icann, pattern)
  t.end()
})

t.test("a rule is wide as an entry of its conditions would be; lists and settings are not", (t) => {
  const cases: [name: string, when: object, wide: RegExp | null][] = [
    ["everything", {}, /names neither/],
    ["hosts", { sni: ["*.push.example", "a.example"] }, null],
    ["hosts, and all of a registry", { sni: ["*.push.example", "*.com"] }, /below com/],
    ["that, of one network", { sni: ["*.com"], client: ["10.1.0.0/16"] }, /below com/],
    ["a host, of all addresses", { sni: ["a.example"], client: ["0.0.0.0/0"] }, null],
    ["all addresses", { destination: ["0.0.0.0/0"] }, /names neither/],
    ["one network of several is all", { client: ["10.0.0.0/8", "::/0"] }, /names neither/],
    ["a group", { "device-group": ["personal"] }, /names neither/],
    ["origins that are no good", { origin: { "on-untrusted": "splice" } }, null],
    ["a port", { port: [443] }, /names neither/],
  ]
  const entry = RegisterEntry.parse({
    tenant: "acme",
    site: "hq",
    sensor_id: "s",
    v: 1,
    id: "rule:x",
    observed_at: "2026-11-21T10:00:00.000Z",
    kind: "operator",
    source: "rule",
    scope: {},
    owner: "o",
    reason: "r",
    created_at: "2026-11-21T10:00:00.000Z",
  })
  for (const [name, when, wide] of cases) {
    const width = widthOfEntry({ ...entry, declared: JSON.stringify(when) })
    if (wide === null) t.equal(width, null, name)
    else t.match(width, wide, name)
  }
  t.equal(widthOfEntry({ ...entry, declared: "no JSON" }), null)
  t.equal(widthOfEntry({ ...entry, source: "list", declared: "[]" }), null)
  t.equal(widthOfEntry({ ...entry, source: "setting" }), null)
  t.match(widthOfEntry({ ...entry, source: "register" }), /covers every connection/)
  t.end()
})
