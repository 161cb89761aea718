import t from "tap"
import {
  isRunning,
  judgementsByKey,
  type Trial,
  trialKeyOfEntry,
  trialKeyOfJudgement,
} from "../../../src/policy/trial/trial-key.ts"
import { entry, judgement, noon, second, trial } from "../given.ts"

t.test("an entry and a judgement about the same device, stack and SNI have one key", async (t) => {
  const key = trialKeyOfJudgement(judgement())
  t.equal(trialKeyOfEntry(trial()), key)
  t.equal(trialKeyOfJudgement(judgement({ client_ip: "10.9.9.9", verdict: "accepts" })), key)
  t.not(trialKeyOfJudgement(judgement({ sni: "b.example.org" })), key)
  t.not(trialKeyOfJudgement(judgement({ key: { ...judgement().key, stack: null } })), key)
  t.not(trialKeyOfEntry(entry()), key)
})

t.test("separators inside a name do not make two keys one", async (t) => {
  const of = (device_id: string, sni: string) =>
    trialKeyOfJudgement(judgement({ sni, key: { ...judgement().key, device_id, stack: "s" } }))
  t.not(of('a","s","b', "c"), of("a", 'b","c'))
})

t.test("only the epoch of the newest evidence speaks for a key", async (t) => {
  const old = judgement({ verdict: "suspected", last_ms: noon })
  const epoch = { issuing_ca: "ca2", sensor_config: "c1" }
  const now = judgement({ verdict: "accepts", epoch, last_ms: noon + second })
  const also = judgement({ verdict: "mixed", epoch, last_ms: noon - second })
  const [kept] = judgementsByKey([old, now, also]).values()
  t.same(kept, [now, also])
})

t.test("a trial runs until something decides it", async (t) => {
  const rows = [
    ["armed", true],
    ["splicing", true],
    ["re-inspecting", true],
    ["holding", false],
    ["cooling", false],
  ] as const
  for (const [state, running] of rows) t.equal(isRunning(trial({ state }) as Trial), running, state)
})
