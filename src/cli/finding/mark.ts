/** `pinsensor finding mark expected|benign|malicious|wrong ID`: what a person says of a finding, and of what is like it. */
import { randomBytes } from "node:crypto"
import { parseArgs } from "node:util"
import { markedOf } from "../../analytics/label-drift.ts"
import {
  labelScopeText,
  scopeKey,
  scopeKinds,
  scopeOf,
  widthOfLabel,
} from "../../analytics/label-scope.ts"
import type { Store } from "../../evidence/store.ts"
import { durationText } from "../../record/duration.ts"
import { type Finding, LabelWord } from "../../record/finding.ts"
import { type Label, type LabelScope, type LabelScopeKind, mostMarked } from "../../record/label.ts"
import { readTime } from "../bypass/end-time.ts"
import { actOptions, atDesk } from "../bypass/open-register.ts"
import { findingNamed, labelsOf, oneFinding } from "./known-findings.ts"

const options = {
  ...actOptions,
  scope: { type: "string" },
  owner: { type: "string" },
  expires: { type: "string" },
  wide: { type: "boolean" },
} as const

/** A person has to say again after so long that what silences alerts shall. */
const longest = 366 * 86_400_000
/** Labels that have not ended; beyond it nobody knows any more what is silenced. */
const mostInForce = 10_000

export function mark(args: readonly string[]): void {
  const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true })
  const [first, ...ids] = positionals
  const word = wordFrom(first)
  const id = oneFinding(`mark ${word}`, ids)
  const kind = kindFrom(values.scope ?? "finding")
  const owner = ownerFrom(values.owner)
  const { expires, wide = false } = values
  if (expires === undefined && word !== "malicious")
    throw new Error(
      "say when it ends with --expires, as in 90d; what silences alerts without an end is forgotten",
    )
  atDesk(values, ({ store, config, who, reason, now }) => {
    const finding = findingNamed(store, id)
    const scope = scopeFor(kind, finding, word, wide)
    const known = labelsOf(store).all()
    const inForce = known.filter(({ expires_at }) => expires_at === null || expires_at > iso(now))
    if (inForce.length >= mostInForce)
      throw new Error(
        `${inForce.length} labels are in force, the most there may be; \`unmark\` some, or mark wider scopes`,
      )
    const common = {
      tenant: finding.tenant,
      site: config.site,
      sensor_id: config["sensor-id"],
      v: 1 as const,
      observed_at: iso(now),
      label: word,
      scope,
      owner,
      who,
      finding_id: finding.id,
    }
    const label: Label = {
      ...common,
      id: newId(),
      act: "marked",
      reason,
      expires_at: expires === undefined ? null : iso(endFrom(expires, now)),
      marked: markedIn(store, finding, scope),
      withdraws: null,
    }
    const key = scopeKey(finding.tenant, scope)
    const replaced = known.filter((one) => scopeKey(one.tenant, one.scope) === key)
    const back = replaced.map(
      (one): Label => ({
        ...common,
        id: newId(),
        act: "withdrawn",
        label: one.label,
        reason: `${label.id} takes its place`,
        expires_at: null,
        marked: null,
        withdraws: one.id,
      }),
    )
    store.putLabels([...back, label], who)
    const until = label.expires_at === null ? "without end" : `until ${label.expires_at}`
    return {
      said: `${label.id}: ${word} ${until}: ${labelScopeText(scope)}`,
      notes: [
        ...replaced.map((one) => `takes the place of ${one.id} (${one.label}, by ${one.who})`),
        ...notesOn(label, finding),
      ],
    }
  })
}

function wordFrom(text: string | undefined): LabelWord {
  const word = LabelWord.options.find((one) => one === text)
  if (word) return word
  throw new Error(
    `say what it is: pinsensor finding mark ${LabelWord.options.join("|")} ID${text === undefined ? "" : ` ("${text}" is none of them)`}`,
  )
}

function kindFrom(text: string): LabelScopeKind {
  const kind = scopeKinds.find((one) => one === text)
  if (kind) return kind
  throw new Error(`--scope: "${text}" is none of ${scopeKinds.join(", ")}`)
}

function ownerFrom(text: string | undefined): string {
  if (text === undefined || text.trim() === "")
    throw new Error("say who answers for it with --owner: a person or a team that can be asked")
  return text.trim()
}

function endFrom(text: string, now: number): number {
  const end = readTime("--expires", text, now)
  if (end <= now) throw new Error(`--expires: "${text}" has passed; give an end that lies ahead`)
  if (end - now > longest)
    throw new Error(
      `--expires: "${text}" is too far; a label lasts ${durationText(longest)} at most, and is marked again after that`,
    )
  return end
}

/** What the label covers; throws for what nobody should silence, or not without saying so. */
function scopeFor(
  kind: LabelScopeKind,
  finding: Finding,
  word: LabelWord,
  wide: boolean,
): LabelScope {
  if (finding.analytic === "sensor-fault")
    throw new Error(
      `${finding.id} is about the sensor itself, which no label silences; mend what it says`,
    )
  const scope = scopeOf(kind, finding)
  if (scope === null)
    throw new Error(
      kind.includes("app")
        ? `--scope ${kind}: the app of ${finding.id} is not known; use finding, destination or device`
        : `--scope ${kind}: ${finding.id} is about the device as a whole; use finding or device`,
    )
  const width = widthOfLabel(scope)
  if (width !== null && word !== "malicious" && !wide)
    throw new Error(
      `it ${width}; narrow it with --scope ${narrower(kind)}, or say --wide if you mean it`,
    )
  return scope
}

function narrower(kind: LabelScopeKind): string {
  return kind === "app" ? "app-domain" : kind === "domain" ? "destination" : "device-app"
}

/** What all findings in the scope are now. */
function markedIn(store: Store, finding: Finding, scope: LabelScope): Label["marked"] {
  const key = scopeKey(finding.tenant, scope)
  const all: Finding[] = []
  for (const other of store.all("findings")) {
    if (other.state === "closed") continue
    const its = scopeOf(scope.kind, other)
    if (its && scopeKey(other.tenant, its) === key) all.push(other)
  }
  const marked = markedOf(finding, all)
  if (marked) return marked
  throw new Error(
    `--scope ${scope.kind}: more than ${mostMarked} versions, signers, stacks or domains lie in it, so that no change would be seen; narrow it`,
  )
}

function notesOn({ label, scope }: Label, finding: Finding): string[] {
  if (label === "malicious") return []
  const inferred =
    scope.kind !== "finding" && scope.app_id !== null && finding.app_attribution !== "observed"
  return [
    ...(inferred
      ? [
          `the app of ${finding.id} is ${finding.app_attribution}, not observed: such findings are a step lower, and not silenced`,
        ]
      : []),
    ...(scope.app_id !== null && (finding.app_signer ?? null) === null
      ? ["no source tells the signer of the app: another app under its name would be covered too"]
      : []),
  ]
}

function newId(): string {
  return `l-${randomBytes(6).toString("hex")}`
}

function iso(ms: number): string {
  return new Date(ms).toISOString()
}
