import t from "tap"
import { ConnectionView } from "../../../src/policy/connection-view.ts"
import { parseNetwork } from "../../../src/policy/destination/addresses.ts"
import { type Dimension, FacetTable, facetsOf, type Key } from "../../../src/policy/index/facets.ts"
import { facts } from "../given.ts"

t.test("a connection finds what is filed under what it shows, and nothing else", async (t) => {
  const net = parseNetwork
  const rows: [name: string, of: Dimension, keys: Key[], given: object, found: Key[]][] = [
    ["device", "device", ["phone-1", "phone-2"], {}, ["phone-1"]],
    ["no device", "device", ["phone-1"], { device_id: null }, []],
    [
      "the name and every suffix of it",
      "host",
      ["api.example.org", ".example.org", ".org", "example.org", ".b.example.org"],
      {},
      ["api.example.org", ".example.org", ".org"],
    ],
    [
      "SNI and CONNECT host",
      "host",
      ["a.x", "b.x"],
      { sni: "a.x", connect_host: "b.x" },
      ["a.x", "b.x"],
    ],
    ["host in capitals, with a dot", "host", ["a.x"], { sni: "A.X.", connect_host: null }, ["a.x"]],
    [
      "an address as host",
      "host",
      [net("192.0.2.0/24")],
      { sni: null, connect_host: "192.0.2.1" },
      [net("192.0.2.0/24")],
    ],
    ["client", "client", [net("10.0.0.0/8"), net("10.2.0.0/16")], {}, [net("10.0.0.0/8")]],
    ["client not readable", "client", [net("0.0.0.0/0")], { client_ip: "?" }, []],
    [
      "another address of the destination",
      "destination",
      [net("192.0.2.0/24")],
      { destination_ip: "203.0.113.1", other_destinations: ["192.0.2.1"] },
      [net("192.0.2.0/24")],
    ],
    ["stack", "stack", ["t13-okhttp", "x"], {}, ["t13-okhttp"]],
    ["an unreadable hello has no stack", "stack", ["t13-okhttp"], { hello_readable: false }, []],
    ["groups", "group", ["a", "b", "c"], { device_groups: ["a", "c"] }, ["a", "c"]],
    ["port", "port", [443, 8443], {}, [443]],
    ["ALPN", "alpn", ["mqtt", "http/1.1", "h2"], {}, ["h2", "http/1.1"]],
    ["listener", "listener", ["explicit", "tap"], {}, ["explicit"]],
    ["agreement", "agrees", ["yes", "no", "unknown"], { name_agrees: false }, ["no"]],
    ["agreement not known", "agrees", ["yes", "no", "unknown"], {}, ["unknown"]],
  ]
  for (const [name, of, keys, given, expected] of rows) {
    const table = new FacetTable<Key>(of)
    for (const key of keys) table.set(key, key)
    const found: Key[] = []
    table.visit(new ConnectionView(facts(given)), (key) => found.push(key))
    t.same(found, expected, name)
    for (const key of keys) table.delete(key)
    t.equal(table.empty, true, name)
  }
})

t.test("what tells most apart comes first, and a key that is given twice is one", async (t) => {
  t.same(facetsOf({ port: [443, 443], host: ["a.x"], group: undefined }), [
    { dimension: "host", keys: ["a.x"] },
    { dimension: "port", keys: [443] },
  ])
  const twice = [parseNetwork("10.0.0.0/8"), parseNetwork("::ffff:10.0.0.0/104")]
  t.equal(facetsOf({ client: twice })[0]?.keys.length, 1)
})

t.test("a thing of many values is filed at a bounded number of places", async (t) => {
  const many = (count: number) => Array.from({ length: count }, (_, i) => `v${i}`)
  const places = (given: Parameters<typeof facetsOf>[0]) =>
    facetsOf(given).reduce((product, { keys }) => product * keys.length, 1)
  t.equal(places({ host: many(16), stack: many(16) }), 256)
  t.equal(places({ host: many(17), stack: many(16), port: [443] }), 17)
  t.equal(places({ host: many(10_000), stack: many(3) }), 10_000, "the first is never left out")
  t.equal(facetsOf({ host: many(10_000), stack: ["one"] }).length, 2, "one key makes no places")
})
