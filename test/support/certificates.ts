/** Throw-away certificates for tests of TLS, made by the openssl program: a CA and what it issues. */
import { execFile } from "node:child_process"
import { randomBytes } from "node:crypto"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"

const run = promisify(execFile)

export interface TestCa {
  /** PEM file of the CA's certificate. */
  file: string
  /** PEM files of a new certificate for this subject alternative name, e.g. `IP:127.0.0.1`. */
  issue(name: string, san: string): Promise<{ cert: string; key: string }>
  remove(): Promise<void>
}

export async function testCa(): Promise<TestCa> {
  const folder = await mkdtemp(join(tmpdir(), "pinsensor-test-ca-"))
  const at = (file: string) => join(folder, file)
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
  const caFiles = ["-keyout", at("ca.key"), "-out", at("ca.pem")]
  await run("openssl", [
    "req",
    "-x509",
    ...newKey,
    "-subj",
    "/CN=test CA",
    "-days",
    "2",
    ...caFiles,
  ])
  return {
    file: at("ca.pem"),
    issue: async (name, san) => {
      const [cert, key, request, extensions] = ["pem", "key", "csr", "ext"].map((kind) =>
        at(`${name}.${kind}`),
      )
      if (!cert || !key || !request || !extensions) throw new Error("no file names")
      await writeFile(extensions, `subjectAltName=${san}\n`)
      await run("openssl", [
        "req",
        ...newKey,
        "-subj",
        `/CN=${name}`,
        "-keyout",
        key,
        "-out",
        request,
      ])
      const serial = `0x4${randomBytes(8).toString("hex")}`
      const issuer = [
        "-CA",
        at("ca.pem"),
        "-CAkey",
        at("ca.key"),
        "-set_serial",
        serial,
        "-days",
        "2",
      ]
      await run("openssl", [
        "x509",
        "-req",
        "-in",
        request,
        ...issuer,
        "-extfile",
        extensions,
        "-out",
        cert,
      ])
      return { cert, key }
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  }
}
