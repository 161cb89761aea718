import t from "tap"
import { covers } from "../../src/analytics/host-list.ts"

t.test("a list covers names, names below, addresses and networks", async (t) => {
  const list = ["api.bank.example", "*.shop.example", "203.0.113.0/24", "2001:db8::/32"]
  const rows = [
    ["api.bank.example", true],
    ["www.bank.example", false],
    ["a.b.shop.example", true],
    ["shop.example", false],
    ["203.0.113.9:443", true],
    ["203.0.114.9:443", false],
    ["[2001:db8::1]:443", true],
  ] as const
  for (const [destination, covered] of rows)
    t.equal(covers(list, destination), covered, destination)
  t.equal(covers([], "api.bank.example"), false)
})

t.test("a long list is asked once for each host, and says the same again", async (t) => {
  const list = Array.from({ length: 20 }, (_, index) => `*.place${index}.example`)
  for (const _ of ["first", "again"]) {
    t.equal(covers(list, "www.place19.example"), true)
    t.equal(covers(list, "www.place20.example"), false)
  }
})

t.test("free text of a record that is no pattern covers nothing and throws nothing", async (t) => {
  t.equal(covers(["https://x.example/", "", "*"], "x.example"), false)
})
