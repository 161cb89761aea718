import t from "tap"
import { ConnectionView, canonicalName, isAddress } from "../../src/policy/connection-view.ts"
import { addressText } from "../../src/policy/destination/addresses.ts"
import { facts } from "./given.ts"

t.test("a host is compared in one form", async (t) => {
  const rows: [host: string, canonical: string | null][] = [
    ["API.Example.org.", "api.example.org"],
    ["bücher.example", "xn--bcher-kva.example"],
    ["192.0.2.1", "192.0.2.1"],
    ["::FFFF:192.0.2.1", "192.0.2.1"],
    ["[2001:DB8::1]", "2001:db8::1"],
    ["host7", "host7"],
    ["*.example.org", null],
    ["a b", null],
    ["", null],
  ]
  for (const [host, canonical] of rows) t.equal(canonicalName(host), canonical, host)
})

t.test("an address is told from a name", async (t) => {
  for (const host of ["192.0.2.1", "2001:db8::1"]) t.equal(isAddress(host), true, host)
  for (const host of ["example.org", "host7", "127.1", ""]) t.equal(isAddress(host), false, host)
})

t.test("the host is the SNI, else the CONNECT host, else the address", async (t) => {
  const rows: [name: string, given: object, host: string | null, hosts: string[]][] = [
    ["both agree", {}, "api.example.org", ["api.example.org"]],
    [
      "both differ",
      { sni: "A.example", connect_host: "b.example", destination_ip: "192.0.2.1" },
      "a.example",
      ["a.example", "b.example", "192.0.2.1"],
    ],
    ["no SNI", { sni: null }, "api.example.org", ["api.example.org"]],
    [
      "no name",
      { sni: null, connect_host: null, destination_ip: "192.0.2.1" },
      "192.0.2.1",
      ["192.0.2.1"],
    ],
    ["nothing", { sni: null, connect_host: null }, null, []],
    ["an unreadable hello says nothing", { hello_readable: false, connect_host: null }, null, []],
    [
      "an SNI that is no name does not fall through",
      { sni: "*.org" },
      "(not a name)",
      ["(not a name)", "api.example.org"],
    ],
  ]
  for (const [name, given, host, hosts] of rows) {
    const view = new ConnectionView(facts(given))
    t.equal(view.host, host, name)
    t.same(view.hosts, hosts, name)
  }
})

t.test("of an unreadable ClientHello neither stack nor ALPN is known", async (t) => {
  const view = new ConnectionView(facts({ hello_readable: false }))
  t.equal(view.stack, null)
  t.same(view.alpn, [])
})

t.test("addresses that cannot be read are not known", async (t) => {
  const view = new ConnectionView(facts({ client_ip: "?", destination_ip: "127.1" }))
  t.equal(view.client, null)
  t.equal(view.destination, null)
})

t.test("a connection goes to every address that it may be dialled at, in every form", async (t) => {
  const rows: [name: string, given: object, destinations: string[], named: string[]][] = [
    ["nothing known", {}, [], []],
    ["one", { destination_ip: "192.0.2.1" }, ["192.0.2.1"], []],
    [
      "several",
      { destination_ip: "192.0.2.1", other_destinations: ["?", "192.0.2.2"] },
      ["192.0.2.1", "192.0.2.2"],
      [],
    ],
    ["NAT64", { destination_ip: "64:ff9b::c000:201" }, ["64:ff9b::c000:201", "192.0.2.1"], []],
    ["mapped", { destination_ip: "::ffff:192.0.2.1" }, ["192.0.2.1"], []],
    [
      "named",
      { sni: "192.0.2.3", connect_host: "[2002:c000:204::1]" },
      [],
      ["192.0.2.3", "2002:c000:204::1", "192.0.2.4"],
    ],
  ]
  for (const [name, given, destinations, named] of rows) {
    const view = new ConnectionView(facts(given))
    t.same(view.destinations.map(addressText), destinations, name)
    t.same(view.addresses.map(addressText), [...named, ...destinations], name)
  }
})
