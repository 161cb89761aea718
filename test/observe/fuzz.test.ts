/** A short run of test/nightly/fuzz.ts, always the same one, and a proof that it can fail. */
import t from "tap"
import { Random } from "../nightly/fuzz/random.ts"
import { inputOf, runTarget } from "../nightly/fuzz/run-target.ts"
import type { FuzzTarget } from "../nightly/fuzz/target.ts"
import { fuzzTargets, targetNamed } from "../nightly/fuzz/targets.ts"

const seed = 20_260
/** Inputs of the target with the largest share; the others have as many as their shares say. */
const most = 600

t.test("mutated input breaks no property of what reads it", async (t) => {
  const largest = Math.max(...fuzzTargets.map(({ share }) => share))
  for (const target of fuzzTargets) {
    const count = Math.ceil((most * target.share) / largest)
    const { failure, inputs, accepted } = await runTarget({ target, seed, first: 0, count })
    t.equal(failure, null, target.name)
    t.equal(inputs, count)
    if (count > 100) t.ok(accepted > 0 && accepted < inputs, `${target.name}: ${accepted}`)
  }
})

t.test("a seed gives the same inputs again, another one gives others", async (t) => {
  const hello = targetNamed("client-hello")
  t.equal(inputOf(hello, 1, 77), inputOf(hello, 1, 77))
  t.not(inputOf(hello, 1, 77), inputOf(hello, 2, 77))
  t.not(inputOf(hello, 1, 77), inputOf(hello, 1, 78))
  t.throws(() => targetNamed("none"), /no target none/)
})

const planted = (check: FuzzTarget["check"]): FuzzTarget => ({
  name: "planted",
  share: 1,
  input: (random) => Uint8Array.of(random.below(4)),
  check,
})

t.test("a property that does not hold is told with the input that shows it", async (t) => {
  const target = planted(([byte]) => {
    if (byte === 3) throw new Error("never three")
    return true
  })
  const { failure, inputs } = await runTarget({ target, seed, first: 0, count: 100 })
  const index = Array.from({ length: 100 }, (_, at) => new Random(seed, "planted", at).below(4))
  t.same(failure, {
    target: "planted",
    seed,
    index: index.indexOf(3),
    why: "never three",
    input: "03",
  })
  t.equal(inputs, index.indexOf(3) + 1)
})

t.test("an input that takes too long is told", async (t) => {
  const target = planted(([byte]) => {
    const { user, system } = process.threadCpuUsage()
    // Time of the CPU, as what judges it: on a machine with more to do 80 ms of the wall may be nothing.
    const spentMs = () => {
      const now = process.threadCpuUsage()
      return (now.user + now.system - user - system) / 1_000
    }
    while (byte === 2 && spentMs() < 80);
    return true
  })
  const { failure } = await runTarget({ target, seed, first: 0, count: 100 })
  t.match(failure, { why: /^it took \d+\.\d ms$/, input: "02" })
})
