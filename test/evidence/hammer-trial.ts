/** A process that takes all it can get of one trial: `hammer-trial.ts DIR ENTRY CAPS SEED`. */
import { openTrialLedger } from "../../src/evidence/trial-ledger.ts"

const [dir = "", entryId = "", caps = "{}", seed = "0"] = process.argv.slice(2)
const ledger = openTrialLedger(dir, { busyTimeoutMs: 1_000 })
const got = { connections: 0, bytes: 0, unavailable: 0 }
const now = Date.now()
let wanted = Number(seed) + 1
process.once("message", () => {
  for (let n = 0; n < 300; n++) {
    const answer = ledger.admit(entryId, now, JSON.parse(caps))
    if (answer === "unavailable") got.unavailable++
    else if (answer !== "spent") got.connections++
    wanted = (wanted * 7919) % 5_003
    got.bytes += ledger.lease(entryId, now, wanted, JSON.parse(caps))
  }
  // It stays until it is killed, with its ledger open.
  process.send?.(got)
})
process.send?.("ready")
