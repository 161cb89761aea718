import t from "tap"
import { guardName } from "../../../src/policy/destination/guard-name.ts"

t.test("a name that means the resolving machine or its cloud is not handed on", async (t) => {
  const rows: [name: string, because: RegExp][] = [
    ["localhost", /loopback/],
    ["LOCALHOST.", /loopback/],
    ["a.b.localhost", /loopback/],
    ["localhost.localdomain", /loopback/],
    ["printer.local", /link-local/],
    ["metadata.google.internal", /metadata/],
    ["127.1", /canonical form/],
    ["2130706433", /canonical form/],
    ["0x7f000001", /canonical form/],
    ["127.0.0.0x1", /canonical form/],
    ["0177.0.0.1", /canonical form/],
    ["a b", /not a host name/],
    ["", /not a host name/],
    ["-.example", /not a host name/],
    ["x\r\nHost: y", /not a host name/],
    ["[::1]", /not a host name/],
  ]
  for (const [name, because] of rows) t.match(guardName(name), { allowed: false, because }, name)
})

t.test("other names are, private ones too", async (t) => {
  for (const name of ["origin.example", "intranet", "localhost.example", "local.example", "a1.x2"])
    t.same(guardName(name), { allowed: true }, name)
})
