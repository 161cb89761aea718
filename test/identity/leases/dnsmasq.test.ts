import fc from "fast-check"
import t from "tap"
import { readDnsmasqLeases } from "../../../src/identity/leases/dnsmasq.ts"

t.test("both sections of a lease file are read, as dnsmasq 2.90 writes them", async (t) => {
  const text = [
    "1795260482 3c:22:fb:00:00:07 10.78.0.54 vm *",
    "0 3c:22:fb:00:00:08 10.78.0.55 * 01:3c:22:fb:00:00:08",
    "1795260482 06-00:01:02:03:04:05:06 10.78.0.56 * *",
    "duid 00:01:00:01:32:94:3c:46:9e:61:3b:2a:2f:3a",
    "1795260484 4211081223 fd78::5a * 00:03:00:01:3c:22:fb:00:00:07",
    "1795260484 T4211081223 fd78::5b * 00:01:00:01:32:94:3c:46:3c:22:fb:00:00:09",
    "1795260484 12 fd78::5c * 00:04:01:02",
    "",
  ].join("\n")
  const { leases, rejected } = readDnsmasqLeases(text)
  t.same(rejected, [])
  t.same(
    leases.map(({ address, mac, ends }) => [address, mac, ends]),
    [
      ["10.78.0.54", "3c:22:fb:00:00:07", 1_795_260_482_000],
      ["10.78.0.55", "3c:22:fb:00:00:08", null],
      ["10.78.0.56", null, 1_795_260_482_000],
      ["fd78::5a", "3c:22:fb:00:00:07", 1_795_260_484_000],
      ["fd78::5b", "3c:22:fb:00:00:09", 1_795_260_484_000],
      ["fd78::5c", null, 1_795_260_484_000],
    ],
  )
})

t.test("a line that is no lease is refused, and the others are read", async (t) => {
  const text =
    "soon aa 10.0.0.5 * *\n1795260482 3c:22:fb:00:00:07 10.0.0.6 * *\n10.0.0.7\nduid x\n1 2 10.0.0.8 * *\n"
  const { leases, rejected } = readDnsmasqLeases(text)
  t.same(
    leases.map(({ address }) => address),
    ["10.0.0.6"],
  )
  t.same(rejected, [
    { at: 0, because: "it is no lease of DHCPv4" },
    { at: 63, because: "it is no lease of DHCPv4" },
    { at: 79, because: "it is no lease of DHCPv6" },
  ])
})

t.test("no text makes reading throw", async () => {
  const word = fc.oneof(
    fc.constantFrom("1795260482", "duid", "10.0.0.5", "fd78::1", "*", "\n", "0"),
    fc.string(),
  )
  fc.assert(
    fc.property(fc.array(word), (words) => {
      const { leases } = readDnsmasqLeases(words.join(" "))
      return leases.every(({ ends }) => ends === null || Number.isSafeInteger(ends))
    }),
  )
})
