/**
 * One correlator judges a data directory: two would count the uses of a trial twice and send each
 * alert twice. The other one waits, be it of a second sensor or of one whose supervisor was killed.
 */
import { createHash } from "node:crypto"
import { realpathSync } from "node:fs"
import { createServer } from "node:net"

/** How often it is asked for, and after how long the wait is told, in milliseconds. */
const askEvery = 200
const toldAfter = 5_000

export interface Turn {
  /** True when it has come; false when it was given up. */
  mine: Promise<boolean>
  giveUp(): void
}

/**
 * Held as a Linux abstract socket, which the kernel takes back whenever and however the process
 * ends. It is not seen across network namespaces, nor on other systems: there nobody waits.
 */
export function waitForTurn(dir: string, onWait: () => void): Turn {
  let given = false
  const name = createHash("sha256").update(realpathSync(dir)).digest("hex").slice(0, 32)
  const mine = new Promise<boolean>((resolve) => {
    if (process.platform !== "linux") return resolve(true)
    let asked = 0
    const ask = () => {
      if (given) return resolve(false)
      const lock = createServer((socket) => socket.destroy())
      lock.once("listening", () => resolve(true))
      lock.once("error", (error: NodeJS.ErrnoException) => {
        // Where such sockets are not to be had, judging matters more than judging alone.
        if (error.code !== "EADDRINUSE") return resolve(true)
        asked += 1
        if (asked === Math.ceil(toldAfter / askEvery)) onWait()
        setTimeout(ask, askEvery)
      })
      lock.listen(`\0pinsensor-correlator-${name}`)
      lock.unref()
    }
    ask()
  })
  return {
    mine,
    giveUp: () => {
      given = true
    },
  }
}
