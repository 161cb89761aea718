/** One connection of an app: a process of its own, curl or a client of node:tls. */
import { type ChildProcess, execFile } from "node:child_process"
import { existsSync } from "node:fs"
import { type AppName, apps, type DeviceId, devices, type Host } from "./cast.ts"
import { type Errand, padding } from "./clients/errand.ts"

/** `distrusting` and `trusting` differ in the CAs they are given and in nothing else. */
export type Manner = "trusting" | "distrusting" | "pin-early" | "pin-late" | "preconnect"

export interface Visit {
  device: DeviceId
  app: AppName
  host: Host
  manner: Manner
}

export interface Visited extends Visit {
  /** Whether there was content, or what the client wanted instead. */
  worked: boolean
  /** The client's own word for it. */
  word: string
}

/** Where the clients find things. */
export interface Surroundings {
  proxy: string
  portOf: (host: Host) => number
  /** PEM file with the public CAs, and one with the inspection CA as well. */
  publicCas: string
  withInspectionCa: string
  /** Pin of the origins with public certificates. */
  pin: string
  /** Path of curl; null where it is not installed. */
  curl: string | null
}

const curlPaths = ["/usr/bin/curl", "/usr/local/bin/curl", "/opt/homebrew/bin/curl"]

export function findCurl(): string | null {
  return curlPaths.find((path) => existsSync(path)) ?? null
}

/** Longest life of a client, in milliseconds. */
const patience = 12_000
/** Processes that run, for the end of the lab; as many as there are visits at once. */
const running = new Set<ChildProcess>()

export function killClients(): void {
  for (const child of running) child.kill("SIGKILL")
}

export function make(visit: Visit, around: Surroundings): Promise<Visited> {
  const errand = errandOf(visit, around)
  const useCurl = apps[visit.app].program === "curl" && visit.manner !== "preconnect"
  const [file, args] =
    useCurl && around.curl !== null
      ? [around.curl, curlArguments(errand, visit.manner)]
      : [process.execPath, [scriptOf(visit.manner), JSON.stringify(errand)]]
  return new Promise((resolve) => {
    const child = execFile(file, args, { timeout: patience }, (error, stdout, stderr) => {
      running.delete(child)
      const [word = ""] = (error && stderr ? stderr : stdout).trim().split("\n")
      resolve({ ...visit, worked: error === null, word })
    })
    running.add(child)
  })
}

function errandOf({ device, app, host, manner }: Visit, around: Surroundings): Errand {
  return {
    proxy: around.proxy,
    from: devices[device].address,
    host,
    port: around.portOf(host),
    agent: apps[app].user_agent,
    trust: manner === "distrusting" ? around.publicCas : around.withInspectionCa,
    pin: around.pin,
  }
}

function scriptOf(manner: Manner): string {
  const name = manner === "distrusting" ? "trusting" : manner
  return new URL(`./clients/${name}.ts`, import.meta.url).pathname
}

/** curl compares its pin after the handshake (with OpenSSL), so it is the client of `pin-late`. */
function curlArguments(errand: Errand, manner: Manner): string[] {
  const pinned = manner === "pin-late" || manner === "pin-early"
  const options = {
    "--proxy": `http://${errand.proxy}`,
    "--interface": errand.from,
    "--user-agent": errand.agent,
    "--cacert": errand.trust,
    "--header": `X-Padding: ${padding}`,
    "--output": "/dev/null",
    "--write-out": "%{size_download} bytes of content",
    "--max-time": "10",
    ...(pinned ? { "--pinnedpubkey": errand.pin } : {}),
  }
  const url = `https://${errand.host}:${errand.port}/`
  // Not what the user's own ~/.curlrc and NO_PROXY say.
  return [
    "--disable",
    "--noproxy",
    "",
    "--silent",
    "--show-error",
    ...Object.entries(options).flat(),
    url,
  ]
}
