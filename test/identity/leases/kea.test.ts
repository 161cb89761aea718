import fc from "fast-check"
import t from "tap"
import { readKeaHeader, readKeaRow } from "../../../src/identity/leases/kea.ts"

const header4 =
  "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context"
const header6 =
  "address,duid,valid_lifetime,expire,subnet_id,pref_lifetime,lease_type,iaid,prefix_len,fqdn_fwd,fqdn_rev,hostname,hwaddr,state,user_context,hwtype,hwaddr_source"

function read(header: string, row: string) {
  const columns = readKeaHeader(header)
  if (!columns) throw new Error("no header")
  return readKeaRow(row, columns, header === header6 ? 6 : 4)
}

t.test("a row of Kea's is a lease from when the client asked to when it ends", async (t) => {
  const mac = "3c:22:fb:00:00:07"
  const held = { mac, asked: 1_795_260_266_000, ends: 1_795_260_866_000, state: "held" }
  const rows: [name: string, header: string, row: string, is: object][] = [
    ["as Kea 2.2 writes it", header4, `10.0.0.5,${mac},,600,1795260866,1,0,0,vm,0,`, held],
    [
      "a user context with commas and quotes, escaped",
      header4,
      `10.0.0.5,${mac},01:3c,600,1795260866,1,0,0,a&#x2cb,0,{ "a": 1&#x2c "b": 2 }`,
      held,
    ],
    [
      "columns in another order, and more of them",
      "state,expire,valid_lifetime,address,pool_id,hwaddr",
      `0,1795260866,600,10.0.0.5,3,${mac}`,
      held,
    ],
    ["a short row of an older version", header4, `10.0.0.5,${mac},,600,1795260866,1`, held],
    ["deleted", header4, `10.0.0.5,${mac},,0,1795260266,1,0,0,vm,0,`, { state: "gone" }],
    ["declined", header4, "10.0.0.5,,,86400,1795260866,1,0,0,,1,", { mac: null, state: "gone" }],
    ["reclaimed", header4, `10.0.0.5,${mac},,600,1795260866,1,0,0,,2,`, { state: "expired" }],
    [
      "released, in later versions",
      header4,
      `10.0.0.5,${mac},,600,1795260866,1,0,0,,3,`,
      { state: "gone" },
    ],
    [
      "for ever",
      header4,
      `10.0.0.5,${mac},,4294967295,6090228161,1,0,0,,0,`,
      { ends: null, asked: 1_795_260_866_000 },
    ],
    [
      "without hardware address",
      header4,
      "10.0.0.5,,01:02,600,1795260866,1,0,0,,0,",
      { mac: null },
    ],
    [
      "an IPv6 address, whose DUID has the MAC",
      header6,
      `2001:db8::5,00:03:00:01:${mac},600,1795260866,1,300,0,7,128,0,0,,,0,,,`,
      { ...held, address: "2001:db8::5" },
    ],
    [
      "a prefix that was delegated",
      header6,
      `2001:db8:1::,00:01:00:01:32:94:3c:46:${mac},600,1795260866,1,300,2,7,64,0,0,,,0,,1,2`,
      { ...held, address: "2001:db8:1::/64" },
    ],
    [
      "a DUID of another type",
      header6,
      "2001:db8::5,00:04:aa:bb,600,1795260866,1,300,0,7,128,0,0,,,0,,,",
      { mac: null },
    ],
  ]
  for (const [name, header, row, is] of rows) t.match(read(header, row), is, name)
})

t.test("a row that cannot be a lease is refused with why", async (t) => {
  const rows: [name: string, row: string, fault: RegExp][] = [
    ["no address", "x,,,600,1795260866,1,0,0,,0,", /address/],
    ["an address of the other family", "2001:db8::1,,,600,1795260866,1,0,0,,0,", /address/],
    ["a network", "10.0.0.0/8,,,600,1795260866,1,0,0,,0,", /address/],
    ["no time", "10.0.0.5,,,600,soon,1,0,0,,0,", /expire/],
    ["a time beyond all calendars", "10.0.0.5,,,600,999999999999,1,0,0,,0,", /expire/],
    ["begun before 1970", "10.0.0.5,,,600,10,1,0,0,,0,", /expire/],
    ["cells in excess", "10.0.0.5,,,600,1795260866,1,0,0,,0,,,,", /more cells/],
  ]
  for (const [name, row, fault] of rows) {
    const read_ = read(header4, row)
    t.match("fault" in read_ ? read_.fault : "", fault, name)
  }
  t.equal(readKeaHeader("10.0.0.5,aa,600"), null, "a row is no header")
})

t.test("no text makes reading throw, or a lease without a time", async () => {
  const columns = readKeaHeader(header6) ?? new Map()
  const cell = fc.oneof(
    fc.constantFrom("10.0.0.5", "2001:db8::1", "600", "1795260866", "0", "2", "&#x2c", "&#xzz", ""),
    fc.string(),
  )
  fc.assert(
    fc.property(
      fc.array(cell, { maxLength: 20 }),
      fc.constantFrom(4 as const, 6 as const),
      (cells, family) => {
        const lease = readKeaRow(cells.join(","), columns, family)
        return "fault" in lease || Number.isSafeInteger(lease.asked)
      },
    ),
  )
})
