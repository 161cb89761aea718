/** What the bench needs on disk, in a temporary folder: certificates, and the stacks that must be compiled. */
import { execFile } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { testCa } from "../../test/support/certificates.ts"
import { domain } from "./bed.ts"

const run = promisify(execFile)

export interface Files {
  folder: string
  /** The CA that clients trust, and one that they do not. */
  ca: string
  stranger: string
  cert: string
  key: string
  p12: string
  clientCert: string
  clientKey: string
  clientP12: string
  /** How to start a compiled stack; null where its tools are not installed. */
  java: string[] | null
  go: string[] | null
  python: string[] | null
  remove(): Promise<void>
}

const stacks = join(import.meta.dirname, "stacks")

export async function makeFiles(): Promise<Files> {
  const folder = mkdtempSync(join(tmpdir(), "pinsensor-opaque-"))
  const [ca, stranger] = await Promise.all([testCa(), testCa()])
  const [origin, client] = await Promise.all([
    ca.issue("origin", `DNS:*.${domain},DNS:localhost`),
    ca.issue("client", "DNS:client.test"),
  ])
  const store = async (name: string, { cert, key }: { cert: string; key: string }) => {
    const out = join(folder, `${name}.p12`)
    const args = ["-export", "-in", cert, "-inkey", key, "-out", out, "-passout", "pass:opaque"]
    await run("openssl", ["pkcs12", ...args])
    return out
  }
  const [java, go, p12, clientP12] = await Promise.all([
    compiled(
      "javac",
      ["-d", folder, join(stacks, "Stack.java")],
      ["java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx96m", "-cp", folder, "Stack"],
    ),
    compiled(
      "go",
      ["build", "-o", join(folder, "stack"), join(stacks, "stack.go")],
      [join(folder, "stack")],
    ),
    store("origin", origin),
    store("client", client),
  ])
  return {
    folder,
    ca: ca.file,
    stranger: stranger.file,
    ...origin,
    p12,
    clientCert: client.cert,
    clientKey: client.key,
    clientP12,
    java,
    go,
    python: await compiled("python3", ["-c", "import ssl"], ["python3", join(stacks, "stack.py")]),
    remove: async () => {
      rmSync(folder, { recursive: true, force: true })
      await Promise.all([ca.remove(), stranger.remove()])
    },
  }
}

async function compiled(tool: string, args: string[], start: string[]): Promise<string[] | null> {
  try {
    await run(tool, args, { env: { ...process.env, GO111MODULE: "off" } })
    return start
  } catch {
    return null
  }
}
