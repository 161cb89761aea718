/** Emulators run by hand: their flags, and disturbances that come again and again. */
import { parseArgs } from "node:util"
import type { Asked, Disturbance, Emulator } from "./http-emulator.ts"

export interface Flags {
  port: number
  devices: number
  appsEach: number
  tokenSeconds: number
}

const quirks = ["none", "throttle", "outage", "reset", "half", "garbage"] as const
type Quirk = (typeof quirks)[number]

/** --port, --devices, --apps, --token-seconds; --quirk of every --every-th request. */
export function flagsOf(argv: readonly string[]): Flags & { disturb: Emulator["disturb"] } {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      port: { type: "string", default: "0" },
      devices: { type: "string", default: "1000" },
      apps: { type: "string", default: "3" },
      "token-seconds": { type: "string", default: "60" },
      quirk: { type: "string", default: "none" },
      every: { type: "string", default: "5" },
    },
  })
  const quirk = quirks.find((one) => one === values.quirk)
  if (!quirk) throw new Error(`--quirk is one of ${quirks.join(", ")}`)
  const every = Number(values.every)
  return {
    port: Number(values.port),
    devices: Number(values.devices),
    appsEach: Number(values.apps),
    tokenSeconds: Number(values["token-seconds"]),
    disturb: (asked) => (asked.count % every === 0 ? disturbance(quirk, asked) : null),
  }
}

function disturbance(quirk: Quirk, { count }: Asked): Disturbance | null {
  switch (quirk) {
    case "none":
      return null
    case "throttle":
      return { status: 429, headers: { "retry-after": String((count % 3) + 0.5) } }
    case "outage":
      return { status: 503, body: "<html>down for maintenance</html>" }
    case "reset":
    case "half":
      return quirk
    case "garbage":
      return { body: `{"devices":[${"[".repeat(count)}` }
  }
}
