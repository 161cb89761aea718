import fc from "fast-check"
import ipaddr from "ipaddr.js"
import t from "tap"
import {
  addressKey,
  canonicalAddress,
  canonicalPrefix,
  prefixesOf,
  prefixKey,
  readPrefix,
} from "../../src/identity/address-key.ts"

t.test("an address has one key in whatever form it is written", async (t) => {
  const rows: [text: string, key: string | null][] = [
    ["10.0.0.5", "0a000005"],
    ["255.255.255.255", "ffffffff"],
    ["::ffff:10.0.0.5", "0a000005"],
    ["::FFFF:a00:5", "0a000005"],
    ["0:0:0:0:0:ffff:10.0.0.5", "0a000005"],
    ["2001:db8::1", "20010db8000000000000000000000001"],
    ["2001:0DB8:0:0:0:0:0:1", "20010db8000000000000000000000001"],
    ["64:ff9b::192.0.2.1", "0064ff9b0000000000000000c0000201"],
    ["::192.0.2.1", "000000000000000000000000c0000201"],
    ["::", "00000000000000000000000000000000"],
    ["fe80::1%eth0", "fe800000000000000000000000000001"],
    ["10.0.0", null],
    ["10.0.0.256", null],
    ["10.0.0.5.", null],
    ["10..0.5", null],
    ["", null],
    ["1:2:3:4:5:6:7:8::", null],
    ["1::2::3", null],
    ["1:2:3", null],
    ["12345::", null],
    ["g::", null],
    ["\u0010::", null],
    [":1::", null],
    ["::10.0.0", null],
    ["10.0.0.5:443", null],
    ["proxy.example", null],
  ]
  for (const [text, key] of rows) t.equal(addressKey(text), key, `"${text}"`)
})

t.test("IPv6 keys are what the URL parser reads, IPv4-compatible addresses included", async (t) => {
  const agrees = fc.property(fc.ipV6(), (text) => {
    const canonical = new URL(`http://[${text}]`).hostname.slice(1, -1)
    const groups = ipaddr.IPv6.parse(canonical).parts
    const parts = groups.map((part) => part.toString(16).padStart(4, "0"))
    const key = parts.join("")
    t.equal(
      addressKey(text),
      key.startsWith("00000000000000000000ffff") ? key.slice(24) : key,
      text,
    )
  })
  fc.assert(agrees, { numRuns: 300 })
})

t.test("two addresses share a prefix if the keys cut to it are the same", async (t) => {
  const same = (a: string, b: string, bits: number) =>
    prefixKey(addressKey(a) ?? "", bits) === prefixKey(addressKey(b) ?? "", bits)
  t.ok(same("10.0.0.5", "10.0.0.6", 30))
  t.notOk(same("10.0.0.5", "10.0.0.6", 31))
  t.ok(same("10.0.0.5", "192.0.2.1", 0))
  t.ok(same("2001:db8::1", "2001:db8:0:0:ffff::", 64))
  t.notOk(same("2001:db8::1", "2001:db8:0:1::1", 64))
  t.not(prefixKey("20010db8", 7), prefixKey("20010db8", 8), "lengths are told apart")
})

t.test("a prefix is read in the width of its family", async (t) => {
  t.same(readPrefix("10.0.0.0/8"), { key: "0a000000", bits: 8 })
  t.same(readPrefix("10.0.0.5"), { key: "0a000005", bits: 32 })
  t.same(readPrefix("::ffff:10.0.0.0/104"), { key: "0a000000", bits: 8 })
  t.equal(readPrefix("2001:db8::/64")?.bits, 64)
  for (const wrong of ["10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "::ffff:10.0.0.0/64", "x/8"])
    t.equal(readPrefix(wrong), null, wrong)
})

t.test("an address is shown in its canonical form, other text as it came", async (t) => {
  t.equal(canonicalAddress("::ffff:10.0.0.5"), "10.0.0.5")
  t.equal(canonicalAddress("2001:0DB8:0:0:0:0:0:1"), "2001:db8::1")
  t.equal(canonicalAddress("10.0.0.5"), "10.0.0.5")
  t.equal(canonicalAddress("::192.0.2.1"), "::c000:201", "IPv4-compatible is not IPv4-mapped")
  t.equal(canonicalAddress("not:an:address"), "not:an:address")
})

t.test("an address or prefix is stored in one form, by which the addresses in it find it", (t) => {
  const rows: [text: string, canonical: string][] = [
    ["10.0.0.5", "10.0.0.5"],
    ["10.0.0.5/32", "10.0.0.5"],
    ["10.0.0.5/24", "10.0.0.0/24"],
    ["10.0.0.5/0", "0.0.0.0/0"],
    ["::ffff:10.0.0.5/120", "10.0.0.0/24"],
    ["2001:0DB8:0:1::9/64", "2001:db8:0:1::/64"],
    ["2001:db8:ffff::/35", "2001:db8:e000::/35"],
    ["2001:DB8::1/128", "2001:db8::1"],
    ["1:0:0:2:0:0:3:4", "1::2:0:0:3:4"],
    ["1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7"],
    ["::1:0/112", "::1:0/112"],
    ["::/0", "::/0"],
    ["nowhere", "nowhere"],
    ["10.0.0.5/33", "10.0.0.5/33"],
  ]
  for (const [text, canonical] of rows) t.equal(canonicalPrefix(text), canonical, text)
  t.same(prefixesOf("10.0.0.5").slice(0, 3), ["10.0.0.5", "10.0.0.4/31", "10.0.0.4/30"])
  t.equal(prefixesOf("::ffff:10.0.0.5").length, 33)
  t.ok(prefixesOf("2001:db8:0:1::9").includes("2001:db8:0:1::/64"))
  t.equal(prefixesOf("2001:db8::1").length, 129)
  t.same(prefixesOf("nowhere"), ["nowhere"])
  fc.assert(
    fc.property(fc.ipV6(), fc.integer({ min: 0, max: 128 }), (address, bits) => {
      const prefix = canonicalPrefix(`${address}/${bits}`)
      if (readPrefix(`${address}/${bits}`) === null) return true
      // ipaddr.js takes `::1.2.3.4` for the mapped `::ffff:1.2.3.4`, which it is not (RFC 4291 section 2.5.5): it is given
      // the hexadecimal form, which URLs have.
      const plain = new URL(`http://[${address}]/`).hostname.slice(1, -1)
      const network = ipaddr.IPv6.networkAddressFromCIDR(`${plain}/${bits}`).toString()
      const isIpv6 = addressKey(address)?.length === 32
      const same = !isIpv6 || prefix === (bits === 128 ? network : `${network}/${bits}`)
      return same && prefixesOf(address).includes(prefix)
    }),
  )
  t.end()
})
