/** What the trials' ledger promises, in memory: for tests of what asks it. */
import type { TrialLedger } from "../../../src/policy/trial/trial-use.ts"

export interface MemoryLedger extends TrialLedger {
  /** Answers that were given. */
  asked: number
  readonly used: Map<string, { first_ms: number; connections: number; bytes: number }>
}

export function memoryLedger(): MemoryLedger {
  const used: MemoryLedger["used"] = new Map()
  return {
    asked: 0,
    used,
    admit(entryId, now, caps) {
      this.asked++
      const row = used.get(entryId) ?? { first_ms: now, connections: 0, bytes: 0 }
      const over = now >= row.first_ms + caps.lasts_ms || row.bytes >= caps.bytes
      if (over || row.connections >= caps.connections) return "spent"
      used.set(entryId, { ...row, connections: row.connections + 1 })
      return { first_ms: row.first_ms }
    },
    lease(entryId, now, wanted, caps) {
      this.asked++
      const row = used.get(entryId)
      if (!row || now >= row.first_ms + caps.lasts_ms) return 0
      const leased = Math.max(0, Math.min(wanted, caps.bytes - row.bytes))
      used.set(entryId, { ...row, bytes: row.bytes + leased })
      return leased
    },
  }
}
