/** `pinsensor coverage accept GAP[:PART]`: a person lives with a gap, and says what stands in for it. */
import { randomBytes } from "node:crypto"
import { parseArgs } from "node:util"
import { acceptanceInForce } from "../../analytics/coverage.ts"
import type { Store } from "../../evidence/store.ts"
import { Platform, SpliceCause } from "../../record/common.ts"
import { type CoverageAcceptance, GapName } from "../../record/coverage-gap.ts"
import { durationText } from "../../record/duration.ts"
import { recordId } from "../../record/record-id.ts"
import { readTime } from "../bypass/end-time.ts"
import { actOptions, atDesk, type Desk } from "../bypass/open-register.ts"

const options = {
  ...actOptions,
  owner: { type: "string" },
  control: { type: "string" },
  review: { type: "string" },
} as const

/** Nobody accepts for ever. */
const longest = 366 * 86_400_000

export function accept(args: readonly string[]): void {
  const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true })
  atDesk(values, (desk) => {
    const { store, reason, now } = desk
    const [gap, part] = scopeFrom(positionals, store)
    const { owner, control, review } = values
    if (!owner?.trim()) throw new Error("say who answers for it with --owner")
    if (!control?.trim()) throw new Error("say what stands in for what is not seen with --control")
    if (!review) throw new Error("say until when with --review, such as 90d")
    const until = readTime("--review", review, now)
    if (until <= now || until - now > longest)
      throw new Error(`--review: "${review}" must lie ahead, at most ${durationText(longest)}`)
    const review_at = new Date(until).toISOString()
    write(desk, gap, part, { owner, reason, control, review_at, withdrawn: false })
    return { said: `${textOf(gap, part)} is accepted until ${review_at.slice(0, 10)}` }
  })
}

/** Takes back what was accepted. */
export function withdraw(args: readonly string[]): void {
  const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true })
  atDesk(values, (desk) => {
    const { store, config, who, reason, now } = desk
    const [gap, part] = scopeFrom(positionals, store)
    const said = [...store.all("coverage-acceptances")].filter(
      ({ tenant }) => tenant === config.tenant,
    )
    const scope = textOf(gap, part)
    const inForce = acceptanceInForce(said, gap, part, now)
    if (inForce === null)
      throw new Error(
        part !== null && acceptanceInForce(said, gap, null, now) !== null
          ? `${scope} is accepted with the whole gap: withdraw ${gap}`
          : `${scope} is not accepted; \`pinsensor coverage\` shows what is`,
      )
    const { owner = who } = values
    const review_at = new Date(now).toISOString()
    // It must be the last word, also on what came from a sensor whose clock is ahead.
    const at = Math.max(now, Date.parse(inForce.observed_at) + 1)
    const back = { owner, reason, control: "none", review_at, withdrawn: true }
    write({ ...desk, now: at }, gap, part, back)
    return { said: `${scope} counts again` }
  })
}

type Said = Pick<CoverageAcceptance, "owner" | "reason" | "control" | "review_at" | "withdrawn">

function write(
  { store, config, who, now }: Desk,
  gap: GapName,
  part: string | null,
  said: Said,
): void {
  const common = {
    tenant: config.tenant,
    site: config.site,
    sensor_id: config["sensor-id"],
    v: 1 as const,
    id: recordId(now, randomBytes(10)),
    observed_at: new Date(now).toISOString(),
  }
  store.append("coverage-acceptances", [{ ...common, gap, part, who, ...said }])
}

function scopeFrom(positionals: readonly string[], store: Store): [GapName, string | null] {
  const [what, ...others] = positionals
  if (what === undefined || others.length > 0)
    throw new Error(
      `name one gap: ${GapName.options.join(", ")}; with a part as in no-telemetry:ios`,
    )
  const [name, part = null] = what.split(/:(.*)/s)
  const gap = GapName.safeParse(name)
  if (!gap.success) throw new Error(`"${name}" is no gap; one of ${GapName.options.join(", ")}`)
  if (part === null) return [gap.data, part]
  const parts = partsOf(gap.data, store)
  if (parts.includes(part)) return [gap.data, part]
  throw new Error(
    parts.length === 0
      ? `${gap.data} has no parts; leave out ":${part}"`
      : `${gap.data} has no part "${part}"; one of ${parts.join(", ")}`,
  )
}

function partsOf(gap: GapName, store: Store): readonly string[] {
  if (gap === "no-telemetry") return Platform.options
  if (gap === "stale-source") return store.sources.all().map(({ name }) => name)
  return gap === "not-inspected" ? [...SpliceCause.options, "direct"] : []
}

function textOf(gap: GapName, part: string | null): string {
  return part === null ? gap : `${gap}:${part}`
}
