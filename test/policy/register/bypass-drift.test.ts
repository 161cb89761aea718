import t from "tap"
import { driftsIn, newDrifts, withTold } from "../../../src/policy/register/bypass-drift.ts"
import {
  type BypassProfile,
  emptyProfile,
  foldFlow,
} from "../../../src/policy/register/bypass-profile.ts"
import type { Flow } from "../../../src/record/flow.ts"
import { flow, HOUR } from "../../support/records.ts"

const day = 24 * HOUR
const mebibyte = 2 ** 20
const at = (days: number, over: Partial<Flow> = {}) =>
  flow("api.example.org", days * day, {
    destination_ip: "203.0.113.7",
    stack: "app-stack",
    ...over,
  })

/** One flow a day with 1 MiB, from day 0 on. */
const daily = (days: number, over: Partial<Flow> = {}) =>
  Array.from({ length: days }, (_, n) =>
    at(n, { id: `day-${n}`, client_bytes: 0, server_bytes: mebibyte, ...over }),
  )
const big = (days: number, mebibytes: number, id = "big") =>
  at(days, { id, client_bytes: mebibytes * mebibyte, server_bytes: 0 })
const names = (count: number, from: number) =>
  Array.from({ length: count }, (_, n) =>
    at(from + n, { id: `name-${n}`, sni: `${n}.example.org` }),
  )

const rows: { name: string; flows: Flow[]; told: string[] }[] = [
  { name: "traffic that stays as it was is no drift", flows: daily(20), told: [] },
  {
    name: "a stack that was not seen while the bypass was new is told, with its flow",
    flows: [...daily(5), at(5, { id: "other", stack: "curl" })],
    told: ["stack curl"],
  },
  {
    name: "a stack of the first day belongs to the bypass",
    flows: [...daily(5), at(0.9, { id: "other", stack: "curl" })],
    told: [],
  },
  {
    name: "a bypass with two connections has not told what it is for",
    flows: [at(0, { id: "a" }), at(9, { id: "b", stack: "curl" })],
    told: [],
  },
  {
    name: "until the third connection everything is new, however late it comes",
    flows: [at(0, { id: "a" }), at(9, { id: "b" }), at(12, { id: "c", stack: "curl" })],
    told: [],
  },
  {
    name: "a stack that nobody could read is no stack",
    flows: [...daily(5), at(5, { id: "other", stack: null })],
    told: [],
  },
  {
    name: "an origin in another network after days without any is told",
    flows: [...daily(6), at(6, { id: "moved", destination_ip: "198.51.100.1" })],
    told: ["address 198.51.0.0/16"],
  },
  {
    name: "a neighbour of the origin is no news",
    flows: [...daily(6), at(6, { id: "moved", destination_ip: "203.0.200.1" })],
    told: [],
  },
  {
    name: "a name whose networks change every other day cries no wolf",
    flows: Array.from({ length: 8 }, (_, n) =>
      at(n * 2, { id: `n${n}`, destination_ip: `10.${n}.0.1` }),
    ),
    told: [],
  },
  {
    name: "a name that is served from all over has no network of its own",
    flows: [
      ...Array.from({ length: 9 }, (_, n) =>
        at(n / 10, { id: `cdn-${n}`, destination_ip: `10.${n}.0.1` }),
      ),
      ...daily(20),
      at(20, { id: "moved", destination_ip: "198.51.100.1" }),
    ],
    told: [],
  },
  {
    name: "a bypass that was not used for days is not settled by their passing",
    flows: [...daily(2), at(20, { id: "moved", destination_ip: "198.51.100.1" })],
    told: [],
  },
  {
    name: "a day far above the days before it is told",
    flows: [...daily(6), big(6, 80)],
    told: ["volume 2026-11-27"],
  },
  {
    name: "much more of very little is no drift",
    flows: [...daily(6), big(6, 40)],
    told: [],
  },
  {
    name: "a day like another large one before it is not told again",
    flows: [...daily(6), big(3, 80, "once"), big(6, 120)],
    told: ["volume 2026-11-24"],
  },
  {
    name: "with less than three days behind it a volume says nothing",
    flows: [...daily(2), big(3, 900)],
    told: [],
  },
  {
    name: "a category of many names has neither stack nor network of its own, but a volume",
    flows: [
      ...names(9, 0).map((each, n) => ({
        ...each,
        observed_at: daily(1)[0]?.observed_at ?? "",
        id: `c${n}`,
      })),
      ...daily(6, { stack: "another" }),
      at(6, { id: "other", stack: "curl", destination_ip: "198.51.100.1" }),
      big(7, 80),
    ],
    told: ["volume 2026-11-28"],
  },
  {
    name: "a bypass of few names that becomes one of many is told once",
    flows: [...daily(3), ...names(12, 3)],
    told: ["address 7.example.org"],
  },
]

for (const { name, flows, told } of rows)
  t.test(name, (t) => {
    t.strictSame(
      driftsIn(profileOf(flows)).map(({ thing }) => thing),
      told,
    )
    t.end()
  })

t.test("a drift says in words what was and what is, and names device and flow", (t) => {
  const profile = profileOf([...daily(6), at(6, { id: "moved", destination_ip: "198.51.100.1" })])
  t.match(driftsIn(profile), [
    {
      sign: "address",
      was: "1 network: 203.0.0.0/16; none new on 5 days of use",
      now: "198.51.0.0/16",
      device_id: "d1",
      flows: ["moved"],
    },
  ])
  const [volume] = driftsIn(profileOf([...daily(6), big(6, 80)]))
  t.match(volume, {
    was: "1.0 MiB a day in the median, 1.0 MiB at most, of 6 days",
    now: "80.0 MiB on 2026-11-27",
    flows: ["big"],
  })
  t.end()
})

t.test("each drift is told once", (t) => {
  const profile = profileOf([...daily(5), at(5, { id: "other", stack: "curl" })])
  const first = newDrifts(profile)
  t.equal(first.length, 1)
  const after = withTold(profile, first)
  foldFlow(after, at(6, { id: "again", stack: "curl" }), "d2")
  t.strictSame(newDrifts(after), [])
  t.end()
})

t.test("a flow that comes late can explain what was told before it", (t) => {
  const profile = profileOf([...daily(5), at(5, { id: "other", stack: "curl" })])
  foldFlow(profile, at(0.5, { id: "late", stack: "curl" }), "d1")
  t.strictSame(driftsIn(profile), [])
  t.end()
})

function profileOf(flows: readonly Flow[]): BypassProfile {
  const profile = emptyProfile()
  for (const each of flows) foldFlow(profile, each, "d1")
  return profile
}
