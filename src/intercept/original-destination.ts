/**
 * Where a client that was brought here by the firewall wanted to go (Linux: nftables REDIRECT, DNAT
 * or TPROXY). Comes in: accepted sockets whose bytes nobody has read; goes out: an address and a port.
 */
import type { Server, Socket } from "node:net"
import { networkInterfaces } from "node:os"
import { canonicalAddress } from "../policy/destination/addresses.ts"
import { descriptor, libc, noLibc } from "./libc.ts"

export interface OriginalDestination {
  /** Canonical: an IPv4-mapped address is IPv4. */
  address: string
  port: number
}

/** Levels and names of options: linux/in.h, linux/in6.h, linux/netfilter_ipv4.h, netfilter_ipv6. */
const ip = { level: 0, transparent: 19, originalDestination: 80 }
const ipv6 = { level: 41, transparent: 75, originalDestination: 80 }
/** errno of "not permitted". */
const eperm = 1

/** struct sockaddr_in (16 bytes) or sockaddr_in6 (28). One buffer for all calls: they are synchronous. */
const answer = Buffer.alloc(28)
const length = new Uint32Array(1)
const on = Buffer.from(Int32Array.of(1).buffer)

/** Why transparent listeners cannot work here; null if they can. */
export function transparentSupport(): string | null {
  return noLibc && `transparent listeners need Linux and koffi: ${noLibc}`
}

/**
 * Lets a listening server take connections to addresses that are not this host's, as TPROXY brings
 * them. Each worker does it for its own socket. Throws an Error that says what to do.
 */
export function makeTransparent(server: Server): void {
  const unsupported = transparentSupport()
  if (unsupported !== null || !libc) throw new Error(`tproxy: ${unsupported}`)
  const fd = descriptor(server)
  if (fd === undefined)
    throw new Error(
      "tproxy: this process has no descriptor of the listener; listen before, unshared",
    )
  const bound = server.address()
  const family = typeof bound === "object" && bound?.family === "IPv6" ? ipv6 : ip
  if (libc.setsockopt(fd, family.level, family.transparent, on, on.length) === 0) return
  const errno = libc.errno()
  throw new Error(
    errno === eperm
      ? "tproxy: the kernel does not permit IP_TRANSPARENT; give the process CAP_NET_ADMIN " +
          "(systemd: AmbientCapabilities=CAP_NET_ADMIN), or use a redirect listener, which needs nothing"
      : `tproxy: IP_TRANSPARENT cannot be set on the listener (errno ${errno})`,
  )
}

/**
 * The address and port that the client dialled; null if it dialled the listener itself, or is
 * gone already. Without this answer nothing is dialled: that would be the listener, in a loop.
 */
export function originalDestination(
  socket: Socket,
  kind: "redirect" | "tproxy",
): OriginalDestination | null {
  const local = localEnd(socket)
  if (local === null) return null
  if (kind === "tproxy") return local.port === listenPort(socket) && isOwn(local) ? null : local
  const original = natDestination(socket, local.address.includes(":"))
  // A connection that the kernel tracks and does not rewrite has its own local end as the answer.
  const direct = original?.address === local.address && original.port === local.port
  return direct ? null : original
}

function localEnd({ localAddress, localPort }: Socket): OriginalDestination | null {
  const address = localAddress === undefined ? null : canonicalAddress(localAddress)
  return address === null || localPort === undefined ? null : { address, port: localPort }
}

/** SO_ORIGINAL_DST. An IPv4 client of a dual-stack listener is asked for at the level of IPv4. */
function natDestination(socket: Socket, isV6: boolean): OriginalDestination | null {
  const fd = descriptor(socket)
  if (!libc || fd === undefined) return null
  const { level, originalDestination: name } = isV6 ? ipv6 : ip
  length[0] = answer.length
  // ENOENT: not tracked. ENOPROTOOPT: no NAT in this kernel.
  if (libc.getsockopt(fd, level, name, answer, length) !== 0) return null
  const port = answer.readUInt16BE(2)
  const address = isV6 ? ipv6Text(answer.subarray(8, 24)) : answer.subarray(4, 8).join(".")
  const canonical = canonicalAddress(address)
  return canonical === null ? null : { address: canonical, port }
}

function ipv6Text(bytes: Buffer): string {
  return (bytes.toString("hex").match(/.{4}/g) ?? []).join(":")
}

/** The server that accepted a socket is a property of it that Node's types do not tell of. */
function listenPort(socket: Socket): number | null {
  const server: unknown = Reflect.get(socket, "server")
  if (typeof server !== "object" || server === null || !("address" in server)) return null
  const bound = (server as Server).address()
  return typeof bound === "object" && bound ? bound.port : null
}

/** Asked only for the listener's own port: reading the interfaces costs about 100 us. */
function isOwn({ address }: OriginalDestination): boolean {
  if (address.startsWith("127.")) return true
  return Object.values(networkInterfaces())
    .flat()
    .some((own) => own !== undefined && canonicalAddress(own.address) === address)
}
