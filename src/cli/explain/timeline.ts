/** A case in the order of event time: what was seen, what was in force, and where nothing was seen. */
import type { AppEvent } from "../../record/app-event.ts"
import type { Attempt } from "../../record/attempt.ts"
import type { Flow } from "../../record/flow.ts"
import type { Posture } from "../../record/posture.ts"
import type { RegisterChange } from "../../record/register-change.ts"
import type { Case } from "./gather.ts"

export interface TimelineRow {
  at: string
  what: "attempt" | "flow" | "app-event" | "posture" | "register" | "drift" | "alert" | "gap"
  text: string
  id: string | null
}

/** Silence of the evidence that is worth a row, in milliseconds. */
const gapMs = 60 * 60_000

export function timelineOf(known: Case): TimelineRow[] {
  const seen: TimelineRow[] = [
    ...known.attempts.map((each) => row("attempt", each, attemptText(each))),
    ...known.flows.map((each) => row("flow", each, flowText(each))),
    ...known.app_events.map((each) => row("app-event", each, eventText(each))),
  ].sort(inTime)
  const around: TimelineRow[] = [
    ...known.postures.map((each) => row("posture", each, postureText(each))),
    ...known.register_changes.map((each) => row("register", each, changeText(each))),
    ...known.drifts.map((each) =>
      row("drift", each, `${each.entry_id}: ${each.sign}, ${each.was} -> ${each.now}`),
    ),
    ...known.left_out.map(({ is, count, at, because }) => ({
      at,
      what: "flow" as const,
      text: `${count} of taps not counted, ${leftOutWords[is]}; the last: ${because}`,
      id: null,
    })),
    ...known.alerts.map((each) => row("alert", each, `${each.news}: ${each.summary}`)),
  ]
  return [...seen, ...gapsIn(seen), ...around].sort(inTime)
}

const leftOutWords = {
  own: "sessions of the sensor",
  again: "told of by another flow, too",
  unproven: "as control: they may be sessions of the sensor",
}

function row(
  what: TimelineRow["what"],
  { observed_at, id }: { observed_at: string; id: string },
  text: string,
): TimelineRow {
  return { at: observed_at, what, text, id }
}

/** At one time: what was in force comes before what happened under it. */
const order = ["posture", "register", "app-event", "attempt", "flow", "gap", "drift", "alert"]

function inTime(a: TimelineRow, b: TimelineRow): number {
  if (a.at !== b.at) return a.at < b.at ? -1 : 1
  const places = order.indexOf(a.what) - order.indexOf(b.what)
  return places !== 0 ? places : (a.id ?? "") < (b.id ?? "") ? -1 : 1
}

function gapsIn(seen: readonly TimelineRow[]): TimelineRow[] {
  return seen.flatMap((each, index) => {
    const next = seen[index + 1]
    if (!next) return []
    const ms = Date.parse(next.at) - Date.parse(each.at)
    if (ms < gapMs) return []
    return [{ at: each.at, what: "gap", text: `no evidence for ${lengthOf(ms)}`, id: null }]
  })
}

function lengthOf(ms: number): string {
  const minutes = Math.round(ms / 60_000)
  const [days, hours] = [Math.floor(minutes / 1440), Math.floor((minutes % 1440) / 60)]
  const parts = [days && `${days} d`, hours && `${hours} h`, minutes % 60 && `${minutes % 60} min`]
  return parts.filter(Boolean).join(" ")
}

function attemptText(attempt: Attempt): string {
  const { outcome, strength, mark, token, client_ip, upstream } = attempt
  const how = [outcome, strength, mark].filter(Boolean).join(", ")
  return `${client_ip} -> ${destinationOf(attempt)}  ${how}  ${token}  origin ${upstream.status}`
}

function flowText(flow: Flow): string {
  const { verdict, strong, reason, splice_cause, source, client_ip, control } = flow
  const why = splice_cause ?? source
  const use = `${verdict}${strong ? " strongly" : ""} (${reason})`
  const bytes = `${flow.client_bytes} bytes out, ${flow.server_bytes} back`
  return `${client_ip} -> ${destinationOf(flow)}  ${use}, ${why}${control ? ", a control flow" : ""}, ${bytes}`
}

function destinationOf({ sni, destination_ip, destination_port }: Attempt | Flow): string {
  return `${sni ?? destination_ip ?? "?"}:${destination_port ?? "?"}`
}

function eventText({ type, app, trust, state, dest, source }: AppEvent): string {
  const parts = [
    `${type} of ${app.id ?? "an unnamed app"}${app.version ? ` ${app.version}` : ""}`,
    trust && `${trust.kind} (${trust.evidence})`,
    state && `app ${state.app_state}`,
    state && state.device_locked !== null && (state.device_locked ? "locked" : "unlocked"),
    state?.recent_user_interaction === false && "no recent interaction",
    dest && `to ${dest.host ?? dest.ip ?? "?"}`,
    `told by ${source}`,
  ]
  return parts.filter(Boolean).join(", ")
}

export function postureText(posture: Posture): string {
  const said = (name: string, value: boolean | null) =>
    value === null ? `${name} unknown` : value ? name : `not ${name}`
  return [
    `profile ${posture.profile}`,
    said("managed", posture.managed),
    said("supervised", posture.supervised),
    said("compliant", posture.compliant),
    `inspection CA ${posture.inspection_ca}`,
    `told by ${posture.source}`,
  ].join(", ")
}

function changeText({ entry_id, what, who, reason, after, before }: RegisterChange): string {
  const entry = after ?? before
  const state = after?.trial ? `, trial ${after.trial.state}` : ""
  const until = after ? `, until ${after.expires_at ?? "taken out"}` : ", gone"
  return `${entry_id} (${entry?.kind ?? "?"}, ${entry?.standing ?? "?"}) ${what} by ${who}${state}${until}: ${reason ?? entry?.reason ?? "no reason given"}`
}
