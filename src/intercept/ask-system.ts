/**
 * Asks the system's C library (getaddrinfo): it knows nsswitch.conf, search domains and mDNS. It holds a
 * thread of the process's pool (16) for as long as it takes, so few are asked at a time.
 */
import { lookup } from "node:dns/promises"
import type { Lookup } from "./resolver.ts"

/** Threads that names may hold, so that files have some left; and names that wait for one. */
const atATime = 8
const mostWaiting = 256

/** Owned state of the function returned: who waits. */
export function askSystem(ask: (name: string) => Promise<readonly string[]> = getaddrinfo): Lookup {
  const waiting: (() => void)[] = []
  let asking = 0
  return async (name) => {
    if (asking >= atATime) {
      if (waiting.length >= mostWaiting)
        throw Object.assign(new Error("too many names wait for the system"), { code: "EBUSY" })
      // Whoever ends hands its place on.
      await new Promise<void>((resolve) => waiting.push(resolve))
    } else asking++
    try {
      return await ask(name)
    } finally {
      const next = waiting.shift()
      if (next) next()
      else asking--
    }
  }
}

async function getaddrinfo(name: string): Promise<readonly string[]> {
  const answers = await lookup(name, { all: true, order: "verbatim" })
  return answers.map(({ address }) => address)
}
