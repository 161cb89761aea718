import fc from "fast-check"
import t from "tap"
import { Duration, durationText } from "../../src/record/duration.ts"

t.test("a duration is a whole number and a unit, read as milliseconds", async (t) => {
  const rows = {
    "500ms": 500,
    "10s": 10_000,
    "5m": 300_000,
    "12h": 43_200_000,
    "7d": 604_800_000,
    "0s": 0,
    "3650d": 315_360_000_000,
  }
  for (const [text, ms] of Object.entries(rows)) t.equal(Duration.parse(text), ms, text)
})

t.test("what is no duration is refused with the way to write one", async (t) => {
  for (const text of ["", "10", "s", "1.5h", "-1s", "5 m", "5M", "1h30m", "1e3s", "10s\n"]) {
    const read = Duration.safeParse(text)
    t.match(read.error?.issues[0]?.message, "500ms, 10s, 5m, 12h or 7d", JSON.stringify(text))
  }
  t.match(Duration.safeParse("3651d").error?.issues[0]?.message, "3650d")
  t.match(Duration.safeParse("999999999999999d").error?.issues[0]?.message, "3650d")
  t.equal(Duration.safeParse(10).success, false, "a bare number has no unit")
})

t.test("a duration is written in the largest unit that is exact, and reads back", async (t) => {
  t.equal(durationText(86_400_000), "1d")
  t.equal(durationText(90_000), "90s")
  t.equal(durationText(1_001), "1001ms")
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 315_360_000_000 }), (ms) => {
      return Duration.parse(durationText(ms)) === ms
    }),
  )
})
