/** Alerts for receivers that shall not learn who it is: pseudonyms in place of names, the same as in exports. */
import type { Outbox } from "../../alert/send.ts"
import type { Pseudonyms } from "../../record/pseudonym.ts"

/** `veiled`: names of sinks. Fails closed: where there are no pseudonyms (a key that others may read, or that
 * cannot be made), nothing goes to those; it waits, and is told as any failure of a sink. */
export function veiledOutbox(
  outbox: Outbox,
  veiled: ReadonlySet<string>,
  open: () => Pseudonyms,
): Outbox {
  let pseudonyms: Pseudonyms | null = null
  return {
    ...outbox,
    due(sink, now, limit) {
      const rows = outbox.due(sink, now, limit)
      if (!veiled.has(sink) || rows.length === 0) return rows
      pseudonyms ??= open()
      const names = pseudonyms
      return rows.map(({ seq, alert }) => ({
        seq,
        alert: JSON.parse(names.inRecord(JSON.stringify(alert))),
      }))
    },
  }
}
