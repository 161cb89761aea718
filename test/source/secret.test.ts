import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import t from "tap"
import { readSecret, Secret } from "../../src/source/secret.ts"

const dir = mkdtempSync(join(tmpdir(), "pinsensor-secret-"))
t.teardown(() => rmSync(dir, { recursive: true, force: true }))
mkdirSync(join(dir, "folder"))
const file = (name: string, text: string) => {
  writeFileSync(join(dir, name), text)
  return { file: join(dir, name) }
}
process.env["PINSENSOR_TEST_SECRET"] = "from the environment\n"

t.test("a credential is read from where the configuration says, without the line's end", (t) => {
  t.equal(readSecret("mdm.key", file("key", "s3cret\r\n")), "s3cret")
  t.equal(readSecret("mdm.key", { env: "PINSENSOR_TEST_SECRET" }), "from the environment")
  t.end()
})

t.test("a rotated credential is taken at its next use", (t) => {
  const rotated = file("rotated", "old")
  t.equal(readSecret("mdm.key", rotated), "old")
  file("rotated", "new")
  t.equal(readSecret("mdm.key", rotated), "new")
  t.end()
})

const rows: { name: string; secret: Secret; says: RegExp }[] = [
  {
    name: "a file that is not there",
    secret: { file: join(dir, "no") },
    says: /no cannot be read/,
  },
  { name: "a folder", secret: { file: join(dir, "folder") }, says: /EISDIR/ },
  { name: "an empty file", secret: file("empty", " \n"), says: /not set or empty; put/ },
  { name: "no such variable", secret: { env: "PINSENSOR_NONE" }, says: /variable PINSENSOR_NONE/ },
  { name: "a file of 65 KiB", secret: file("long", "x".repeat(66_560)), says: /longer than/ },
]

t.test("a credential that is not there names its key and the way out", (t) => {
  for (const { name, secret, says } of rows) {
    t.throws(() => readSecret("mdm.key", secret), { message: /^mdm\.key: / }, name)
    t.throws(() => readSecret("mdm.key", secret), { message: says }, name)
  }
  t.end()
})

t.test("an error about a credential never holds it", (t) => {
  const long = `hush${"x".repeat(70_000)}`
  const error = t.throws(() => readSecret("mdm.key", file("hush", long))) as Error
  t.notMatch(String(error.stack), /hushx/)
  t.end()
})

t.test("the value itself is no setting", (t) => {
  for (const given of ["s3cret", { value: "s3cret" }, { file: "a", env: "B" }])
    t.notOk(Secret.safeParse(given).success)
  t.end()
})
