/**
 * What would keep a sensor from working, found before a process is started: each fault with the key
 * of the configuration that it is about, and the way out.
 */
import { createServer } from "node:net"
import { setTimeout as sleep } from "node:timers/promises"
import { type Config, listenersOf } from "../../config.ts"
import { openStore } from "../../evidence/open.ts"
import {
  endpoint,
  explicitName,
  isTransparent,
  type ListenerKind,
  type ListenerSettings,
} from "../../intercept/listeners.ts"
import { originTrust } from "../../intercept/origin-trust.ts"
import { makeTransparent, transparentSupport } from "../../intercept/original-destination.ts"
import { readProxyUsers } from "../../intercept/proxy-logins.ts"
import { errorCode } from "../../intercept/tls-error.ts"
import { checkTelemetryFiles } from "../../telemetry/check-files.ts"
import { telemetryListeners } from "../../telemetry/listeners.ts"
import { configuredFile } from "../configured-file.ts"
import { upstreamProxyCredentials } from "../worker/upstream-proxy.ts"

/** Processes of a sensor that was just killed may hold the port so long, in milliseconds. */
const portWait = 2_000

export async function checkStart(config: Config): Promise<void> {
  checkFiles(config)
  checkData(config.data)
  for (const listener of listenersOf(config)) await checkPort(listener)
  checkTelemetryFiles(config.sources)
  if (config.sources.mdm.length > 0) {
    // Loaded where there is one: its tokens and its HTTP would be a fifth of every other start.
    const { checkMdmFiles } = await import("../../identity/mdm/check-files.ts")
    await checkMdmFiles(config.sources.mdm)
  }
  for (const { at, settings } of telemetryListeners(config.sources))
    await checkFree(`${at}.listen`, settings.listen, "explicit", "it another HOST:PORT")
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
  upstreamProxyCredentials(config)
  const proxyUsers = config["proxy-users"]
  if (proxyUsers !== null)
    readProxyUsers(configuredFile("proxy-users", proxyUsers.file), proxyUsers.file)
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
async function checkPort({ name, kind, listen }: ListenerSettings): Promise<void> {
  const explicit = name === explicitName
  const key = explicit ? "listen" : `listeners: ${name}`
  const wayOut = explicit ? "another --listen HOST:PORT" : "it another listen: HOST:PORT"
  const unable = isTransparent(kind) ? transparentSupport() : null
  if (unable !== null) throw new Error(`${key}: kind ${kind} cannot work here: ${unable}`)
  return checkFree(key, listen, kind, wayOut)
}

async function checkFree(
  key: string,
  listen: string,
  kind: ListenerKind,
  wayOut: string,
): Promise<void> {
  const until = performance.now() + portWait
  for (;;) {
    const fault = await portFault(listen, kind)
    if (fault === null) return
    const { code } = fault
    if (code === "EADDRINUSE" && performance.now() < until) await sleep(100)
    else if (code === notTransparent) throw new Error(`${key}: ${fault.message}`)
    else throw new Error(`${key}: ${listen} ${portWords(code, listen, wayOut)}`)
  }
}

/** Stands for the code of an error that is in words already. */
const notTransparent = "not-transparent"

function portFault(
  listen: string,
  kind: ListenerKind,
): Promise<{ code: string; message: string } | null> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once("error", (error) => resolve({ code: errorCode(error), message: error.message }))
    server.listen(endpoint(listen), () => {
      let fault: { code: string; message: string } | null = null
      try {
        if (kind === "tproxy") makeTransparent(server)
      } catch (error) {
        fault = { code: notTransparent, message: error instanceof Error ? error.message : "" }
      }
      server.close(() => resolve(fault))
    })
  })
}

function portWords(code: string, listen: string, wayOut: string): string {
  switch (code) {
    case "EADDRINUSE":
      return `is taken by another program; end that, or give ${wayOut}`
    case "EACCES":
      return `may not be opened by this user; give a port above 1023: ${wayOut}`
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return `cannot be opened: ${endpoint(listen).host} is no address of this machine; give ${wayOut}`
    default:
      return `cannot be opened (${code}); give ${wayOut}`
  }
}
