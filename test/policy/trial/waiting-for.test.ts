import t from "tap"
import type { Trial } from "../../../src/policy/trial/trial-key.ts"
import { waitingFor } from "../../../src/policy/trial/waiting-for.ts"
import type { RegisterEntry } from "../../../src/record/register-entry.ts"
import { control, hour, iso, minute, noon, trial } from "../given.ts"
import { used } from "./stepping.ts"

t.test("a trial says in words what it waits for", async (t) => {
  const until = { expires_at: iso(noon + hour) }
  const over = { expires_at: iso(noon) }
  const rows: [name: string, entry: RegisterEntry, words: string][] = [
    ["armed", trial(), `the device's next connection, until ${iso(noon + 24 * hour)}`],
    [
      "splicing",
      trial({ state: "splicing" }, { expires_at: iso(noon + 74_000) }),
      "its end: 74 s left, 12 of 20 connections, 3 of 50 MiB",
    ],
    [
      "re-inspecting",
      trial({ state: "re-inspecting" }, until),
      `a refusal (or acceptance) of the next inspected connection, until ${iso(noon + hour)}`,
    ],
    [
      "holding",
      trial({ state: "holding", hold: "inspect" }, until),
      `nothing: confirmed, inspected on until ${iso(noon + hour)}`,
    ],
    [
      "holding, blocked",
      trial({ state: "holding", hold: "block" }, until),
      `nothing: confirmed, blocked until ${iso(noon + hour)}`,
    ],
    [
      "holding, spliced",
      trial({ state: "holding", hold: "splice" }, until),
      `nothing: confirmed, spliced by a learned entry until ${iso(noon + hour)}`,
    ],
    [
      "holding, over",
      trial({ state: "holding" }, over),
      "a refusal, which begins anew: its hold is over",
    ],
    [
      "cooling",
      trial({ state: "cooling" }, until),
      `cooling until ${iso(noon + hour)}, then another refusal`,
    ],
    ["ended", trial({ state: "cooling" }, over), "another refusal"],
  ]
  for (const [name, entry, words] of rows)
    t.equal(
      waitingFor(entry as Trial, used(12, 3 * 1_048_576, noon - minute), control, noon),
      words,
      name,
    )
})

t.test("without a count beside it, what the entry says stands", async (t) => {
  const entry = trial({ state: "splicing", connections: 2 }, { expires_at: iso(noon + minute) })
  t.match(waitingFor(entry as Trial, null, control, noon), "60 s left, 2 of 20 connections")
})
