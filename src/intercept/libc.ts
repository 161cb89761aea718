/**
 * The few calls of Linux's libc that Node has no name for, through koffi (optional). Without them there
 * are no TCP facts and no transparent listeners; all the rest works.
 */
import { createRequire } from "node:module"
import type { Server, Socket } from "node:net"

export interface Libc {
  getsockopt(fd: number, level: number, name: number, value: Buffer, length: Uint32Array): number
  setsockopt(fd: number, level: number, name: number, value: Buffer, length: number): number
  dup(fd: number): number
  close(fd: number): number
  /** The error number of the last of these calls that failed, until Node makes one of its own. */
  errno(): number
}

const loaded = load()
export const libc: Libc | null = typeof loaded === "string" ? null : loaded
/** Why there are no such calls; null if there are. */
export const noLibc: string | null = typeof loaded === "string" ? loaded : null

function load(): Libc | string {
  if (process.platform !== "linux") return `this is ${process.platform}, not Linux`
  try {
    const koffi = createRequire(import.meta.url)("koffi")
    const library = koffi.load("libc.so.6")
    return {
      getsockopt: library.func(
        "int getsockopt(int, int, int, _Out_ uint8_t *, _Inout_ uint32_t *)",
      ),
      setsockopt: library.func("int setsockopt(int, int, int, const uint8_t *, uint32_t)"),
      dup: library.func("int dup(int)"),
      close: library.func("int close(int)"),
      errno: koffi.errno,
    }
  } catch (error) {
    const why = error instanceof Error ? error.message.split("\n")[0] : ""
    return `koffi cannot be loaded (${why}); install it with npm install koffi`
  }
}

/** File descriptor of a handle; undefined once it is closed, and off Linux. */
export function descriptor(owner: Socket | Server): number | undefined {
  const handle: unknown = Reflect.get(owner, "_handle")
  if (typeof handle !== "object" || handle === null) return undefined
  const fd: unknown = Reflect.get(handle, "fd")
  return typeof fd === "number" && fd >= 0 ? fd : undefined
}
