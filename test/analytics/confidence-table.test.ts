import { readFileSync } from "node:fs"
import t from "tap"
import { type Row, rowWords } from "../../src/analytics/confidence.ts"
import {
  an1725Table,
  an1726Table,
  patternOf,
  pinEffectTable,
} from "../../src/analytics/confidence-table.ts"
import { ScopeVerdict } from "../../src/record/finding.ts"

const doc = readFileSync(new URL("../../docs/analytics.md", import.meta.url), "utf8")

/** A table as docs/analytics.md prints it. */
function printed(rows: readonly Row[]): string {
  const lines = rows.map((row) => {
    const open = (row.open ?? []).map((group) => group.join(", ")).join("; or ")
    return `| ${row.confidence} | ${rowWords(row)} | ${open} |`
  })
  return [
    "| confidence | when | a step lower if observed and not met |",
    "| --- | --- | --- |",
    ...lines,
  ].join("\n")
}

t.test("docs/analytics.md prints the tables as they are", async (t) => {
  const tables = { an1725Table, an1726Table, pinEffectTable }
  for (const [name, rows] of Object.entries(tables)) {
    const after = doc.split(`<!-- ${name} -->\n\n`)[1] ?? ""
    t.equal(after.slice(0, after.indexOf("\n\n")), printed(rows), name)
  }
})

t.test("each table goes from sure to unsure", async (t) => {
  const order = ["high", "medium", "low", "record"]
  for (const rows of [an1725Table, an1726Table, pinEffectTable]) {
    const levels = rows.map((row) => order.indexOf(row.confidence))
    t.same(levels, [...levels].sort())
  }
})

t.test("medium and up ask AN1726 for a supervised device and a managed app", async (t) => {
  for (const row of an1726Table)
    if (row.confidence === "high" || row.confidence === "medium")
      t.ok(row.all?.includes("supervised-and-managed"), rowWords(row))
})

t.test("each verdict has its letter, or none", async (t) => {
  const letters = Object.fromEntries(
    ScopeVerdict.options.map((verdict) => [verdict, patternOf(verdict)]),
  )
  t.same(letters, {
    accepts: null,
    mixed: "W",
    "refuses-everything": "E",
    "refuses-here": "P",
    suspected: "W",
    probable: "P",
    confirmed: "C",
    "broken-or-other": null,
    "private-trust": "P",
    "opaque-persistent": "O",
    "platform-expected": null,
    "held-by-bypass": null,
    undetermined: null,
  })
})

interface Quote {
  analytic: string
  log_source: string
  channel: string
}

/** Each log source with what is quoted of it, as `NSM:Flow: "..."` in a comment or a table. */
function quoted(analytic: string, text: string): Quote[] {
  const words = text.replaceAll(/\n \* ?/g, " ").replaceAll(/\s+/g, " ")
  return [...words.matchAll(/([A-Za-z]+:(?:telemetry|MDMLog|Flow|Inspection)): "([^"]+)"/g)].map(
    ([, log_source = "", channel = ""]) => ({ analytic, log_source, channel }),
  )
}

const analytics = ["AN1725", "AN1726"]
const catalogue: { channels: Quote[] } = JSON.parse(
  readFileSync(new URL("fixtures/attack-channels.json", import.meta.url), "utf8"),
)

t.test("the code quotes every channel of the catalogue, and no other words", async (t) => {
  for (const name of analytics) {
    const file = new URL(`../../src/analytics/${name.toLowerCase()}.ts`, import.meta.url)
    const published = catalogue.channels.filter(({ analytic }) => analytic === name)
    t.ok(published.length >= 4, name)
    t.strictSame(inOrder(quoted(name, readFileSync(file, "utf8"))), inOrder(published), name)
  }
})

t.test("the doc quotes every channel of the catalogue, and no other words", async (t) => {
  for (const name of analytics) {
    const section = doc.split(/^## /m).find((each) => each.startsWith(name)) ?? ""
    const published = catalogue.channels.filter(({ analytic }) => analytic === name)
    t.strictSame(inOrder(quoted(name, section)), inOrder(published), name)
  }
})

function inOrder(quotes: readonly Quote[]): string[] {
  return quotes.map((quote) => Object.values(quote).join(" | ")).sort()
}
