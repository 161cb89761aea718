/** `pinsensor bypass accept|reject`: what becomes of a bypass that the sensor proposed. */
import { parseArgs } from "node:util"
import type { RegisterEntry } from "../../record/register-entry.ts"
import { ownerFrom } from "./add.ts"
import { endedNow } from "./change.ts"
import { readEnd, readReview } from "./end-time.ts"
import { proposal, refuseTwin, unknownParts } from "./find-entry.ts"
import { actOptions, atDesk, oneId } from "./open-register.ts"
import { scopeText } from "./scope-flags.ts"

export function accept(args: readonly string[]): void {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: {
      ...actOptions,
      owner: { type: "string" },
      expires: { type: "string" },
      review: { type: "string" },
      group: { type: "string" },
      "any-stack": { type: "boolean" },
    },
    allowPositionals: true,
  })
  const id = oneId("accept", positionals)
  const owner = ownerFrom(values.owner)
  atDesk(values, ({ store, config, who, reason, now }) => {
    const proposed = proposal(store, id, now)
    const end =
      values.expires === undefined ? now + config.control["hold-for"] : readEnd(values.expires, now)
    const accepted: RegisterEntry = {
      ...proposed,
      standing: "in-force",
      owner,
      scope: widened(proposed.scope, values.group, values["any-stack"] ?? false),
      expires_at: new Date(end).toISOString(),
      review_at: new Date(readReview("--review", values.review, end, now)).toISOString(),
    }
    refuseTwin(store, accepted, now)
    store.putRegister([accepted], who, now, { what: "accepted", reason })
    const said = `${id} is in force until ${accepted.expires_at}: ${scopeText(accepted)}`
    return { said, notes: unknownParts(store, accepted) }
  })
}

export function reject(args: readonly string[]): void {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: actOptions,
    allowPositionals: true,
  })
  const id = oneId("reject", positionals)
  atDesk(values, ({ store, who, reason, now }) => {
    const proposed = proposal(store, id, now)
    store.putRegister([endedNow(proposed, now)], who, now, { what: "rejected", reason })
    return { said: `${id} is rejected; the audit says by whom and why` }
  })
}

/** From the devices it was seen on to a group of them; the name stays what it is. */
function widened(
  scope: RegisterEntry["scope"],
  group: string | undefined,
  anyStack: boolean,
): RegisterEntry["scope"] {
  if (group?.trim() === "") throw new Error("--group: it is empty")
  return {
    ...scope,
    ...(group === undefined ? {} : { device_id: null, device_group: group.trim() }),
    ...(anyStack ? { stack: null } : {}),
  }
}
