/** What the data path remembers of names, and for how long. */
import t from "tap"
import { findAddresses } from "../../src/intercept/find-addresses.ts"
import { defaultResolverLimits, Resolver } from "../../src/intercept/resolver.ts"
import { makeGuard } from "../../src/policy/destination/guard.ts"

/** A resolver over a table, with a clock of its own and a count of what was asked. */
function resolver(answers: Record<string, string[]>, limits = defaultResolverLimits) {
  const state = { now: 0, asked: 0 }
  const lookup = async (name: string) => {
    state.asked++
    const answer = answers[name]
    if (!answer) throw Object.assign(new Error("none"), { code: "ENOTFOUND" })
    return answer
  }
  return { state, resolver: new Resolver(() => state.now, limits, lookup) }
}

t.test("a name is asked for once in its time, by however many at once", async (t) => {
  const { state, resolver: names } = resolver({ "a.example": ["192.0.2.1"] })
  t.equal(names.known("a.example"), null)
  await Promise.all([1, 2, 3].map(() => names.resolve("a.example")))
  t.same(names.known("a.example"), ["192.0.2.1"])
  t.equal(state.asked, 1)
  state.now = defaultResolverLimits.plainTtl - 1
  await names.resolve("a.example")
  t.equal(state.asked, 1)
  state.now = defaultResolverLimits.plainTtl
  t.equal(names.known("a.example"), null)
  await names.resolve("a.example")
  t.equal(state.asked, 2)
})

t.test("a failure is remembered for a short time only", async (t) => {
  const { state, resolver: names } = resolver({})
  await t.rejects(names.resolve("b.example"), { code: "ENOTFOUND" })
  await t.rejects(names.resolve("b.example"), { code: "ENOTFOUND" })
  t.equal(state.asked, 1)
  state.now = defaultResolverLimits.negativeTtl
  await t.rejects(names.resolve("b.example"), { code: "ENOTFOUND" })
  t.equal(state.asked, 2)
})

t.test("nobody waits longer than the deadline", async (t) => {
  const names = new Resolver(
    () => 0,
    { ...defaultResolverLimits, deadline: 20 },
    () => new Promise(() => {}),
  )
  await t.rejects(names.resolve("slow.example"), { code: "ETIMEOUT" })
})

t.test("an address is its own answer", async (t) => {
  const { state, resolver: names } = resolver({})
  t.same(names.known("2001:db8::1"), ["2001:db8::1"])
  t.same(await names.resolve("192.0.2.9"), ["192.0.2.9"])
  t.equal(state.asked, 0)
})

t.test("of more names than are kept the oldest is asked for again", async (t) => {
  const { state, resolver: names } = resolver(
    { a: ["192.0.2.1"], b: ["192.0.2.2"], c: ["192.0.2.3"] },
    { ...defaultResolverLimits, names: 2 },
  )
  for (const name of ["a", "b", "c"]) await names.resolve(name)
  t.same(
    [names.known("a"), names.known("b"), names.known("c")],
    [null, ["192.0.2.2"], ["192.0.2.3"]],
  )
  await names.resolve("a")
  t.equal(state.asked, 4)
})

t.test("only what the guard allows is given to dial, eight addresses at most", async (t) => {
  const guard = makeGuard({ ownAddresses: [], allowDestinations: [] })
  const many = Array.from({ length: 12 }, (_, n) => `192.0.2.${n + 1}`)
  const { resolver: names } = resolver({
    mixed: ["127.0.0.1", "192.0.2.1", "::1"],
    bad: ["127.0.0.1", "10.0.0.300"],
    many,
    none: [],
  })
  const find = async (host: string, port = 443) =>
    findAddresses(host, port, { resolver: names, guard, upstreamProxy: null })
  t.same(await find("mixed"), {
    addresses: ["192.0.2.1"],
    name: null,
    guarded: null,
    failure: null,
  })
  t.match(await find("bad"), { addresses: [], name: null, guarded: /loopback/, failure: null })
  t.equal((await find("many")).addresses.length, 8)
  t.same(await find("none"), { addresses: [], name: null, guarded: null, failure: null })
  t.same(await find("unknown"), { addresses: [], name: null, guarded: null, failure: "ENOTFOUND" })
  t.match(await find("192.0.2.1", 0), { addresses: [], name: null, guarded: /not a port/ })
})
