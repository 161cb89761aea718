import t from "tap"
import { Follower } from "../../src/evidence/follower.ts"
import { openStore } from "../../src/evidence/open.ts"
import { attempt, newDir, ten } from "./fixtures.ts"

/** More than one part holds. */
const count = 450
const ids = Array.from({ length: count }, (_, index) => `a${String(index).padStart(4, "0")}`)

function filled(t: Parameters<typeof newDir>[0]) {
  const store = openStore(newDir(t))
  t.teardown(() => store.close())
  store.append(
    "attempts",
    ids.map((id, index) => attempt(id, ten + index)),
  )
  return store
}

function allOf(follower: Follower): string[] {
  const seen: string[] = []
  for (let part = follower.next(); !part.empty; part = follower.next())
    seen.push(...part.attempts.map(({ id }) => id))
  return seen
}

t.test("news come in parts, each record once, in the order of commits", async (t) => {
  const follower = new Follower(filled(t))
  const first = follower.next()
  t.ok(first.attempts.length < count, "a part is small")
  t.same([...first.attempts.map(({ id }) => id), ...allOf(follower)], ids)
  t.ok(follower.next().empty)
})

t.test("parts that were read and not committed come again, all of them", async (t) => {
  const store = filled(t)
  const follower = new Follower(store)
  t.same(allOf(follower), ids)
  follower.rollBack()
  t.same(allOf(follower), ids)
  t.same(allOf(new Follower(store)), ids, "to another one too")
})

t.test("what is committed does not come again, whichever follower asks", async (t) => {
  const store = filled(t)
  const follower = new Follower(store)
  const seen = follower.next().attempts.map(({ id }) => id)
  follower.commit()
  t.same([...seen, ...allOf(new Follower(store))], ids)
})
