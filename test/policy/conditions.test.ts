import t from "tap"
import { compileConditions, readHostPattern } from "../../src/policy/conditions.ts"
import { ConnectionView } from "../../src/policy/connection-view.ts"
import { Conditions } from "../../src/policy/settings.ts"
import { parseHostPattern } from "../../src/record/host-pattern.ts"
import { facts, noon } from "./given.ts"

function holds(when: object, given: object, hosts: "own" | "any" = "own"): boolean {
  const view = new ConnectionView(facts(given))
  return compileConditions(Conditions.parse(when), hosts).every((one) => one.holds(view, noon))
}

t.test("each condition holds for what it names and nothing else", async (t) => {
  const rows: [name: string, when: object, given: object, holds: boolean][] = [
    ["nothing asked", {}, {}, true],
    ["client inside", { client: ["10.0.0.0/8"] }, {}, true],
    ["client outside", { client: ["10.2.0.0/16"] }, {}, false],
    ["one of two networks", { client: ["10.2.0.0/16", "10.1.2.3"] }, {}, true],
    ["client not readable", { client: ["0.0.0.0/0", "::/0"] }, { client_ip: "x" }, false],
    ["group", { "device-group": ["office", "field"] }, {}, true],
    ["other group", { "device-group": ["office"] }, {}, false],
    ["no group known", { "device-group": ["field"] }, { device_groups: [] }, false],
    ["exact name", { sni: ["api.example.org"] }, {}, true],
    ["name in capitals", { sni: ["API.example.org."] }, { sni: "Api.Example.Org" }, true],
    ["below", { sni: ["*.example.org"] }, {}, true],
    ["deep below", { sni: ["*.example.org"] }, { sni: "a.b.example.org" }, true],
    ["not itself", { sni: ["*.example.org"] }, { sni: "example.org" }, false],
    ["not a look-alike", { sni: ["*.example.org"] }, { sni: "xexample.org" }, false],
    [
      "not a suffix in the middle",
      { sni: ["*.example.org"] },
      { sni: "a.example.org.test" },
      false,
    ],
    ["CONNECT host without SNI", { sni: ["api.example.org"] }, { sni: null }, true],
    ["CONNECT host beside an SNI", { sni: ["api.example.org"] }, { sni: "b.example" }, false],
    ["an SNI that is a pattern", { sni: ["*.example.org"] }, { sni: "*.example.org" }, false],
    [
      "an address as host",
      { sni: ["192.0.2.0/24"] },
      { sni: null, connect_host: "192.0.2.9" },
      true,
    ],
    ["destination", { destination: ["203.0.113.0/24"] }, { destination_ip: "203.0.113.9" }, true],
    ["destination not known", { destination: ["0.0.0.0/0"] }, {}, false],
    ["port", { port: [443] }, {}, true],
    ["other port", { port: [8443] }, {}, false],
    ["ALPN among others", { alpn: ["http/1.1"] }, {}, true],
    ["ALPN not offered", { alpn: ["mqtt"] }, {}, false],
    ["stack", { stack: ["t13-okhttp"] }, {}, true],
    ["stack not known", { stack: ["t13-okhttp"] }, { stack: null }, false],
    ["stack of an unreadable hello", { stack: ["t13-okhttp"] }, { hello_readable: false }, false],
    ["listener", { listener: ["transparent"] }, {}, false],
    ["name agrees", { "name-agrees": ["yes"] }, { name_agrees: true }, true],
    ["name does not agree", { "name-agrees": ["yes", "unknown"] }, { name_agrees: false }, false],
    ["not known whether it agrees", { "name-agrees": ["yes", "no"] }, {}, false],
    ["what is not known is asked for", { "name-agrees": ["unknown"] }, {}, true],
    ["all must hold", { port: [443], stack: ["other"] }, {}, false],
  ]
  for (const [name, when, given, expected] of rows) t.equal(holds(when, given), expected, name)
})

t.test("a block or inspect goes by any host that the connection names", async (t) => {
  const said = { sni: "good.example", connect_host: "bad.example", destination_ip: "192.0.2.1" }
  for (const sni of ["good.example", "bad.example", "192.0.2.1"])
    t.equal(holds({ sni: [sni] }, said, "any"), true, sni)
  t.equal(holds({ sni: ["bad.example"] }, said, "own"), false)
})

t.test("an address pattern blocks the address in the forms that lead there", async (t) => {
  const when = { sni: ["192.0.2.0/24"] }
  const rows: [name: string, given: object][] = [
    ["CONNECT to its NAT64 form", { sni: "a.example", connect_host: "64:ff9b::c000:201" }],
    ["SNI as an address", { sni: "192.0.2.1", connect_host: "a.example" }],
    ["what a name resolved to", { destination_ip: "192.0.2.1" }],
    ["what it resolved to beside", { other_destinations: ["192.0.2.1"] }],
  ]
  for (const [name, given] of rows) t.equal(holds(when, given, "any"), true, name)
  for (const [name, given] of rows.toSpliced(1, 1)) t.equal(holds(when, given), false, name)
})

t.test("a condition says what it asks and what it is shown, in bounded length", async (t) => {
  const sni = Array.from({ length: 20 }, (_, i) => `h${i}.example`)
  const [condition] = compileConditions(Conditions.parse({ sni }), "own")
  t.match(condition?.asks, /^host is h0\.example, .*h7\.example or 12 more$/)
  t.equal(condition?.shows(new ConnectionView(facts()), noon), "api.example.org")
  const [group] = compileConditions(Conditions.parse({ "device-group": ["a"] }), "own")
  t.equal(group?.shows(new ConnectionView(facts({ device_groups: [] })), noon), "not known")
})

t.test("the short way to read a pattern reads what the long one reads", async (t) => {
  for (const text of [
    "a.example",
    "*.a.example",
    "A.example.",
    "host7",
    "192.0.2.1",
    "10.0.0.0/8",
    "::1",
  ])
    t.same(readHostPattern(text), parseHostPattern(text), text)
  for (const text of [
    "",
    "*",
    "*.",
    ".a.example",
    "a.*.example",
    "a/b",
    "127.1",
    "*.127.1",
    "a:1",
  ]) {
    t.throws(() => parseHostPattern(text), text)
    t.throws(() => readHostPattern(text), text)
  }
})
