/** Debian's squid as the proxy behind a sensor: Basic authentication, http:// and https:// ports. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, readFileSync } from "node:fs"
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { freePort } from "./free-port.ts"

const program = "/usr/sbin/squid"
const authenticator = "/usr/lib/squid/basic_ncsa_auth"
/** Squid opens its ports within this time on a busy machine, in milliseconds. */
const patience = 20_000

export interface Squid {
  port: number
  tlsPort: number
  /** Lines of its access log, `CONNECT/200 origin.test:443`, as far as they are written. */
  log(): string
  stop(): Promise<void>
}

/** Why it cannot be run here; null if it can. */
export function squidMissing(): string | null {
  if (!existsSync(program)) return "needs squid (Debian: squid-openssl)"
  if (!existsSync(authenticator)) return "needs squid's basic_ncsa_auth"
  const version = execFileSync(program, ["-v"]).toString()
  return version.includes("--with-openssl") ? null : "needs squid with TLS (Debian: squid-openssl)"
}

/** `names` are on 127.0.0.1 for it. `certificate`: of the https:// port. */
export async function startSquid(given: {
  user: string
  password: string
  names: readonly string[]
  certificate: { key: string; cert: string }
}): Promise<Squid> {
  const folder = await mkdtemp(join(tmpdir(), "pinsensor-squid-"))
  const at = (name: string) => join(folder, name)
  const [port, tlsPort] = [await freePort(), await freePort()]
  await writeFile(at("users"), `${given.user}:${passwordHash(given.password)}\n`)
  await writeFile(at("hosts"), `127.0.0.1 ${given.names.join(" ")}\n`)
  await writeFile(at("tls.pem"), given.certificate.cert + given.certificate.key)
  await writeFile(
    at("squid.conf"),
    [
      `http_port 127.0.0.1:${port}`,
      `https_port 127.0.0.1:${tlsPort} tls-cert=${at("tls.pem")}`,
      `hosts_file ${at("hosts")}`,
      `auth_param basic program ${authenticator} ${at("users")}`,
      "dns_nameservers 127.0.0.1",
      "auth_param basic children 1",
      "auth_param basic realm test",
      "acl known proxy_auth REQUIRED",
      "acl forbidden dstdomain forbidden.test",
      "http_access deny forbidden",
      "http_access allow known",
      "http_access deny all",
      "logformat short %rm/%>Hs %ru %un",
      `access_log stdio:${at("access.log")} short`,
      `cache_log ${at("cache.log")}`,
      "pid_filename none",
      "cache deny all",
      "cache_mem 8 MB",
      "pinger_enable off",
      "max_filedescriptors 1024",
      "shutdown_lifetime 0 seconds",
      "",
    ].join("\n"),
  )
  // Started by root, squid gives that up and must still be able to read here and write its logs.
  await chmod(folder, 0o777)
  const child = spawn(program, ["-N", "-f", at("squid.conf")], { stdio: "ignore" })
  await listening(child, tlsPort, () => text(at("cache.log")))
  return {
    port,
    tlsPort,
    log: () => text(at("access.log")),
    stop: async () => {
      const gone = new Promise((resolve) => child.once("exit", resolve))
      if (child.exitCode === null && child.kill("SIGKILL")) await gone
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** What basic_ncsa_auth reads: crypt(3) with SHA-512. */
function passwordHash(password: string): string {
  return execFileSync("openssl", ["passwd", "-6", "-salt", saltOf(password), password])
    .toString()
    .trim()
}

function saltOf(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 8)
}

async function listening(child: ChildProcess, port: number, errors: () => string): Promise<void> {
  const until = Date.now() + patience
  while (!(await answers(port))) {
    if (child.exitCode !== null || Date.now() > until)
      throw new Error(`squid does not listen: ${errors().slice(-2_000)}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

function text(file: string): string {
  try {
    return readFileSync(file, "utf8")
  } catch {
    return ""
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1")
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false))
    socket.once("connect", () => socket.destroy())
  })
}
