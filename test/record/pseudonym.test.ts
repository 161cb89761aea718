import fc from "fast-check"
import t from "tap"
import { canonicalAddress } from "../../src/identity/address-key.ts"
import { kindNames } from "../../src/record/kinds.ts"
import { type NameKind, Pseudonyms } from "../../src/record/pseudonym.ts"
import { anyRecord } from "../evidence/any-record.ts"

const key = Buffer.alloc(32, 7)
const nobody = () => null
const made = (known: (word: string) => NameKind | null = nobody, with_ = key) =>
  new Pseudonyms({ key: with_, canonicalAddress, known })

t.test("the same name has the same pseudonym, another key gives another", async (t) => {
  const names = made()
  t.match(names.of("device", "phone-1"), /^pn-device-[0-9a-f]{24}$/)
  t.equal(names.of("device", "phone-1"), made().of("device", "phone-1"))
  t.not(names.of("device", "phone-1"), names.of("device", "phone-2"))
  t.not(names.of("device", "x"), names.of("user", "x"))
  t.not(names.of("user", "x"), made(nobody, Buffer.alloc(32, 8)).of("user", "x"))
  t.equal(names.of("user", "Ann@Acme.example"), names.of("user", "ann@acme.example"))
  t.equal(names.of("mac", "00-11-22-AA-BB-CC"), names.of("mac", "00:11:22:aa:bb:cc"))
})

t.test("an address becomes one that nobody has, however it was written", async (t) => {
  const names = made()
  const one = names.of("address", "10.1.2.3")
  t.match(one, /^fd[0-9a-f]{2}:[0-9a-f:]+$/)
  t.equal(names.of("address", "::ffff:10.1.2.3"), one)
  t.equal(names.of("address", "10.1.2.3/32"), `${one}/128`)
  t.equal(names.of("device", "address:10.1.2.3"), `address:${one}`)
  t.match(names.of("address", "10.1.0.0/16"), /^pn-network-/)
})

t.test("only clients' addresses and people's names are taken out of a record", async (t) => {
  const names = made((word) => (word === "phone-2" || word === "10.9.9.9" ? "device" : null))
  const record = {
    record_id: "b:phone-1:10.1.2.3",
    device_id: "phone-1",
    device: { ip: "10.1.2.3", user: "ann" },
    dest: { ip: "203.0.113.1", port: 443 },
    scope: { client_network: "10.1.2.3/32", sni: "a.example" },
    reasons: ["phone-1 of ann refused, phone-2: no; 10.1.2.3:40000 did"],
    who: "ops@desk",
    n: 4,
  }
  const out = JSON.parse(names.inRecord(JSON.stringify(record)))
  t.strictSame(Object.keys(out), Object.keys(record))
  t.match(out, { dest: { ip: "203.0.113.1", port: 443 }, who: "ops@desk", n: 4 })
  t.equal(out.scope.sni, "a.example")
  const [device, address] = [names.of("device", "phone-1"), names.of("address", "10.1.2.3")]
  t.equal(out.record_id, `b:${device}:${address}`)
  t.strictSame(out.device, { ip: address, user: names.of("user", "ann") })
  t.equal(
    out.reasons[0],
    `${device} of ${names.of("user", "ann")} refused, ${names.of("device", "phone-2")}: no; ${address}:40000 did`,
  )
})

/** Long enough to stand in no other word by chance. */
const name = fc.stringMatching(/^[a-zA-Z0-9][a-zA-Z0-9._@-]{10,20}[a-zA-Z0-9]$/)
const fieldsOf: Record<string, string[]> = {
  device_id: ["device_id"],
  user: ["user", "proxy_user"],
  serial: ["serial"],
  udid: ["udid"],
  imei: ["imei"],
  mdm_id: ["mdm_id"],
}

t.test("no name stands in any line of any kind, in a field or in words", async (t) => {
  for (const kind of kindNames) {
    let looked = 0
    fc.assert(
      fc.property(
        anyRecord(kind),
        fc.uniqueArray(name, { minLength: 6, maxLength: 6, selector: (one) => one.toLowerCase() }),
        (record, given) => {
          const values = new Map(Object.keys(fieldsOf).map((field, i) => [field, given[i] ?? ""]))
          const known = (word: string): NameKind | null => (given.includes(word) ? "device" : null)
          const said = named(record, values, `seen by ${given.join(", ")}: and ${given[0]}.`)
          const out = made(known).inRecord(JSON.stringify(said)).toLowerCase()
          looked += 1
          return given.every((one) => !out.includes(one.toLowerCase()))
        },
      ),
      { numRuns: 4 },
    )
    t.equal(looked, 4, kind)
  }
})

/** The record with these names in its fields, and a sentence about them in every text that has a space. */
function named(value: unknown, names: Map<string, string>, sentence: string, key = ""): unknown {
  if (typeof value === "string") {
    const field = Object.keys(fieldsOf).find((one) => fieldsOf[one]?.includes(key))
    if (field !== undefined) return names.get(field)
    return ["reason", "summary", "why", "reasons", "was", "now", "about"].includes(key)
      ? sentence
      : value
  }
  if (Array.isArray(value)) return value.map((one) => named(one, names, sentence, key))
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [name, named(one, names, sentence, name)]),
  )
}
