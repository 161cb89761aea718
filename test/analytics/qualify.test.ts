import t from "tap"
import { AnalyticsSettings } from "../../src/analytics/settings.ts"
import type { DeviceEvidence } from "../../src/record/attributed.ts"
import type { Platform } from "../../src/record/common.ts"
import type { InspectionCaTrust } from "../../src/record/posture.ts"
import {
  at,
  attempt,
  by,
  device,
  evidence,
  MINUTE,
  posture,
  someone,
  stack2,
  who,
} from "../support/records.ts"
import { acceptsElsewhere, judgeTarget, refusedAt, settings, target } from "./worlds.ts"

const program = { connect_user_agent: "BankSync/3.1" }
const library = { connect_user_agent: "okhttp/4.12.0" }
const unknown = someone()
const refused = refusedAt([1, 3, 5])

interface Row {
  name: string
  given: DeviceEvidence
  settings?: AnalyticsSettings
  by: "app" | "user-agent" | "stack" | undefined
}

const rows: Row[] = [
  {
    name: "the same app at two domains",
    given: evidence({ attempts: [...acceptsElsewhere(), ...refused] }),
    by: "app",
  },
  {
    name: "the same app at one domain",
    given: evidence({
      attempts: [...acceptsElsewhere(who(), {}, ["www.news.example"]), ...refused],
    }),
    by: undefined,
  },
  {
    name: "two hosts of one registrable domain",
    given: evidence({
      attempts: [
        ...acceptsElsewhere(who(), {}, ["www.news.example", "img.news.example"]),
        ...refused,
      ],
    }),
    by: undefined,
  },
  {
    name: "the judged domain itself does not count",
    given: evidence({
      attempts: [
        ...acceptsElsewhere(who(), {}, ["www.news.example", "www.bank.example"]),
        ...refused,
      ],
    }),
    by: undefined,
  },
  {
    name: "the operator's own domains do not count",
    given: evidence({ attempts: [...acceptsElsewhere(), ...refused] }),
    settings: AnalyticsSettings.parse({ "operator-domains": ["*.news.example"] }),
    by: undefined,
  },
  {
    name: "an address is no domain",
    given: evidence({
      attempts: [
        ...acceptsElsewhere(who(), {}, ["www.news.example"]),
        by(attempt("", 40_000, "accepted", { sni: null })),
        ...refused,
      ],
    }),
    by: undefined,
  },
  {
    name: "idle is no acceptance",
    given: evidence({
      attempts: [
        by(attempt("www.news.example", 1, "idle")),
        by(attempt("cdn.maps.example", 1, "idle")),
        ...refused,
      ],
    }),
    by: undefined,
  },
  {
    name: "another app of the stack",
    given: evidence({
      attempts: [...acceptsElsewhere(who({ app_id: "org.other" })), ...refused],
    }),
    by: undefined,
  },
  {
    name: "the same app, only inferred",
    given: evidence({ attempts: [...acceptsElsewhere(who({ app: "inferred" })), ...refused] }),
    by: undefined,
  },
  {
    name: "the same app by another TLS stack",
    given: evidence({ attempts: [...acceptsElsewhere(who(), { stack: stack2 }), ...refused] }),
    by: undefined,
  },
  {
    name: "one CONNECT User-Agent that names a program",
    given: evidence({
      attempts: [...acceptsElsewhere(unknown, program), ...refusedAt([1, 3, 5], program, unknown)],
    }),
    by: "user-agent",
  },
  {
    name: "a library's User-Agent",
    given: evidence({
      attempts: [...acceptsElsewhere(unknown, library), ...refusedAt([1, 3, 5], library, unknown)],
    }),
    by: undefined,
  },
  {
    name: "the same program by another stack",
    given: evidence({
      attempts: [
        ...acceptsElsewhere(unknown, { ...program, stack: stack2 }),
        ...refusedAt([1, 3, 5], program, unknown),
      ],
    }),
    by: undefined,
  },
  {
    name: "the stack alone on Android, even with a system CA",
    given: evidence({
      attempts: [...acceptsElsewhere(unknown), ...refusedAt([1, 3, 5], {}, unknown)],
      postures: [posture({ inspection_ca: "system" })],
    }),
    by: undefined,
  },
]

t.test("an acceptance qualifies only where it proves trust of whoever refuses", async (t) => {
  for (const row of rows) {
    const judgement = judgeTarget(row.given, {}, row.settings ?? settings)
    t.equal(judgement.qualifying?.by, row.by, row.name)
    t.equal(judgement.verdict, row.by ? "suspected" : "refuses-here", row.name)
  }
})

t.test("the platform's stack qualifies where MDM says that the CA is trusted", async (t) => {
  const table: [Platform, InspectionCaTrust, boolean][] = [
    ["ios", "mdm-trusted", true],
    ["ios", "system", true],
    ["ios", "user-store", false],
    ["ios", "absent", false],
    ["ios", "unknown", false],
    ["other", "system", true],
    ["unknown", "system", false],
    ["android", "mdm-trusted", false],
  ]
  for (const [platform, inspection_ca, qualifies] of table) {
    const judgement = judgeTarget(
      evidence({
        device: device({ platform }),
        attempts: [...acceptsElsewhere(unknown), ...refusedAt([1, 3, 5], {}, unknown)],
        postures: [posture({ inspection_ca })],
      }),
    )
    t.equal(judgement.qualifying?.by === "stack", qualifies, `${platform}, ${inspection_ca}`)
  }
})

t.test("the posture is the one in force at the refusal", async (t) => {
  const given = (ms: number) =>
    evidence({
      device: device({ platform: "ios" }),
      attempts: [...acceptsElsewhere(unknown), ...refusedAt([1, 3, 5], {}, unknown)],
      postures: [posture({ observed_at: at(ms) })],
    })
  t.ok(judgeTarget(given(5 * MINUTE)).qualifying)
  t.notOk(judgeTarget(given(5 * MINUTE + 1)).qualifying)
})

t.test("a qualifying acceptance names domains and one proof for each", async (t) => {
  const names = Array.from({ length: 30 }, (_, index) => `www.s${index + 10}.example`)
  const { qualifying } = judgeTarget(
    evidence({ attempts: [...acceptsElsewhere(who(), {}, names), ...refused] }),
  )
  t.equal(qualifying?.domains.length, 20)
  t.equal(qualifying?.ids.length, 20)
  t.equal(qualifying?.domains[0], "s10.example")
  t.notOk(qualifying?.domains.includes(target))
})

t.test("one other domain that the app accepts is told, though it does not qualify", async (t) => {
  const counts: [name: string, accepted: string[], by: ReturnType<typeof who>, count: number][] = [
    ["none", [], who(), 0],
    ["one", ["www.news.example"], who(), 1],
    ["two hosts of one domain", ["www.news.example", "img.news.example"], who(), 1],
    ["two", ["www.news.example", "www.maps.example"], who(), 2],
    ["the judged domain alone", ["www.bank.example"], who(), 0],
    ["another app's", ["www.news.example"], who({ app_id: "org.other" }), 0],
    ["nobody's", ["www.news.example"], unknown, 0],
  ]
  for (const [name, hosts, actor, count] of counts) {
    const given = evidence({ attempts: [...acceptsElsewhere(actor, {}, hosts), ...refused] })
    t.equal(judgeTarget(given).app_accepts, count, name)
  }
})
