import t from "tap"
import { PastRegister } from "../../../src/cli/replay/past-register.ts"
import { openStore } from "../../../src/evidence/open.ts"
import { RegisterEntry } from "../../../src/record/register-entry.ts"
import { newDir } from "../../evidence/fixtures.ts"
import { dayStart, HOUR } from "../../support/records.ts"

const at = (hour: number) => new Date(dayStart + hour * HOUR).toISOString()

t.test(
  "the register stands as it stood at a time, and what ended long before is gone",
  async (t) => {
    const store = openStore(newDir(t))
    t.teardown(() => store.close())
    const entry = (state: string, end: number) =>
      RegisterEntry.parse({
        tenant: "acme",
        site: "hq",
        sensor_id: "s1",
        v: 1,
        id: "trial-1",
        observed_at: at(1),
        created_at: at(1),
        expires_at: at(end),
        kind: "trial",
        scope: { sni: "api.bank.example" },
        owner: "pinsensor",
        reason: "trial",
        trial: { state, since: at(1) },
      })
    store.putRegister([entry("armed", 4)], "correlator", dayStart + HOUR)
    store.putRegister([entry("holding", 5)], "correlator", dayStart + 2 * HOUR)
    store.removeRegister("trial-1", "ann@host", "over", dayStart + 3 * HOUR)
    const past = new PastRegister(store, 2 * HOUR)
    const standing = (hour: number) =>
      past.at(dayStart + hour * HOUR).map(({ trial, expires_at }) => [trial?.state, expires_at])
    t.strictSame(standing(1.5), [["armed", at(4)]])
    t.strictSame(standing(2.5), [["holding", at(5)]])
    t.strictSame(standing(4.5), [["holding", at(3)]], "it ended when it was taken out")
    t.strictSame(standing(5.5), [])
  },
)
