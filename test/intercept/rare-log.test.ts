import t from "tap"
import { RareLog } from "../../src/intercept/rare-log.ts"

function world(everyMs: number, burst?: number) {
  const told: unknown[] = []
  let now = 0
  const log = new RareLog(
    { log: (_, __, { times }) => told.push(times), clock: () => now },
    "event",
    everyMs,
    burst,
  )
  const happens = (times: number) => {
    for (let at = 0; at < times; at++) log.tell({})
  }
  const at = (ms: number) => {
    now = ms
  }
  return { told, happens, at }
}

t.test("what happens often is told once in a while, with how often it did", async (t) => {
  const { told, happens, at } = world(1_000)
  happens(5)
  at(999)
  happens(1)
  t.strictSame(told, [1])
  at(1_000)
  happens(1)
  t.strictSame(told, [1, 6])
})

t.test("a few may be told one by one in each span", async (t) => {
  const { told, happens, at } = world(1_000, 3)
  happens(10)
  t.strictSame(told, [1, 1, 1])
  at(1_000)
  happens(10)
  t.strictSame(told, [1, 1, 1, 8, 1, 1])
})

t.test("a clock that was set back does not silence it", async (t) => {
  const { told, happens, at } = world(1_000)
  at(1_000_000)
  happens(2)
  at(0)
  happens(1)
  t.strictSame(told, [1, 2])
})
