import t from "tap"
import {
  destinationOf,
  hostOf,
  properDomain,
  registrableDomain,
} from "../../src/analytics/destination.ts"

const endpoint = {
  sni: null as string | null,
  destination_ip: "203.0.113.9" as string | null,
  destination_port: 8443,
  connect_host: null as string | null,
}

t.test("a destination is the exact SNI, else address and port", async (t) => {
  const rows = [
    { name: "SNI", over: { sni: "API.Bank.example." }, destination: "api.bank.example" },
    { name: "IPv4", over: {}, destination: "203.0.113.9:8443" },
    { name: "IPv6", over: { destination_ip: "2001:DB8::1" }, destination: "[2001:db8::1]:8443" },
    {
      name: "CONNECT host where no address is known",
      over: { destination_ip: null, connect_host: "api.bank.example" },
      destination: "api.bank.example:8443",
    },
    { name: "nothing known", over: { destination_ip: null }, destination: "unknown:8443" },
  ]
  for (const { name, over, destination } of rows)
    t.equal(destinationOf({ ...endpoint, ...over }), destination, name)
})

t.test("a destination rolls up to the registrable domain of its owner", async (t) => {
  const rows = [
    ["api.bank.example", "bank.example", "bank.example"],
    ["a.b.shop.co.uk", "shop.co.uk", "shop.co.uk"],
    ["one.github.io", "one.github.io", "one.github.io"],
    ["printer", "printer", null],
    ["203.0.113.9:443", "203.0.113.9", null],
    ["[2001:db8::1]:443", "2001:db8::1", null],
  ] as const
  for (const [destination, rolled, proper] of rows) {
    t.equal(registrableDomain(destination), rolled, destination)
    t.equal(properDomain(destination), proper, `${destination} as a domain`)
  }
})

t.test("the host of a destination has no port", async (t) => {
  t.equal(hostOf("api.bank.example"), "api.bank.example")
  t.equal(hostOf("203.0.113.9:443"), "203.0.113.9")
  t.equal(hostOf("[2001:db8::1]:443"), "2001:db8::1")
})
