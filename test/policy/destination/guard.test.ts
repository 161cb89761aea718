import t from "tap"
import { parseNetwork } from "../../../src/policy/destination/addresses.ts"
import { clientAllowed, makeGuard } from "../../../src/policy/destination/guard.ts"

const ownAddresses = ["192.0.2.10", "2001:db8::10"]
const guardWith = (...allowed: string[]) =>
  makeGuard({ ownAddresses, allowDestinations: allowed.map(parseNetwork) })
const isAllowed = (guard: ReturnType<typeof guardWith>, address: string) => guard(address).allowed

t.test("no spelling of a closed address is dialled", async (t) => {
  const guard = guardWith()
  const rows: [name: string, address: string][] = [
    ["loopback", "127.0.0.1"],
    ["loopback, far end", "127.255.255.254"],
    ["loopback, IPv6", "::1"],
    ["loopback, long form", "0:0:0:0:0:0:0:1"],
    ["unspecified reaches loopback on Linux", "0.0.0.0"],
    ["this-host network", "0.1.2.3"],
    ["unspecified, IPv6", "::"],
    ["link-local", "169.254.1.1"],
    ["cloud metadata", "169.254.169.254"],
    ["cloud metadata, IPv6", "fd00:ec2::254"],
    ["link-local, IPv6", "fe80::1"],
    ["link-local with zone", "fe80::1%eth0"],
    ["link-local, far end", "febf::1"],
    ["multicast", "224.0.0.1"],
    ["multicast, IPv6", "ff02::1"],
    ["broadcast", "255.255.255.255"],
    ["reserved", "240.0.0.1"],
    ["own address", "192.0.2.10"],
    ["own address, IPv6", "2001:db8::10"],
    ["own address, long form", "2001:0DB8:0:0:0:0:0:10"],
    ["mapped loopback", "::ffff:127.0.0.1"],
    ["mapped loopback in hexadecimal", "::ffff:7f00:1"],
    ["mapped metadata", "::ffff:a9fe:a9fe"],
    ["mapped own address", "::ffff:192.0.2.10"],
    ["mapped unspecified", "::ffff:0.0.0.0"],
    ["compatible loopback", "::127.0.0.1"],
    ["compatible metadata", "::a9fe:a9fe"],
    ["translated loopback", "::ffff:0:127.0.0.1"],
    ["NAT64 loopback", "64:ff9b::127.0.0.1"],
    ["NAT64 metadata", "64:ff9b::a9fe:a9fe"],
    ["NAT64 own address", "64:ff9b::192.0.2.10"],
    ["local NAT64", "64:ff9b:1::8.8.8.8"],
    ["local NAT64 loopback", "64:ff9b:1:7f00:0:100::"],
    ["6to4 loopback", "2002:7f00:1::1"],
    ["6to4 metadata", "2002:a9fe:a9fe::1"],
    ["Teredo with a loopback server", "2001:0:7f00:1::f7f7:f7f7"],
    ["Teredo with a loopback client", "2001:0:808:808::80ff:fffe"],
    ["local NAT64 that looks like ISATAP", "64:ff9b:1:7f00:0:5efe:8.8.8.8"],
    ["ISATAP loopback", "2001:db8:1::5efe:7f00:1"],
    ["ISATAP loopback, universal bit", "2001:db8:1::200:5efe:7f00:1"],
    ["Alibaba metadata", "100.100.100.200"],
    ["Azure host", "168.63.129.16"],
  ]
  for (const [name, address] of rows) {
    const verdict = guard(address)
    t.equal(verdict.allowed, false, `${name}: ${address}`)
    t.match(verdict, { because: /\S/ })
  }
})

t.test("ordinary and private destinations are dialled", async (t) => {
  const guard = guardWith()
  const rows = [
    "203.0.113.7",
    "8.8.8.8",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "126.255.255.255",
    "128.0.0.1",
    "223.255.255.255",
    "192.0.2.11",
    "2606:4700::1111",
    "fd12:3456::1",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
    "2002:808:808::1",
    "2001:0:808:808::f7f7:f7f7",
    "2001:db8:1::5efe:808:808",
  ]
  for (const address of rows) t.equal(isAllowed(guard, address), true, address)
})

t.test("the guard fails closed: what cannot be read as an address is not dialled", async (t) => {
  const guard = guardWith("0.0.0.0/0", "::/0")
  for (const text of ["", "localhost", "127.1", "0x7f000001", "2130706433", "0177.0.0.1", "[::1]"])
    t.match(guard(text), { allowed: false, because: "not an address in canonical form" }, text)
})

t.test("only a real port is dialled", async (t) => {
  const guard = guardWith()
  for (const port of [0, -1, 65536, 1.5, Number.NaN])
    t.equal(guard("8.8.8.8", port).allowed, false, String(port))
  for (const port of [1, 443, 65535]) t.equal(guard("8.8.8.8", port).allowed, true, String(port))
})

t.test("a listed network is opened, and nothing beside it", async (t) => {
  const rows: [allow: string, address: string, allowed: boolean][] = [
    ["127.0.0.0/8", "127.0.0.1", true],
    ["127.0.0.0/8", "::ffff:127.0.0.1", true],
    ["127.0.0.0/8", "::1", false],
    ["127.0.0.2", "127.0.0.1", false],
    ["::1", "::1", true],
    ["192.0.2.10", "192.0.2.10", true],
    ["169.254.169.254", "169.254.169.253", false],
    ["::ffff:127.0.0.1/128", "127.0.0.1", true],
  ]
  for (const [allow, address, allowed] of rows)
    t.equal(isAllowed(guardWith(allow), address), allowed, `${allow} and ${address}`)
})

t.test("opening a form that carries IPv4 does not open the address it carries", async (t) => {
  const rows: [allow: string[], address: string, allowed: boolean][] = [
    [["64:ff9b::/96"], "64:ff9b::127.0.0.1", false],
    [["64:ff9b::/96", "127.0.0.0/8"], "64:ff9b::127.0.0.1", true],
    [["2002::/16"], "2002:7f00:1::1", false],
    [["::/0"], "64:ff9b::169.254.169.254", false],
    [["::/0"], "::1", true],
    [["::/0"], "64:ff9b:1::8.8.8.8", false],
    [["::/0"], "64:ff9b:1:7f00:0:100::", false],
    [["::/0"], "64:ff9b:1:7f00:0:5efe:8.8.8.8", false],
    [["64:ff9b:1::/96"], "64:ff9b:1::8.8.8.8", true],
    [["64:ff9b:1::/96"], "64:ff9b:1::127.0.0.1", false],
    [["64:ff9b:1::/48"], "64:ff9b:1:808:8:800::", true],
    [["64:ff9b:1::/48"], "64:ff9b:1:7f00:0:100::", false],
    [["64:ff9b:1:100::/56"], "64:ff9b:1:17f:0:1::", false],
    [["64:ff9b:1:1::/64"], "64:ff9b:1:1:7f:0:100:0", false],
    [["64:ff9b:1:1::/64"], "64:ff9b:1:1:8:808:800:0", true],
  ]
  for (const [allow, address, allowed] of rows)
    t.equal(isAllowed(guardWith(...allow), address), allowed, `${allow.join(" ")} and ${address}`)
  t.throws(() => guardWith("64:ff9b:1::1/128"), { message: /list the NAT64 prefix itself/ })
})

t.test("on defaults no client of the public internet is served", async (t) => {
  const allowed = clientAllowed()
  const rows: [client: string, served: boolean][] = [
    ["127.0.0.1", true],
    ["::1", true],
    ["10.9.9.9", true],
    ["172.31.0.1", true],
    ["172.32.0.1", false],
    ["192.168.0.9", true],
    ["::ffff:192.168.0.9", true],
    ["169.254.3.4", true],
    ["fe80::9%wlan0", true],
    ["fd00::9", true],
    ["100.64.0.1", false],
    ["203.0.113.1", false],
    ["2606:4700::1111", false],
    ["64:ff9b::10.0.0.1", false],
  ]
  for (const [client, served] of rows) t.equal(allowed(client), served, client)
})

t.test("listed clients replace the default, and an unreadable client is not served", async (t) => {
  const allowed = clientAllowed([parseNetwork("203.0.113.0/24")])
  t.equal(allowed("203.0.113.9"), true)
  t.equal(allowed("127.0.0.1"), false)
  t.equal(clientAllowed([parseNetwork("0.0.0.0/0")])("client"), false)
  t.equal(clientAllowed([])("127.0.0.1"), false)
})
