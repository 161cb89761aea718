/** The bench's tables, from sessions that have their truth. */
import { judgedTrace, type SessionTrace } from "../../test/observe/session-trace.ts"
import { anyClientRecord, imc2022, lengthsOnly } from "./rules.ts"
import { type Class, classes, rightly, type Truth } from "./truth.ts"

export interface Judged {
  client: string
  version: string
  origin: string
  story: string
  trace: SessionTrace
  truth: Truth
}

export function report(sessions: readonly Judged[]): string {
  const judged = sessions.map((session) => ({ ...session, said: judgedTrace(session.trace) }))
  const wrong = judged.filter(({ truth, said }) => !rightly(truth, said))
  const sameClass = judged.filter(({ truth, said }) => truth.class === said.verdict)
  return [
    "Right (class and strength), by client and version:",
    ...byClient(judged.map((one) => ({ ...one, right: rightly(one.truth, one.said) }))),
    "",
    "Confusion: rows are the truth of the ends, columns what the judge says",
    ...confusion(
      judged.map(({ truth, said }) => [
        named(truth.class, truth.strong),
        named(said.verdict, said.strong),
      ]),
    ),
    "",
    `class right: ${share(sameClass.length, judged.length)}; class and strength: ${share(judged.length - wrong.length, judged.length)}`,
    "",
    "Beside it, on the same sessions:",
    ...beside(judged),
    "",
    `Wrong: ${wrong.length}`,
    ...wrong.map(
      ({ client, version, origin, story, trace, truth, said }) =>
        `  ${client} ${version} -> ${origin}, ${story}: is ${named(truth.class, truth.strong)} (${truth.sent}/${truth.answered}), said ${named(said.verdict, said.strong)} (${said.reason})\n    ${shortened(trace.records)}`,
    ),
  ].join("\n")
}

function named(verdict: string, strong: boolean): string {
  return verdict === "used" ? (strong ? "used strongly" : "used weakly") : verdict
}

function byClient(rows: readonly (Judged & { right: boolean })[]): string[] {
  const groups = Map.groupBy(rows, ({ client, version }) => `${client} TLS ${version}`)
  return [...groups].sort().map(([name, group]) => {
    const right = group.filter((one) => one.right).length
    const counts = classes.map(
      (each) => `${each} ${group.filter(({ truth }) => truth.class === each).length}`,
    )
    return `  ${name.padEnd(18)} ${share(right, group.length).padEnd(20)} (${counts.join(", ")})`
  })
}

const names = ["used strongly", "used weakly", "sent-only", "established-unused", "failed"]

function confusion(pairs: readonly [string, string][]): string[] {
  const width = 20
  const cells = names.map((truth) =>
    names.map((said) => pairs.filter(([a, b]) => a === truth && b === said).length),
  )
  return [
    `  ${"".padEnd(width)}${names.map((each) => each.padStart(width)).join("")}`,
    ...names.map(
      (name, at) =>
        `  ${name.padEnd(width)}${(cells[at] ?? []).map((n) => String(n || ".").padStart(width)).join("")}`,
    ),
  ]
}

/** Two questions: did the client send anything (all that IMC's rule asks); and which of the four classes. */
function beside(judged: readonly (Judged & { said: ReturnType<typeof judgedTrace> })[]): string[] {
  const total = judged.length
  const sends = (verdict: Class | string) => verdict === "used" || verdict === "sent-only"
  const asked: [string, (one: (typeof judged)[number]) => boolean][] = [
    ["the judge", ({ said }) => sends(said.verdict)],
    ["IMC 2022", ({ trace }) => imc2022(trace) === "used"],
    ["any record of type 23", ({ trace }) => anyClientRecord(trace) === "used"],
    ["lengths alone", ({ trace }) => sends(lengthsOnly(trace))],
  ]
  return [
    ...asked.map(([name, says]) => {
      const right = judged.filter((one) => says(one) === sends(one.truth.class)).length
      const falsely = judged.filter((one) => says(one) && !sends(one.truth.class)).length
      return `  did the client send anything: ${name.padEnd(22)} ${share(right, total)}, said yes wrongly ${falsely}`
    }),
    `  which of the four classes:    ${"the judge".padEnd(22)} ${share(judged.filter(({ said, truth }) => said.verdict === truth.class).length, total)}`,
    `  which of the four classes:    ${"lengths alone".padEnd(22)} ${share(judged.filter(({ trace, truth }) => lengthsOnly(trace) === truth.class).length, total)}`,
  ]
}

function share(part: number, of: number): string {
  return `${part} of ${of} (${of === 0 ? 0 : Math.round((10_000 * part) / of) / 100} %)`
}

function shortened(records: string): string {
  return records.length > 400 ? `${records.slice(0, 400)} ...` : records
}
