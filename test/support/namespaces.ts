/**
 * A small network of its own: a client, a gateway and an origin, each in a network namespace, with real
 * nftables. Linux, root, ip and nft are needed; `missing()` says what is not there.
 *
 *   client 10.77.0.2 -- 10.77.0.1 gateway 198.51.100.1 -- 198.51.100.7, .8, .9 origin
 *          fd77::2      fd77::1           2001:db8:77::1   2001:db8:77::7, ::9
 */
import { type ChildProcess, execFile, execFileSync, spawn } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const deploy = new URL("../../deploy/", import.meta.url).pathname

export type Place = "client" | "gateway" | "origin"

export const addresses = {
  client: ["10.77.0.2", "fd77::2"],
  gateway: ["10.77.0.1", "fd77::1"],
  /** The gateway's own side towards origins. */
  uplink: ["198.51.100.1", "2001:db8:77::1"],
  origin: ["198.51.100.7", "2001:db8:77::7"],
  plain: ["198.51.100.8"],
  /** The same origin, at addresses that the gateway's settings except. */
  never: ["198.51.100.9", "2001:db8:77::9"],
} as const

export interface Ran {
  code: number
  stdout: string
  stderr: string
}

export interface Network {
  /** What goes before a command so that it runs in a place. */
  under(place: Place): string[]
  /** Runs a command to its end; a failure is a code, no exception. 124: it took longer than 10 s. */
  run(place: Place, command: readonly string[], input?: string): Promise<Ran>
  /** Starts a command that runs until the end of the network, unless it is ended before. */
  start(place: Place, command: readonly string[], env?: Record<string, string>): ChildProcess
  /** Loads a file of deploy/nftables into the gateway; fails if nft does not like it. */
  load(rules: string): Promise<void>
  /** nft in the gateway. */
  nft(...args: string[]): Promise<Ran>
  close(): Promise<void>
}

/** Why there can be no such network here; null if there can. */
export function missing(): string | null {
  if (process.platform !== "linux") return "needs Linux"
  if (process.geteuid?.() !== 0) return "needs root, for network namespaces"
  for (const tool of ["ip", "nft", "curl", "openssl", "bash", "timeout"])
    if (!works("sh", "-c", `command -v ${tool}`)) return `needs ${tool}`
  const probe = `pinsensor-${process.pid}-probe`
  if (!works("ip", "netns", "add", probe)) return "needs the right to make network namespaces"
  const loads = works("ip", "netns", "exec", probe, "nft", "add table inet probe")
  works("ip", "netns", "del", probe)
  return loads ? null : "needs nftables in the kernel"
}

function works(command: string, ...args: string[]): boolean {
  try {
    execFileSync(command, args, { stdio: "ignore" })
    return true
  } catch {
    return false
  }
}

export async function makeNetwork(): Promise<Network> {
  sweep()
  const name = (place: Place) => `pinsensor-${process.pid}-${place}`
  const places: Place[] = ["client", "gateway", "origin"]
  const settings = mkdtempSync(join(tmpdir(), "pinsensor-nft-"))
  const children = new Set<ChildProcess>()
  const remove = () => {
    for (const child of children) child.kill("SIGKILL")
    for (const place of places) works("ip", "netns", "del", name(place))
    rmSync(settings, { recursive: true, force: true })
  }
  process.once("exit", remove)

  const under = (place: Place) => ["ip", "netns", "exec", name(place)]
  const run: Network["run"] = (place, command, input = "") =>
    new Promise((resolve) => {
      const [program = "", ...args] = [...under(place), ...command]
      const child = execFile(program, args, { timeout: 10_000 }, (error, stdout, stderr) => {
        const code = error?.killed ? 124 : typeof error?.code === "number" ? error.code : 0
        resolve({ code: error && code === 0 ? 1 : code, stdout, stderr })
      })
      child.stdin?.on("error", () => {})
      child.stdin?.end(input)
    })

  for (const place of places) execFileSync("ip", ["netns", "add", name(place)])
  const [client, gateway, origin] = places.map(name)
  execFileSync("ip", ["-n", gateway ?? "", "-batch", "-"], {
    input: `
      link set lo up
      link add lan type veth peer name eth netns ${client}
      link add wan type veth peer name eth netns ${origin}
      addr add ${addresses.gateway[0]}/24 dev lan
      addr add ${addresses.gateway[1]}/64 dev lan nodad
      addr add ${addresses.uplink[0]}/24 dev wan
      addr add ${addresses.uplink[1]}/64 dev wan nodad
      link set lan up
      link set wan up
    `,
  })
  const host = (ns: string | undefined, own: readonly string[], via: readonly string[]) =>
    execFileSync("ip", ["-n", ns ?? "", "-batch", "-"], {
      input: [
        "link set lo up",
        ...own.map((address) =>
          address.includes(":")
            ? `addr add ${address}/64 dev eth nodad`
            : `addr add ${address}/24 dev eth`,
        ),
        "link set eth up",
        ...via.map((address) => `route add default via ${address}`),
      ].join("\n"),
    })
  host(client, addresses.client, addresses.gateway)
  host(origin, [...addresses.origin, ...addresses.plain, ...addresses.never], addresses.uplink)
  // As deploy/sysctl sets them, and reverse-path filtering as strict as distributions have it.
  for (const setting of [
    "net.ipv4.ip_forward=1",
    "net.ipv6.conf.all.forwarding=1",
    "net.ipv4.conf.all.rp_filter=1",
  ])
    execFileSync("ip", ["netns", "exec", gateway ?? "", "sysctl", "-q", "-w", setting])

  writeFileSync(join(settings, "settings.nft"), gatewaySettings())
  return {
    under,
    run,
    start: (place, command, env = {}) => {
      const [program = "", ...args] = [...under(place), ...command]
      const child = spawn(program, args, { env: { ...process.env, ...env } })
      children.add(child)
      child.once("exit", () => children.delete(child))
      return child
    },
    load: async (rules) => {
      const file = join(deploy, "nftables", rules)
      const { code, stderr } = await run("gateway", ["nft", "-I", settings, "-f", file])
      if (code !== 0) throw new Error(`nft -f ${rules}: ${stderr}`)
    },
    nft: (...args) => run("gateway", ["nft", ...args]),
    close: async () => {
      process.off("exit", remove)
      const ended = [...children].map((child) => new Promise((ends) => child.once("exit", ends)))
      for (const child of children) child.kill("SIGKILL")
      await Promise.all(ended)
      remove()
    },
  }
}

/** deploy/nftables/settings.nft with what an operator of this network would edit. */
function gatewaySettings(): string {
  const asShipped = readFileSync(join(deploy, "nftables", "settings.nft"), "utf8")
  return asShipped
    .replace(/(client_interfaces =).*/, '$1 { "lan" }')
    .replace(/(never_destinations_4 =) \{/, `$1 { ${addresses.never[0]},`)
    .replace(/(never_destinations_6 =) \{/, `$1 { ${addresses.never[1]},`)
}

/** Removes what a run left that was killed. */
function sweep(): void {
  const names = execFileSync("ip", ["netns", "list"], { encoding: "utf8" }).split("\n")
  for (const line of names) {
    const [, name, pid] = /^(pinsensor-(\d+)-\w+)/.exec(line) ?? []
    if (name && !works("kill", "-0", pid ?? "")) works("ip", "netns", "del", name)
  }
}
