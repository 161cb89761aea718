import t from "tap"
import { LedgerCuts } from "../../src/analytics/ledger-cuts.ts"
import { type Sighting, SightingMaker } from "../../src/analytics/sighting.ts"
import { attempt, by, ca2, MINUTE, who, zeekFlow } from "../support/records.ts"

const maker = new SightingMaker([])
const told = (ms: number, app_version: string | null, issuing_ca?: string) =>
  maker.attempt(
    by(
      attempt("a.example", ms, "accepted", issuing_ca ? { issuing_ca } : {}),
      who({ app_version }),
    ),
  )

function given(cuts: LedgerCuts, all: readonly Sighting[]): void {
  for (const { sighting, cut } of cuts.settle(all)) Object.assign(sighting, cut)
}

t.test(
  "the only version of an app is that of its other connections, until there is another",
  async (t) => {
    const cuts = new LedgerCuts()
    const [silent, one, other] = [told(1, null), told(2, "1.0"), told(3, "2.0")]
    cuts.add(silent)
    t.equal(silent.version, null)
    cuts.add(one)
    given(cuts, [silent, one])
    t.equal(silent.version, "1.0", "it became known later")
    cuts.add(other)
    given(cuts, [silent, one, other])
    t.equal(silent.version, null)
    cuts.remove(one)
    given(cuts, [silent, other])
    t.equal(silent.version, "2.0", "the first left the window")
    t.strictSame(cuts.settle([silent, other]), [], "and nothing else changes")
  },
)

t.test("a flow from outside belongs to the epoch that was in force", async (t) => {
  const cuts = new LedgerCuts()
  const outside = maker.flow(by(zeekFlow("a.example", 5 * MINUTE)))
  const [before, after] = [told(MINUTE, "1.0"), told(9 * MINUTE, "1.0", ca2)]
  cuts.add(outside)
  cuts.add(after)
  given(cuts, [outside, after])
  t.equal(outside.epoch.issuing_ca, ca2, "the only one there is")
  t.equal(outside.cut, after.cut)
  cuts.add(before)
  given(cuts, [before, outside, after])
  t.equal(outside.cut, before.cut, "the last before it, although it came late")
  t.not(before.cut, after.cut)
})
