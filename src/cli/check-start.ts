/**
 * What would keep a sensor from working, found before a process is started: each fault with the key
 * of the configuration that it is about, and the way out.
 */
import { createServer } from "node:net"
import { setTimeout as sleep } from "node:timers/promises"
import { type Config, endpoint } from "../config.ts"
import { openStore } from "../evidence/open.ts"
import { originTrust } from "../intercept/origin-trust.ts"
import { errorCode } from "../intercept/tls-error.ts"
import { configuredFile } from "./configured-file.ts"

/** Processes of a sensor that was just killed may hold the port so long, in milliseconds. */
const portWait = 2_000

export async function checkStart(config: Config): Promise<void> {
  checkFiles(config)
  checkData(config.data)
  await checkPort(config.listen)
}

function checkFiles(config: Config): void {
  const originCa = config["origin-ca"]
  if (originCa !== null) {
    const pem = configuredFile("origin-ca", originCa)
    try {
      originTrust(pem)
    } catch (cause) {
      const text = `origin-ca: ${originCa} holds no certificate that can be read; give a PEM file`
      throw new Error(text, { cause })
    }
  }
  for (const [index, sink] of config.syslog.entries())
    for (const name of ["ca", "cert", "key"] as const) {
      const file = sink[name]
      if (file !== null) configuredFile(`syslog[${index}].${name}`, file)
    }
}

function checkData(dir: string): void {
  try {
    openStore(dir).close()
  } catch (cause) {
    const code = errorCode(cause)
    // The store's own words say what to do; those of the system do not.
    if (cause instanceof Error && cause.message.startsWith("evidence: ") && !isDenied(cause))
      throw cause
    throw new Error(
      `data: ${dir} cannot be used (${isDenied(cause) ? "not writable" : code}); give a directory that this user may write with --data`,
      { cause },
    )
  }
}

function isDenied(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const denied = /^(EACCES|EPERM|EROFS|SQLITE_READONLY|SQLITE_CANTOPEN)/
  return denied.test(errorCode(error)) || isDenied(error.cause)
}

/**
 * Workers share the port, so a second sensor could join them unnoticed: it is asked for once
 * alone. A port of 0 is never taken.
 */
async function checkPort(listen: string): Promise<void> {
  const { host, port } = endpoint(listen)
  const until = Date.now() + portWait
  for (;;) {
    const code = await portFault(host, port)
    if (code === null) return
    if (code === "EADDRINUSE" && Date.now() < until) await sleep(100)
    else throw new Error(`listen: ${listen} ${portWords(code, host)}`)
  }
}

function portFault(host: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once("error", (error) => resolve(errorCode(error)))
    server.listen({ host, port }, () => server.close(() => resolve(null)))
  })
}

function portWords(code: string, host: string): string {
  switch (code) {
    case "EADDRINUSE":
      return "is taken by another program; end that, or give another --listen HOST:PORT"
    case "EACCES":
      return "may not be opened by this user; give a port above 1023 with --listen HOST:PORT"
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return `cannot be opened: ${host} is no address of this machine; give one with --listen HOST:PORT`
    default:
      return `cannot be opened (${code}); give another --listen HOST:PORT`
  }
}
