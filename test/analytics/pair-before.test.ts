import t from "tap"
import { pairBefore } from "../../src/analytics/pair-before.ts"
import { dayMs } from "../../src/analytics/pair-profile.ts"
import { attempt, bank, by, MINUTE, stack1, stack2, who, zeekFlow } from "../support/records.ts"
import { attemptsOn, dayAt, pairOf, type Seen, usedOn } from "./pairs.ts"
import { target } from "./worlds.ts"

const window = 14 * dayMs
const question = { app_id: bank, destination: target, signer: null, stacks: [stack2] }

const accepts = (day: number, stack: string, app_signer: string | null = null): Seen[] =>
  [0, 1, 2].map((minute) =>
    by(attempt(target, day * dayMs + minute * MINUTE, "accepted", { stack }), who({ app_signer })),
  )

t.test("what a pair showed while it was new is what it was", async (t) => {
  const old = "aa".repeat(32)
  const pair = pairOf([...accepts(0, stack1, old), ...accepts(5, stack2, "bb".repeat(32))])
  const seen = pairBefore(pair, question, { window }, dayAt(6))?.seen
  t.strictSame(seen?.stacks, [stack1])
  t.equal(seen?.signer, old)
})

t.test("what was let stand for the length of the window belongs to it", async (t) => {
  const pair = pairOf([...accepts(0, stack1), ...accepts(5, stack2)])
  t.strictSame(pairBefore(pair, question, { window }, dayAt(18))?.seen.stacks, [stack1])
  t.strictSame(pairBefore(pair, question, { window }, dayAt(19))?.seen.stacks, [stack1, stack2])
})

t.test("of a pair that is new itself nothing is known to have been", async (t) => {
  t.equal(pairBefore(pairOf(accepts(0, stack1)), question, { window }, dayAt(0, 23)), null)
  t.equal(pairBefore(pairOf(usedOn([0, 3], ["d1"])), question, { window }, dayAt(5)), null)
})

t.test("it was accepted if it was so on a day before, and never refused", async (t) => {
  const ask = (seen: Seen[]) =>
    pairBefore(pairOf(seen), question, { window }, dayAt(3))?.seen.verdict
  const refuses = (day: number) => attemptsOn([day], ["d2"], "refused-alert")
  t.equal(ask(accepts(0, stack1)), "accepts")
  t.equal(
    ask([...accepts(0, stack1), ...refuses(3)]),
    "accepts",
    "today's refusals are what is new",
  )
  t.equal(ask([...accepts(0, stack1), ...refuses(2)]), "undetermined")
  t.equal(ask(usedOn([0, 1], ["d1", "d2"])), "undetermined")
})

t.test("a day is compared with the days before it, when there are three", async (t) => {
  const large = (day: number, bytes: number): Seen =>
    by(zeekFlow(target, day * dayMs, { server_bytes: bytes, client_bytes: 0 }), who())
  const at = (days: [number, number][], day: number) =>
    pairBefore(
      pairOf(days.map(([nth, bytes]) => large(nth, bytes))),
      question,
      { window },
      dayAt(day),
    )
  t.equal(
    at(
      [
        [0, 10],
        [1, 10],
        [2, 10],
      ],
      2,
    )?.seen.bytes_a_day,
    null,
  )
  const full = at(
    [
      [0, 10],
      [1, 20],
      [2, 30],
      [3, 999],
    ],
    3,
  )
  t.equal(full?.seen.bytes_a_day, 20)
  t.equal(full?.bytes_today, 999)
  t.equal(
    at(
      [
        [0, 10],
        [1, 1_000],
        [2, 10],
        [3, 5],
      ],
      3,
    )?.seen.bytes_a_day,
    200,
    "a great day before",
  )
})
