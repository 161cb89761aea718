/** `pinsensor bypass add`: a bypass with owner, reason and end, in force at once. */
import { randomBytes } from "node:crypto"
import { parseArgs } from "node:util"
import type { RegisterEntry } from "../../record/register-entry.ts"
import { readEnd, readReview } from "./end-time.ts"
import { refuseTwin, servedTenant, unknownParts } from "./find-entry.ts"
import { actOptions, atDesk } from "./open-register.ts"
import { scopeFrom, scopeOptions, scopeText } from "./scope-flags.ts"

const options = {
  ...actOptions,
  ...scopeOptions,
  kind: { type: "string" },
  owner: { type: "string" },
  expires: { type: "string" },
  review: { type: "string" },
  evidence: { type: "string", multiple: true },
} as const

/** Kinds that a person may add; the others are the sensor's. */
const kinds = ["operator", "platform", "private"] as const

export function add(args: readonly string[]): void {
  const { values } = parseArgs({ args: [...args], options })
  const scope = scopeFrom(values)
  const kind = kindFrom(values.kind ?? "operator")
  const owner = ownerFrom(values.owner)
  const { expires } = values
  if (expires === undefined)
    throw new Error(
      "say when it ends with --expires, as in 30d; a bypass without an end is forgotten",
    )
  atDesk(
    values,
    ({ store, config, who, reason, now }) => {
      const end = readEnd(expires, now)
      const entry: RegisterEntry = {
        tenant: config.tenant,
        site: config.site,
        sensor_id: config["sensor-id"],
        v: 1,
        id: `b-${randomBytes(4).toString("hex")}`,
        observed_at: iso(now),
        kind,
        source: "register",
        standing: "in-force",
        scope,
        declared: null,
        owner,
        reason,
        evidence_ids: [...new Set(values.evidence ?? [])],
        created_at: iso(now),
        expires_at: iso(end),
        review_at: iso(readReview("--review", values.review, end, now)),
        hits: 0,
        bytes: 0,
        last_hit_at: null,
        trial: null,
        learned: null,
      }
      const served = servedTenant(store)
      if (served !== null && served !== entry.tenant)
        throw new Error(
          `the sensor of this directory serves tenant ${served}, and would not go by an entry of ${entry.tenant}; give its configuration with --config`,
        )
      refuseTwin(store, entry, now)
      store.putRegister([entry], who, now)
      const said = `${entry.id} is in force until ${entry.expires_at}: ${scopeText(entry)}`
      return { said, notes: unknownParts(store, entry) }
    },
    true,
  )
}

/** Somebody who answers for it: not the sensor, whose name marks what nobody accepted yet. */
export function ownerFrom(text: string | undefined): string {
  if (text === undefined || text.trim() === "")
    throw new Error("say who answers for it with --owner: a person or a team that can be asked")
  if (text.trim() === "pinsensor")
    throw new Error("--owner: the sensor cannot answer for a bypass; name a person or a team")
  return text.trim()
}

function kindFrom(text: string): (typeof kinds)[number] {
  const kind = kinds.find((one) => one === text)
  if (kind) return kind
  throw new Error(
    `--kind: "${text}" is none of ${kinds.join(", ")}; the sensor itself makes others`,
  )
}

function iso(ms: number): string {
  return new Date(ms).toISOString()
}
