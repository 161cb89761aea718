import t from "tap"
import type { ScopeJudgement } from "../../../src/record/scope-judgement.ts"
import { control, entry, hour, iso, minute, noon, second } from "../given.ts"
import { about, step } from "./stepping.ts"

const day = 24 * hour
const sni = "api.example.org"
const settings = { ...control, hold: "splice" as const }

const learned = (given: object = {}, inner: object = {}) =>
  entry({
    id: "learned-1",
    kind: "learned",
    owner: "pinsensor",
    created_at: iso(noon - 6 * day),
    expires_at: iso(noon + day),
    scope: { device_id: "phone-1", stack: "t13-okhttp", sni },
    learned: { device_ids: ["phone-1"], retest: null, renewals: 0, ...inner },
    ...given,
  })
const ofGroup = (inner: object = {}) =>
  learned(
    { scope: { device_group: "field", sni } },
    { device_ids: ["phone-1", "phone-2", "phone-3"], ...inner },
  )
const testing = { retest: { device_id: "phone-1", since: iso(noon) } }
const shows = (given: Partial<ScopeJudgement>, device = "phone-1") =>
  about(device, sni, { verdict: "held-by-bypass", last_refusal_ms: null, last_ms: noon, ...given })

t.test("a day before its end one device is tested again, the one that used it last", async (t) => {
  const rows: [
    name: string,
    one: ReturnType<typeof learned>,
    lastUser: string | null,
    device: string | null,
  ][] = [
    ["of one device", learned(), "phone-9", "phone-1"],
    ["of a group", ofGroup(), "phone-7", "phone-7"],
    ["of a group, nobody remembers", ofGroup(), null, "phone-3"],
    ["not yet", learned({ expires_at: iso(noon + day + minute) }), null, null],
    ["over", learned({ expires_at: iso(noon) }), null, null],
    ["a proposal", learned({ standing: "proposed" }), null, null],
    ["without an end", learned({ expires_at: null }), null, null],
    ["renewed often enough", learned({}, { renewals: 4 }), null, null],
  ]
  for (const [name, one, lastUser, device] of rows) {
    const { changed, notes } = step({ learned: [one], settings, lastUser: () => lastUser })
    t.equal(changed[0]?.learned?.retest?.device_id ?? null, device, name)
    t.equal(changed[0]?.expires_at ?? one.expires_at, one.expires_at, `${name}: its end stays`)
    t.match(notes[0]?.note ?? "", device === null ? /^$/ : /is inspected, the others/, name)
  }
})

t.test("an entry that is short in itself is not tested from its beginning on", async (t) => {
  const short = { ...settings, "hold-for": 2 * hour }
  const at = (now: number) =>
    step({ learned: [learned({ expires_at: iso(noon + 2 * hour) })], settings: short, now }).changed
  t.equal(at(noon + minute).length, 0)
  t.equal(at(noon + hour).length, 1)
})

t.test("what the tested device shows decides, and nothing else", async (t) => {
  const [before, after] = [noon - minute, noon + minute]
  const rows: [
    name: string,
    one: ReturnType<typeof learned>,
    judgement: ScopeJudgement,
    expected: "renewed" | "ended" | null,
  ][] = [
    ["refuses", learned({}, testing), shows({ last_refusal_ms: after }), "renewed"],
    ["refused before", learned({}, testing), shows({ last_refusal_ms: before }), null],
    ["accepts", learned({}, testing), shows({ last_acceptance_ms: after }), "ended"],
    ["accepted before", learned({}, testing), shows({ last_acceptance_ms: before }), null],
    [
      "both, as two apps on one stack",
      learned({}, testing),
      shows({ last_refusal_ms: after, last_acceptance_ms: after }),
      "renewed",
    ],
    ["is silent", learned({}, testing), shows({}), null],
    ["another device", learned({}, testing), shows({ last_refusal_ms: after }, "phone-2"), null],
    [
      "another stack of it",
      learned({}, testing),
      shows({ last_acceptance_ms: after, key: { ...shows({}).key, stack: "other" } }),
      null,
    ],
    [
      "another name",
      learned({}, testing),
      about("phone-1", "b.example", { verdict: "held-by-bypass", last_refusal_ms: after }),
      null,
    ],
    ["a group's device refuses", ofGroup(testing), shows({ last_refusal_ms: after }), "renewed"],
    [
      "a group's device accepts by some stack",
      ofGroup(testing),
      shows({ last_acceptance_ms: after }),
      null,
    ],
  ]
  for (const [name, one, judgement, expected] of rows) {
    const now = noon + 2 * minute
    const given = { learned: [one], judgements: [judgement], settings, now, everyEntry: false }
    const { changed, writes } = step(given)
    if (expected === null) t.same(changed, [], name)
    else {
      t.equal(changed[0]?.expires_at, iso(expected === "ended" ? now : now + 7 * day), name)
      t.match(changed[0]?.learned, { retest: null, renewals: expected === "ended" ? 0 : 1 }, name)
      t.equal(writes[0]?.act, expected === "ended" ? "changed" : "renewed", name)
    }
    t.same(step({ ...given, fault: true }).changed, [], `${name}: not while the sensor is at fault`)
  }
  const accepts = [shows({ last_acceptance_ms: after })]
  const later = { learned: [ofGroup(testing)], judgements: accepts, settings, now: noon + hour }
  t.equal(
    step(later).changed[0]?.expires_at,
    iso(noon + hour),
    "of a group: after an hour without a refusal",
  )
})

t.test(
  "re-tests lengthen an entry so often and no more; then it ends unless a person renews it",
  async (t) => {
    let one = learned()
    let now = noon
    let renewals = 0
    for (; now < noon + 365 * day; now += 12 * hour) {
      if (Date.parse(one.expires_at ?? "") <= now) break
      const given = shows({ last_refusal_ms: now, last_ms: now })
      const { changed, writes } = step({ learned: [one], judgements: [given], settings, now })
      one = changed.at(-1) ?? one
      renewals += writes.filter(({ act }) => act === "renewed").length
    }
    t.equal(renewals, 4)
    t.ok(now < noon + 40 * day, `it ended after ${(now - noon) / day} days`)
  },
)

t.test("while control is off nothing is tested", async (t) => {
  t.same(
    step({ learned: [learned()], settings: { ...settings, mode: "off" }, now: noon + second })
      .changed,
    [],
  )
})
