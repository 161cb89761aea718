import fc from "fast-check"
import ipaddr from "ipaddr.js"
import t from "tap"
import {
  canonicalAddress,
  NetworkMap,
  NetworkSet,
  NetworkTable,
  parseNetwork,
  readAddress,
} from "../../../src/policy/destination/addresses.ts"

t.test("an address has one canonical form", async (t) => {
  const rows: [text: string, canonical: string | null][] = [
    ["192.0.2.1", "192.0.2.1"],
    ["255.255.255.255", "255.255.255.255"],
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["::FFFF:c000:201", "192.0.2.1"],
    ["0:0:0:0:0:ffff:192.0.2.1", "192.0.2.1"],
    ["2001:DB8:0:0:0:0:0:1", "2001:db8::1"],
    ["2001:db8:0:1:0:0:0:1", "2001:db8:0:1::1"],
    ["fe80::1%eth0", "fe80::1"],
    ["::ffff:127.0.0.1%lo", "127.0.0.1"],
    ["::192.0.2.1", "::c000:201"],
    ["::", "::"],
    ["::1", "::1"],
  ]
  for (const [text, canonical] of rows) t.equal(canonicalAddress(text), canonical, text)
})

t.test("IPv6 is read as another implementation reads it", async () => {
  const group = fc.oneof(fc.constant("0"), fc.constant(""), fc.stringMatching(/^[0-9a-fA-F]{1,5}$/))
  const text = fc.oneof(
    fc.ipV6(),
    fc.array(group, { minLength: 2, maxLength: 9 }).map((g) => g.join(":")),
  )
  // Of dotted tails the other reads too much (octal parts), so they have rows of their own.
  fc.assert(
    fc.property(
      text.filter((one) => !one.includes(".")),
      (one) => {
        const expected = ipaddr.IPv6.isValid(one) ? ipaddr.process(one).toString() : null
        const read = canonicalAddress(one)
        return (read === null ? null : ipaddr.process(read).toString()) === expected
      },
    ),
    { numRuns: 500 },
  )
})

t.test("what resolvers read differently is no address", async (t) => {
  const rows = [
    "",
    "127.1",
    "2130706433",
    "0x7f.0.0.1",
    "0177.0.0.1",
    "127.0.0.01",
    "256.0.0.1",
    "1.2.3.4.5",
    " 127.0.0.1",
    "127.0.0.1 ",
    "127.0.0.1\0",
    "127.0.0.1\n",
    "::ffff:0x7f.0.0.1",
    "::ffff:0177.0.0.1",
    "::ffff:127.1",
    "1::2::3",
    "12345::",
    "::1%",
    "::1%a%b",
    "[::1]",
    "1:2:3:4:5:6:7",
    "localhost",
    `${"0:".repeat(200)}1`,
  ]
  for (const text of rows) t.equal(canonicalAddress(text), null, JSON.stringify(text))
})

t.test("a network is written in one way and says what is wrong with others", async (t) => {
  const rows: [text: string, canonical: string | RegExp][] = [
    ["10.0.0.0/8", "10.0.0.0/8"],
    [" 10.0.0.0/8 ", "10.0.0.0/8"],
    ["0.0.0.0/0", "0.0.0.0/0"],
    ["192.0.2.7", "192.0.2.7/32"],
    ["::1", "::1/128"],
    ["2001:DB8::/32", "2001:db8::/32"],
    ["::ffff:10.0.0.0/104", "10.0.0.0/8"],
    ["10.0.0.1/8", /write 10\.0\.0\.0\/8/],
    ["2001:db8::1/32", /write 2001:db8::\/32/],
    ["10.0.0.0/33", /0 to 32/],
    ["::/129", /0 to 128/],
    ["::ffff:0.0.0.0/95", /96 to 128/],
    ["10.0.0.0/", /0 to 32/],
    ["10.0.0.0/-1", /0 to 32/],
    ["10.0.0.0/8/8", /write it as/],
    ["10.0.0/8", /write it as/],
    ["example.org", /write it as/],
    ["", /write it as/],
  ]
  for (const [text, canonical] of rows)
    if (typeof canonical === "string") t.equal(parseNetwork(text).text, canonical, text)
    else t.throws(() => parseNetwork(text), { message: canonical }, text)
})

t.test("a set of networks holds exactly the addresses inside them", async (t) => {
  const set = new NetworkSet(
    ["10.0.0.0/8", "192.0.2.128/25", "203.0.113.5", "2001:db8::/33", "::1"].map(parseNetwork),
  )
  const rows: [address: string, inside: boolean][] = [
    ["10.255.255.255", true],
    ["11.0.0.0", false],
    ["9.255.255.255", false],
    ["192.0.2.127", false],
    ["192.0.2.128", true],
    ["203.0.113.5", true],
    ["203.0.113.6", false],
    ["::ffff:10.1.1.1", true],
    ["2001:db8:7fff::1", true],
    ["2001:db8:8000::1", false],
    ["::1", true],
    ["::2", false],
    ["nonsense", false],
  ]
  for (const [address, inside] of rows) {
    t.equal(set.has(address), inside, address)
    const alone = set.texts.filter((text) => new NetworkSet([parseNetwork(text)]).has(address))
    t.equal(alone.length > 0, inside, `${address}, each network alone`)
  }
  t.equal(new NetworkSet([parseNetwork("0.0.0.0/0")]).has("255.1.2.3"), true)
  t.equal(new NetworkSet([parseNetwork("0.0.0.0/0")]).has("2001:db8::1"), false)
  t.equal(new NetworkSet([]).has("10.0.0.1"), false)
})

t.test("a table gives the values of every network around an address", async (t) => {
  const table = new NetworkTable<string>()
  table.add(parseNetwork("10.0.0.0/8"), "wide")
  table.add(parseNetwork("10.1.0.0/16"), "narrow")
  table.add(parseNetwork("10.1.0.0/16"), "narrow too")
  table.add(parseNetwork("2001:db8::/32"), "six")
  const at = (text: string) => {
    const address = readAddress(text)
    return address ? table.lookUp(address).flat().sort() : []
  }
  t.same(at("10.1.2.3"), ["narrow", "narrow too", "wide"])
  t.same(at("10.2.2.3"), ["wide"])
  t.same(at("2001:db8::9"), ["six"])
  t.same(at("192.0.2.1"), [])
})

t.test("a map forgets a network without touching those around it", async (t) => {
  const map = new NetworkMap<string>()
  const networks = ["10.0.0.0/8", "10.1.0.0/16", "2001:db8::/32", "2001:db8::/33"].map(parseNetwork)
  const covering = (text: string) => {
    const address = readAddress(text)
    return address ? map.covering(address).sort() : []
  }
  for (const network of networks) map.set(network, network.text)
  t.same(covering("10.1.2.3"), ["10.0.0.0/8", "10.1.0.0/16"])
  t.same(covering("::ffff:10.1.2.3"), ["10.0.0.0/8", "10.1.0.0/16"])
  map.delete(parseNetwork("10.0.0.0/8"))
  t.same(covering("10.1.2.3"), ["10.1.0.0/16"])
  map.delete(parseNetwork("2001:db8::/33"))
  t.same(covering("2001:db8::1"), ["2001:db8::/32"])
  t.equal(map.get(parseNetwork("2001:db8::/33")), undefined)
  map.delete(parseNetwork("10.1.0.0/16"))
  map.delete(parseNetwork("2001:db8::/32"))
  t.equal(map.empty, true)
})
