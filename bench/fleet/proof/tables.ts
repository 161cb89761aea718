/** The results of a proof as the tables of a page: the goals, the metrics of each stratum, and other tools' rules. */

import { Random } from "../random.ts"
import type { Ran } from "../run-world.ts"
import { added, drawnBounds, lowerBound, type Pair, upperBound } from "../score/bounds.ts"
import { hours, number } from "../score/report.ts"
import { adversaries, confounders } from "../switches.ts"
import type { Head } from "./results.ts"

/** Of false `confirmed` in each class of confounders; of sent incidents that are right; of detectable pins found. */
const goals = { falseConfirmed: 1e-4, sent: 0.97, recall: 0.95 }

/** Worlds as fleets are, beside which the mixes are made to go wrong. */
const realistic: readonly RegExp[] = [/^plain/, /^base/, /^hostile/]

/** By the name that a page asks for them with. */
export function tablesOf(worlds: readonly Ran[], head: Head): Map<string, string> {
  return new Map([
    ["summary", summary(worlds, head)],
    ["goals", goalsTable(worlds)],
    ["classes", classesTable(worlds)],
    ["metrics", metricsTable(worlds)],
    ["adversaries", adversariesTable(worlds)],
    ["others", othersTable(worlds)],
    ["undetermined", undeterminedTable(worlds)],
    ["reasons", reasonsTable(worlds)],
    ["faults", faults(worlds)],
  ])
}

/** Puts each table between `<!-- proof NAME -->` and `<!-- end -->`. */
export function intoPage(page: string, tables: ReadonlyMap<string, string>): string {
  return page.replace(
    /(<!-- proof (\w+) -->\n)[\s\S]*?(<!-- end -->)/g,
    (whole, begin: string, name: string, end: string) => {
      const text = tables.get(name)
      return text === undefined ? whole : `${begin}${text}\n${end}`
    },
  )
}

function summary(worlds: readonly Ran[], head: Head): string {
  const cases = sum(worlds.map((ran) => ran.cases))
  const cut = worlds.filter(({ stoppedAt }) => stoppedAt !== null).length
  const seconds = sum(worlds.map((ran) => ran.seconds))
  const code = `commit ${head.commit}${head.changed > 0 ? ` and ${head.changed} changed files` : ""}, digest of src/ ${head.src}`
  return `Seeds: ${head.seeds}; ${code}. ${worlds.length} worlds, ${cases} cases, ${Math.round(seconds)} s of CPU; ${cut} of the worlds did not come to their end.`
}

function goalsTable(worlds: readonly Ran[]): string {
  const fleets = worlds.filter(({ stratum }) => realistic.some((name) => name.test(stratum)))
  const classes = classesOf(worlds)
  const missed = classes.filter(({ upper }) => upper > goals.falseConfirmed)
  const but = missed.length > 5 ? [] : missed.map(({ name }) => name)
  const worst = classes.reduce((most, { upper }) => Math.max(most, upper), 0)
  const rows = [
    [
      "false `confirmed` in each class, upper bound",
      `< ${goals.falseConfirmed}`,
      `${classes.length - missed.length} of ${classes.length} classes${but.length > 0 ? ` (not ${but.join(", ")})` : ""}; worst ${number(worst)}`,
    ],
    ["sent incidents that are right, lower bound", `${goals.sent}`, share(fleets, sentRight)],
    ["... in all worlds, mixes too", "", share(worlds, sentRight)],
    [
      "recall of detectable pins and own anchors",
      `${goals.recall}`,
      share(fleets, "recall, detectable"),
    ],
    ["... in all worlds, mixes too", "", share(worlds, "recall, detectable")],
  ]
  return markdown(["goal", "asked", "reached"], rows)
}

const sentRight = "precision of sent incidents"

interface ConfounderClass {
  name: string
  part: number
  whole: number
  refused: number
  upper: number
}

/** Beside the confounders: cases that none touches, and all together. Adversaries' cases are effects, but for a few. */
const classNames = new Set(["all", "plain", ...confounders.map(({ name }) => name)])

function classesOf(worlds: readonly Ran[]): ConfounderClass[] {
  const random = new Random("classes")
  const names = namesOf(worlds, "false confirmed: ").filter((name) => classNames.has(name))
  return names.map((name) => {
    const metric = `false confirmed: ${name}`
    const [part, whole] = total(worlds, metric)
    const drawn = part > 0 ? drawnBounds(strataOf(worlds, metric), random) : null
    const upper = Math.max(upperBound(part, whole), drawn?.[1] ?? 0)
    return { name, part, whole, refused: total(worlds, `refused: ${name}`)[0], upper }
  })
}

function classesTable(worlds: readonly Ran[]): string {
  const rows = classesOf(worlds).map(({ name, part, whole, refused, upper }) => [
    name,
    String(whole),
    String(refused),
    String(part),
    upper.toExponential(1),
  ])
  const heads = [
    "class",
    "cases without effect",
    "of them refused us",
    "`confirmed`",
    "upper bound",
  ]
  return markdown(heads, rows)
}

const metrics: readonly (readonly [title: string, name: string])[] = [
  ["precision of `confirmed` (findings, ever held)", "precision of confirmed"],
  ["sent incidents that are right", sentRight],
  ["recall of detectable pins and own anchors", "recall, detectable"],
  ["recall of all pins", "recall, all pins"],
  ["attribution: precision", "attribution precision"],
  ["attribution: coverage", "attribution coverage"],
  ["trial seconds for a key that had one, and day", "trial seconds per key and day"],
  ["broken sessions for a device and day", "broken sessions per device and day"],
]

function metricsTable(worlds: readonly Ran[]): string {
  const strata = Map.groupBy(worlds, ({ stratum }) => stratum)
  const names = [...strata.keys()]
    .filter((name) => realistic.some((each) => each.test(name)))
    .sort()
  const of = (name: string) => strata.get(name) ?? []
  // The first day of each world and its last, by number: strata of two days and of fourteen share no row.
  const alerts = "alerts per 1,000 devices, day "
  const onDays = namesOf(names.flatMap(of), alerts)
    .sort((a, b) => Number(a) - Number(b))
    .map((day) => [`${alerts}${day}`, `${alerts}${day}`] as const)
  const rows = [...metrics, ...onDays].map(([title, metric]) => [
    title,
    ...names.map((name) => share(of(name), metric)),
  ])
  rows.push([
    "hours to detection: median, 90 %",
    ...names.map((name) => hours(of(name).map(({ score }) => score))),
  ])
  return markdown(["metric", ...names], rows)
}

/** Fleets only: what the mixes do to tools that know no fleet would be unfair. */
function othersTable(worlds: readonly Ran[]): string {
  const fleets = worlds.filter(({ stratum }) => realistic.some((name) => name.test(stratum)))
  const rows = [
    [
      "pinsensor, `confirmed`",
      share(fleets, "precision of confirmed"),
      share(fleets, "recall, all pins and own anchors"),
    ],
    ...["imc", "mockttp", "mitmproxy"].map((tool) => [
      `${tool}'s rule`,
      share(fleets, `precision of ${tool}`),
      share(fleets, `recall of ${tool}`),
    ]),
  ]
  return markdown(["rule", "precision", "recall over all pins and own anchors"], rows)
}

/** What is said at last of cases that refused us, whatever the truth is: in fleets, and in all worlds. */
function undeterminedTable(worlds: readonly Ran[]): string {
  const fleets = worlds.filter(({ stratum }) => realistic.some((name) => name.test(stratum)))
  const both = [fleets, worlds] as const
  const of = (metric: string) =>
    both.map((some) => `${total(some, metric)[0]} of ${total(some, "undetermined")[1]}`)
  const rowsOf = (title: string, prefix: string) =>
    namesOf(worlds, prefix).map((name) => [`${title}${name}`, ...of(`${prefix}${name}`)])
  return markdown(
    ["last verdict of a case that refused us", "fleets", "all worlds"],
    [
      ["`undetermined`, or no finding", ...both.map((some) => share(some, "undetermined"))],
      ...rowsOf("... ", "undetermined: "),
      ...rowsOf("", "last verdict: "),
    ],
  )
}

/** Why pins were not confirmed, by what was missing in the world and by what the sensor says is. */
function reasonsTable(worlds: readonly Ran[]): string {
  const fleets = worlds.filter(({ stratum }) => realistic.some((name) => name.test(stratum)))
  const world = namesOf(fleets, "not detectable: ").map((name) => {
    const [found, whole] = total(fleets, `not detectable: ${name}`)
    return [`the world: ${name}`, String(whole), String(found)]
  })
  const [, open] = total(fleets, "missing")
  const sensor = namesOf(fleets, "missing: ").map((name) => {
    const [count] = total(fleets, `missing: ${name}`)
    return [`the sensor: ${name}`, `${count} of ${open}`, ""]
  })
  return markdown(
    ["why a pin was not shown", "cases", "`confirmed` all the same"],
    [...world, ...sensor],
  )
}

/** A share of counts, or an average, with its bounds. */
function share(worlds: readonly Ran[], metric: string): string {
  const [part, whole] = total(worlds, metric)
  if (whole === 0) return "-"
  const isCount =
    metric.startsWith("precision") ||
    metric.startsWith("recall") ||
    metric === "undetermined" ||
    metric.startsWith("attribution")
  const drawn = drawnBounds(strataOf(worlds, metric), new Random(metric))
  const between = isCount
    ? [
        Math.min(drawn?.[0] ?? 1, lowerBound(part, whole)),
        Math.max(drawn?.[1] ?? 0, upperBound(part, whole)),
      ]
    : drawn
  const bounds = between
    ? ` (${between.map((each) => number(each ?? Number.NaN)).join(" to ")})`
    : ""
  const counts = isCount ? `, ${part} of ${whole}` : ""
  return `${number(part / whole)}${bounds}${counts}`
}

function strataOf(worlds: readonly Ran[], metric: string): Pair[][] {
  const strata = Map.groupBy(worlds, ({ stratum }) => stratum)
  return [...strata.values()].map((some) =>
    some.map(({ score }) => score.parts[metric] ?? ([0, 0] as const)),
  )
}

function total(worlds: readonly Ran[], metric: string): [number, number] {
  return added(worlds.map(({ score }) => score.parts[metric] ?? ([0, 0] as const)))
}

function namesOf(worlds: readonly Ran[], prefix: string): string[] {
  const names = worlds.flatMap(({ score }) => Object.keys(score.parts))
  const fitting = names.filter((name) => name.startsWith(prefix))
  return [...new Set(fitting)].map((name) => name.slice(prefix.length)).sort()
}

/** How many of each tactic's effects were confirmed; `own-anchors` and the like stand for whole tactics. */
function adversariesTable(worlds: readonly Ran[]): string {
  const hostile = worlds.filter(({ stratum }) => stratum.startsWith("hostile"))
  const rows = adversaries.map(({ name }) => [name, share(hostile, `recall: ${name}`)])
  return markdown(["tactic", "of all its effects `confirmed`"], rows)
}

/** What was said wrongly, each world's own words; 40 of each at most. */
function faults(worlds: readonly Ran[]): string {
  const lines = (title: string, of: (ran: Ran) => readonly object[]) =>
    worlds
      .flatMap((ran) => of(ran).map((one) => ({ ran, one })))
      .slice(0, 40)
      .map(
        ({ ran, one }) =>
          `- ${title}, ${ran.stratum} ${ran.seed}: ${Object.values(one).join("; ")}`,
      )
  const all = [
    ...lines("falsely confirmed", ({ score }) => score.falselyConfirmed),
    ...lines("falsely sent", ({ score }) => score.falselySent),
    ...lines("missed", ({ score }) => score.missed),
  ]
  return all.length > 0 ? all.join("\n") : "None."
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, one) => all + one, 0)
}

function markdown(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`
  return [line(heads), line(heads.map(() => "---")), ...rows.map(line)].join("\n")
}
