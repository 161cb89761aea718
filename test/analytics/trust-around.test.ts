import t from "tap"
import { elsewhereStackKey } from "../../src/analytics/fleet-keys.ts"
import { AnalyticsSettings } from "../../src/analytics/settings.ts"
import type { Attempt, Outcome } from "../../src/record/attempt.ts"
import type { Attributed, DeviceEvidence, JudgementContext } from "../../src/record/attributed.ts"
import {
  attempt,
  by,
  context,
  device,
  evidence,
  HOUR,
  MINUTE,
  posture,
  SECOND,
  someone,
  stack1,
  who,
} from "../support/records.ts"
import { judgeTarget, refusedAt, settings, target, trialAt } from "./worlds.ts"

const unknown = someone()
const onIphone = { device: device({ platform: "ios" }), postures: [posture()] }

function at(minute: number, sni: string, outcome: Outcome, app = who()): Attributed<Attempt> {
  return by(attempt(sni, minute * MINUTE, outcome), app)
}

/** Refused thrice, used when spliced, refused again, from this minute on. */
function pinLike(minute: number, app = who(), over: Partial<Attempt> = {}) {
  const minutes = [0, 2, 4, 10].map((after) => minute + after)
  const flows = trialAt([minute + 6, minute + 7], {}, app)
  return { attempts: refusedAt(minutes, over, app), flows }
}

/** All of the platform's stack on an iPhone that MDM says to trust the CA. */
function iphone(start: number, others: [number, string, Outcome][], over: Partial<Attempt> = {}) {
  const { attempts, flows } = pinLike(start, unknown, over)
  const around = others.map(([minute, sni, outcome]) => at(minute, sni, outcome, unknown))
  return evidence({ ...onIphone, attempts: [...around, ...attempts], flows })
}

const morning: [number, string, Outcome][] = [
  [540, "a.news.example", "accepted"],
  [545, "b.maps.example", "accepted"],
]

interface Row {
  name: string
  given: DeviceEvidence
  context?: Partial<JudgementContext>
  settings?: AnalyticsSettings
  verdict: string
}

const late = { now: context().now + 4 * HOUR }

const rows: Row[] = [
  {
    name: "the CA was removed at noon: what it accepted in the morning it refuses now",
    given: iphone(782, [
      ...morning,
      [780, "a.news.example", "refused-close"],
      [781, "b.maps.example", "refused-close"],
    ]),
    context: late,
    verdict: "probable",
  },
  {
    name: "the clock was set back, or the leaf went bad: only hosts are visited that are new",
    given: iphone(780, morning),
    context: late,
    verdict: "probable",
  },
  {
    name: "the CA was removed minutes ago, and another domain is refused since",
    given: iphone(20, [
      [10, "a.news.example", "accepted"],
      [11, "b.maps.example", "accepted"],
      [25, "c.shop.example", "refused-close"],
    ]),
    verdict: "probable",
  },
  {
    name: "the CA was installed at noon: acceptances follow hours later only",
    given: iphone(60, [
      [300, "a.news.example", "accepted"],
      [301, "b.maps.example", "accepted"],
    ]),
    verdict: "probable",
  },
  {
    name: "trust was lost for five hours, with acceptances on both sides",
    given: iphone(300, [
      [100, "a.news.example", "accepted"],
      [101, "b.maps.example", "accepted"],
      [480, "a.news.example", "accepted"],
    ]),
    verdict: "probable",
  },
  {
    name: "accepted shortly before, and nothing else refused",
    given: iphone(20, [
      [10, "a.news.example", "accepted"],
      [11, "b.maps.example", "accepted"],
    ]),
    verdict: "confirmed",
  },
  {
    name: "accepted shortly after, and nothing else refused",
    given: iphone(20, [
      [32, "a.news.example", "accepted"],
      [33, "b.maps.example", "accepted"],
    ]),
    verdict: "confirmed",
  },
  {
    name: "accepted on both sides within an hour, though the same app pins another domain",
    given: iphone(60, [
      [20, "a.news.example", "accepted"],
      [21, "b.maps.example", "accepted"],
      [22, "c.video.example", "accepted"],
      [65, "api.own.example", "refused-close"],
      [100, "d.mail.example", "accepted"],
    ]),
    verdict: "confirmed",
  },
  {
    name: "the refusal after the control flow must be surrounded by trust as well",
    given: evidence({
      ...onIphone,
      attempts: [
        ...[0, 30].map((minute) => at(minute, "a.news.example", "accepted", unknown)),
        at(1, "b.maps.example", "accepted", unknown),
        ...refusedAt([5, 7, 9, 200], {}, unknown),
      ],
      flows: trialAt([11, 12], {}, unknown),
    }),
    verdict: "probable",
  },
  {
    name: "trust that was told wider is a setting",
    given: iphone(780, morning),
    context: late,
    settings: AnalyticsSettings.parse({ scope: { "trust-near": "6h" } }),
    verdict: "confirmed",
  },
  {
    name: "a guest without the CA behind the phone: the stack accepts and refuses many in one hour",
    given: iphone(601, [
      ...[0, 4, 8].flatMap((after): [number, string, Outcome][] => [
        [600 + after, "a.news.example", "accepted"],
        [601 + after, "b.maps.example", "accepted"],
      ]),
      [601, "guest1.example", "refused-close"],
      [602, "guest2.example", "refused-close"],
      [603, "guest3.example", "refused-close"],
      [620, "a.news.example", "accepted"],
    ]),
    verdict: "probable",
  },
  {
    name: "an app that accepts two domains and refuses two others beside may have opted in for two",
    given: evidence({
      attempts: [
        ...[10, 15, 25].map((minute) => at(minute, "sdk.one.example", "accepted")),
        at(10, "sdk.two.example", "accepted"),
        at(11, "sdk.three.example", "refused-alert"),
        at(12, "sdk.four.example", "refused-alert"),
        ...pinLike(12).attempts,
      ],
      flows: pinLike(12).flows,
    }),
    verdict: "probable",
  },
  {
    name: "an app that never accepts two domains, hours apart, and accepts two may have opted in",
    given: optedIn(),
    verdict: "probable",
  },
  {
    name: "one that accepts two for each domain that it never accepts pins",
    given: optedIn({}, [
      at(200, "a.news.example", "accepted"),
      at(201, "b.maps.example", "accepted"),
    ]),
    verdict: "confirmed",
  },
  {
    name: "the other domain was accepted at another time: trust was lost, no list of domains",
    given: optedIn({}, [at(200, "img.other.example", "accepted")]),
    verdict: "confirmed",
  },
  {
    name: "after Finished the chain was good, so nothing was opted in",
    given: optedIn({ outcome: "refused-after-handshake" }),
    verdict: "confirmed",
  },
  {
    name: "a CA in the system's store needs no opting in",
    given: { ...optedIn(), postures: [posture({ inspection_ca: "system" })] },
    verdict: "confirmed",
  },
  {
    name: "acceptances of an hour ago do not show that an app has opted in for a third domain",
    given: evidence({
      attempts: [
        at(600, "sdk.one.example", "accepted"),
        at(601, "sdk.two.example", "accepted"),
        ...pinLike(660).attempts,
      ],
      flows: pinLike(660).flows,
    }),
    verdict: "probable",
  },
  {
    name: "an outage of resets, while the same stack gets through elsewhere",
    given: iphone(20, [...near(), [33, "a.news.example", "accepted"]], {
      outcome: "refused-reset",
    }),
    context: { accepted_elsewhere: new Map([[elsewhereStackKey(stack1, target), ["other"]]]) },
    verdict: "probable",
  },
  {
    name: "a client that always resets, where nobody gets through",
    given: iphone(20, near(), { outcome: "refused-reset" }),
    verdict: "confirmed",
  },
  {
    name: "resets and closes of one client are an outage's",
    given: broken(),
    verdict: "probable",
  },
]

/** An app on Android whose own domain and, in the morning, another one refuse us; it accepts two services. */
function optedIn(
  over: Partial<Attempt> = {},
  more: readonly Attributed<Attempt>[] = [],
): DeviceEvidence {
  const { attempts, flows } = pinLike(612, who(), over)
  return evidence({
    attempts: [
      at(100, "img.other.example", "refused-alert"),
      ...more,
      ...[605, 615, 630].map((minute) => at(minute, "sdk.one.example", "accepted")),
      at(606, "sdk.two.example", "accepted"),
      ...attempts,
    ],
    flows,
  })
}

function near(): [number, string, Outcome][] {
  return [
    [10, "a.news.example", "accepted"],
    [11, "b.maps.example", "accepted"],
  ]
}

function broken(): DeviceEvidence {
  const { attempts, ...rest } = iphone(20, near(), { outcome: "refused-close" })
  return { ...rest, attempts: [...attempts, at(24.5, target, "refused-reset", unknown)] }
}

t.test("confirmed asks for trust around the refusals, and for a client that chooses", async (t) => {
  for (const row of rows) {
    const judgement = judgeTarget(row.given, row.context, row.settings ?? settings)
    t.equal(judgement.verdict, row.verdict, row.name)
    if (row.verdict === "probable") t.match(judgement.missing, /shortly before and after/, row.name)
  }
})

t.test("records that come late in any order give the same doubt", async (t) => {
  const given = iphone(60, [
    [20, "a.news.example", "accepted"],
    [21, "b.maps.example", "accepted"],
    [100, "d.mail.example", "accepted"],
  ])
  const turned = { ...given, attempts: [...given.attempts].reverse() }
  t.equal(judgeTarget(given).verdict, "confirmed")
  t.same(judgeTarget(turned), judgeTarget(given))
  t.equal(
    judgeTarget({
      ...given,
      attempts: given.attempts.filter(({ fact }) => fact.sni !== "d.mail.example"),
    }).verdict,
    "probable",
    "until the acceptance after them is there",
  )
})

t.test("the vendor's own hosts are no sign of distrust", async (t) => {
  const apple = [0, 1, 2].map((second) =>
    by(attempt(`gdmf.apple.com`, 25 * MINUTE + second * SECOND, "refused-close"), unknown),
  )
  const given = iphone(20, near())
  t.equal(judgeTarget({ ...given, attempts: [...given.attempts, ...apple] }).verdict, "confirmed")
})
