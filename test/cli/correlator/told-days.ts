/** Random days of a few phones, as their sensor, their agents and their leases tell of them. */
import fc from "fast-check"
import {
  app,
  appEvent,
  attempt,
  dayStart,
  device,
  flow,
  HOUR,
  MINUTE,
  posture,
  stack1,
  stack2,
  zeekFlow,
} from "../../support/records.ts"
import { type Arrival, arrival, binding, whose } from "../replay/mixed-world.ts"

const days = 5
const phones = ["ann", "bob", "ida"] as const
const places = ["api.bank.example", "www.news.example", "cdn.maps.example", "pay.shop.example"]
const iso = (ms: number) => new Date(dayStart + ms).toISOString()

/** Refusals come in bursts, as of an app that tries again. */
interface Burst {
  phone: (typeof phones)[number]
  at: number
  place: number
  what: "refused" | "accepted" | "pinned" | "spliced" | "around" | "posture"
  told: boolean
  stack: string
}

const burst: fc.Arbitrary<Burst> = fc.record({
  phone: fc.constantFrom(...phones),
  at: fc.integer({ min: 0, max: days * 24 * 12 }).map((slot) => slot * 5 * MINUTE),
  place: fc.oneof(fc.constant(0), fc.nat({ max: places.length - 1 })),
  what: fc.oneof(
    { weight: 6, arbitrary: fc.constant("refused" as const) },
    { weight: 6, arbitrary: fc.constant("accepted" as const) },
    { weight: 1, arbitrary: fc.constant("pinned" as const) },
    { weight: 1, arbitrary: fc.constantFrom("spliced" as const, "around" as const) },
    { weight: 1, arbitrary: fc.constant("posture" as const) },
  ),
  told: fc.boolean(),
  stack: fc.constantFrom(stack1, stack1, stack2),
})

/** Phones have each other's addresses on the next day. */
function addressOf(phone: (typeof phones)[number], at: number): string {
  const day = Math.floor(at / (24 * HOUR))
  return `10.9.0.${((phones.indexOf(phone) + day) % phones.length) + 1}`
}

function told({ phone, at, place, what, told, stack }: Burst, nth: number): Arrival[] {
  const id = (one: string | number) => `${phone}-${String(nth).padStart(3, "0")}-${one}`
  const sni = (what === "pinned" ? places[0] : places[place]) ?? ""
  const from = { ...whose, client_ip: addressOf(phone, at), client_port: 40_000 + nth, stack }
  const as = told ? from : { ...from, connect_user_agent: "bank/1.0" }
  const connect = (ms: number) =>
    arrival(
      "app-events",
      appEvent(ms, {
        ...whose,
        id: id(`event-${ms}`),
        event_id: id(`event-${ms}`),
        device: { ...appEvent(0).device, device_id: phone },
        type: "network_connect",
        app: { id: "com.example.bank", version: "1.0", signer_sha256: null },
        dest: { host: sni, ip: null, port: 443, src_port: null },
      }),
    )
  const events = (times: number[]) => (told ? times.map(connect) : [])
  switch (what) {
    case "refused": {
      const times = [0, 2, 4, 6].map((minute) => at + minute * MINUTE)
      return [
        ...times.map((ms) =>
          arrival("attempts", attempt(sni, ms, "refused-alert", { ...as, id: id(ms) })),
        ),
        ...events(times),
      ]
    }
    case "accepted":
      return [
        ...[0, 1, 2].map((index) => {
          const host = place === 0 ? (places[index + 1] ?? "") : sni
          return arrival(
            "attempts",
            attempt(host, at + index * MINUTE, "accepted", { ...as, id: id(index) }),
          )
        }),
        ...events([at]),
      ]
    case "pinned": {
      // It trusts us elsewhere, refuses, works when spliced, and refuses again.
      const tries = ["refused", "refused", "refused", "spliced", "spliced", "refused"] as const
      return [
        ...["www.news.example", "cdn.maps.example"].map((host, nth) =>
          arrival(
            "attempts",
            attempt(host, at + nth * 1_000, "accepted", { ...as, id: id(`yes-${nth}`) }),
          ),
        ),
        ...tries.map((how, nth) => {
          const ms = at + (1 + 2 * nth) * MINUTE
          return how === "spliced"
            ? arrival("flows", flow("api.bank.example", ms, { ...as, id: id(`no-${nth}`) }))
            : arrival(
                "attempts",
                attempt("api.bank.example", ms, "refused-alert", { ...as, id: id(`no-${nth}`) }),
              )
        }),
        ...events([0, 1, 3, 5, 7, 9, 11].map((minute) => at + minute * MINUTE)),
      ]
    }
    case "spliced":
      return [arrival("flows", flow(sni, at, { ...as, id: id("flow") })), ...events([at])]
    case "around":
      return [arrival("flows", zeekFlow(sni, at, { ...from, id: id("zeek"), control: true }))]
    case "posture":
      return [
        arrival("postures", ofPhone(phone, id("posture"), at, told ? "system" : "mdm-trusted")),
      ]
  }
}

function ofPhone(phone: string, id: string, at: number, ca: "system" | "mdm-trusted") {
  const bank = {
    app_id: "com.example.bank",
    name: null,
    version: "1.0",
    signer_sha256: null,
    managed: true,
  }
  const said = { ...whose, id, observed_at: iso(at), device_id: phone, supervised: phone === "ida" }
  return posture({ ...said, apps: [bank], inspection_ca: ca })
}

/** What was known before: phones and an app. */
export function known(): Arrival[] {
  const at = iso(-HOUR)
  const bank = { app_id: "com.example.bank", category: "game", user_agents: ["bank/*"] }
  return [
    arrival("apps", app({ ...whose, id: "app-bank", observed_at: at, ...bank })),
    ...phones.flatMap((phone) => [
      arrival(
        "devices",
        device({
          ...whose,
          id: `d-${phone}`,
          observed_at: at,
          device_id: phone,
          platform: phone === "ida" ? "ios" : "android",
        }),
      ),
      arrival("postures", ofPhone(phone, `p-${phone}`, -HOUR, "system")),
    ]),
  ]
}

/** A lease a day, told when it begins. */
function leases(): Arrival[] {
  return phones.flatMap((phone) =>
    Array.from({ length: days + 1 }, (_, day) =>
      arrival(
        "bindings",
        binding(phone, addressOf(phone, day * 24 * HOUR), day * 24 * HOUR, (day + 1) * 24 * HOUR),
      ),
    ),
  )
}

/** One story: all that is told, in the order of event time; and as it came. */
export interface Story {
  inOrder: Arrival[]
  asItCame: Arrival[]
  /** Where what came is cut in batches, and before which of them the sensor is started anew. */
  cuts: number[]
  restarts: number[]
}

export const story: fc.Arbitrary<Story> = fc
  .record({
    bursts: fc.array(burst, { minLength: 12, maxLength: 30, size: "max" }),
    // Of some days nobody knows whose an address was.
    leases: fc.subarray(leases(), { minLength: phones.length * days }),
  })
  .chain(({ bursts, leases }) => {
    const all = [...leases, ...bursts.flatMap(told)]
    const at = ({ record }: Arrival) => Date.parse(record.observed_at)
    return fc.record({
      inOrder: fc.constant([...all].sort((a, b) => at(a) - at(b))),
      asItCame: fc.shuffledSubarray(all, { minLength: all.length }),
      cuts: fc.array(fc.integer({ min: 1, max: all.length - 1 }), { maxLength: 6 }),
      restarts: fc.subarray([1, 2, 3, 4, 5]),
    })
  })
