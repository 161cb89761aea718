import t from "tap"
import type { InspectionCa } from "../../src/ca/inspection-ca.ts"
import { createLeafKeys } from "../../src/ca/leaf-keys.ts"
import { leafSelfCheck } from "../../src/ca/leaf-self-check.ts"
import { type Leaf, mintLeaf } from "../../src/ca/mint.ts"
import { DAY, newFolder, now, sensorCa } from "./made-ca.ts"

const dir = newFolder(t)
const keys = await createLeafKeys()
const ca = sensorCa(dir, "ec")
const other = sensorCa(dir, "ec")
const named = sensorCa(dir, "rsa")
const leaf = mintLeaf(ca, keys.ec, { name: "www.example.com", now })
const address = mintLeaf(ca, keys.rsa, { name: "2001:db8::1", now })

/** A leaf whose signature lost a bit. */
const broken = Buffer.from(leaf.der)
broken.writeUInt8(broken.readUInt8(broken.length - 1) ^ 1, broken.length - 1)

const rows: Record<
  string,
  { of?: Leaf; by?: InspectionCa; name?: string; at?: number; is: string }
> = {
  "a good leaf": { is: "ok" },
  "a good leaf asked for in capitals": { name: "WWW.example.com", is: "ok" },
  "a good leaf for an address": { of: address, name: "[2001:db8::1]", is: "ok" },
  "another name": { name: "example.com", is: "name-not-covered" },
  "another address": { of: address, name: "2001:db8::2", is: "name-not-covered" },
  "what is no name": { name: "*.example.com", is: "name-not-covered" },
  "a clock before it": { at: now - 2 * DAY, is: "not-yet-valid" },
  "a clock after it": { at: now + 14 * DAY, is: "expired" },
  "another key": { of: { ...leaf, key: keys.rsa }, is: "key-mismatch" },
  "a CA of another name": { by: named, is: "wrong-issuer" },
  "a CA of the same name with another key": { by: other, is: "wrong-issuer" },
  "a damaged signature": { of: { ...leaf, der: broken }, is: "bad-signature" },
}

for (const [name, row] of Object.entries(rows)) {
  t.test(`${name}: ${row.is}`, (t) => {
    const asked = row.name ?? "www.example.com"
    t.equal(leafSelfCheck(row.of ?? leaf, row.by ?? ca, asked, row.at ?? now), row.is)
    t.end()
  })
}
