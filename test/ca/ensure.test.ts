import { execFile } from "node:child_process"
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { promisify } from "node:util"
import t from "tap"
import { ensureInspectionCa } from "../../src/ca/ensure.ts"
import { certificate, ecKey, now, pkcs8 } from "./made-ca.ts"

const run = promisify(execFile)

t.test("the first start makes a CA that only its owner can read, the second loads it", (t) => {
  const dir = join(t.testdir(), "certs")
  const first = ensureInspectionCa({ dir, now })
  const second = ensureInspectionCa({ dir, now })
  t.equal(first.created, true)
  t.equal(second.created, false)
  t.equal(second.ca.fingerprint, first.ca.fingerprint)
  t.match(first.ca.subject, /^CN=Pinsensor Inspection CA [0-9a-f]{6}$/)
  t.same(readdirSync(dir).sort(), ["inspection-ca.key", "inspection-ca.pem"])
  t.equal(statSync(join(dir, "inspection-ca.key")).mode & 0o777, 0o600)
  t.end()
})

t.test("the certificate file to hand out holds no key", (t) => {
  const dir = t.testdir()
  ensureInspectionCa({ dir, now, keyKind: "rsa", commonName: "Lab CA", years: 2 })
  const pem = readFileSync(join(dir, "inspection-ca.pem"), "utf8")
  t.notMatch(pem, /PRIVATE/)
  t.equal(pem.match(/BEGIN CERTIFICATE/g)?.length, 1)
  t.end()
})

t.test("a pair that a crash left without its certificate file is completed", (t) => {
  const dir = t.testdir()
  const { ca } = ensureInspectionCa({ dir, now })
  rmSync(join(dir, "inspection-ca.pem"))
  const again = ensureInspectionCa({ dir, now })
  t.equal(again.created, false)
  t.equal(again.ca.fingerprint, ca.fingerprint)
  t.end()
})

t.test("an operator's key alone is refused with the way out, and left alone", (t) => {
  const key = pkcs8(ecKey())
  const dir = t.testdir({ "inspection-ca.key": key })
  t.throws(
    () => ensureInspectionCa({ dir, now }),
    /has no certificate beside it; put its certificate/,
  )
  t.equal(readFileSync(join(dir, "inspection-ca.key"), "utf8"), key)
  t.same(readdirSync(dir), ["inspection-ca.key"])
  t.end()
})

t.test("a certificate alone is refused with the way out, and left alone", (t) => {
  const dir = t.testdir()
  writeFileSync(join(dir, "inspection-ca.pem"), certificate({ name: "Corp CA", key: ecKey() }))
  t.throws(() => ensureInspectionCa({ dir, now }), /has no key beside it; restore/)
  t.same(readdirSync(dir), ["inspection-ca.pem"])
  t.end()
})

t.test("a directory that cannot be written stops the start with the way out", (t) => {
  const dir = join(t.testdir({ file: "" }), "file", "certs")
  t.throws(() => ensureInspectionCa({ dir, now }), /^ca: cannot write .* bring a CA of your own/)
  t.end()
})

t.test("processes that start together end with one CA", async (t) => {
  const dir = join(t.testdir(), "certs")
  const module = new URL("../../src/ca/ensure.ts", import.meta.url).href
  const program = `
    const { ensureInspectionCa } = await import(${JSON.stringify(module)})
    const { ca } = ensureInspectionCa({ dir: ${JSON.stringify(dir)}, now: ${now} })
    console.log(ca.fingerprint)`
  const start = () => run(process.execPath, ["--input-type=module", "-e", program])
  const printed = await Promise.all([start(), start(), start()])
  t.equal(new Set(printed.map(({ stdout }) => stdout)).size, 1)
  t.match(printed[0]?.stdout, /^[0-9a-f]{64}\n$/)
  t.same(readdirSync(dir).sort(), ["inspection-ca.key", "inspection-ca.pem"])
})
