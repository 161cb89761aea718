/** What the documentation names is there, and what is there it names. Reads files only. */
import { existsSync, globSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import t from "tap"
import { parse } from "yaml"
import { usage } from "../src/cli/usage.ts"
import { Config, loadConfig } from "../src/config.ts"

const root = new URL("..", import.meta.url).pathname
const textOf = (file: string) => readFileSync(join(root, file), "utf8")
const pages = ["README.md", "CHANGELOG.md", ...globSync("{docs,deploy}/**/*.md", { cwd: root })]
const tests = globSync("test/**/*.test.ts", { cwd: root })

t.test("every event of the log stands in docs/operations.md, and no other", (t) => {
  const said = new Set(globSync("src/**/*.ts", { cwd: root }).map(textOf).flatMap(eventsIn))
  const told = tablesIn("docs/operations.md")
    .filter(([head]) => head?.[0] === "event")
    .flatMap(([, ...rows]) => rows.flatMap(([events = ""]) => codeIn(events)))
  t.ok(said.size > 50, `${said.size} events are said`)
  t.strictSame(told.toSorted(), [...said].sort())
  t.end()
})

t.test("every verb stands in README.md", (t) => {
  const verbs = [...textOf("src/cli/main.ts").matchAll(/^ {2}"?([a-z-]+)"?: async/gm)]
  t.ok(verbs.length > 10, `${verbs.length} verbs`)
  const shown = tablesIn("README.md")
    .filter(([head]) => head?.[0] === "command")
    .flatMap(([, ...rows]) => rows.flatMap(([command = ""]) => codeIn(command)))
    .map((command) => command.replace(/^pinsensor /, "").split(" ")[0])
  for (const [, verb = ""] of verbs) t.ok(shown.includes(verb), verb)
  t.same(Object.keys(usage).sort(), verbs.map(([, verb = ""]) => verb).sort(), "and in the usage")
  t.end()
})

t.test(
  "every key of the configuration that has a default stands in the documented example",
  (t) => {
    const [, example = ""] = /```yaml\n([\s\S]*?)```/.exec(textOf("docs/configuration.md")) ?? []
    const shown = keysOf(parse(example))
    const known = keysOf(loadConfig(null))
    t.ok(known.length > 80, `${known.length} keys`)
    t.strictSame(
      known.filter((key) => !shown.some((one) => one === key || one.startsWith(`${key}.`))),
      [],
    )
    t.end()
  },
)

t.test("every example of a configuration in the documentation is one that is taken", (t) => {
  const examples = pages.flatMap((page) =>
    [...textOf(page).matchAll(/^ *```yaml\n([\s\S]*?)^ *```/gm)].map(([, text = ""]) => ({
      page,
      given: parse(text),
    })),
  )
  const ours = examples.filter(({ given }) => Object.keys(given).some((key) => key in Config.shape))
  t.ok(ours.length > 10, `${ours.length} examples`)
  for (const { page, given } of ours)
    t.strictSame(Config.safeParse(given).error?.issues ?? [], [], page)
  t.end()
})

t.test("every test that a table of the documentation names is there, by its title", (t) => {
  let seen = 0
  for (const page of pages)
    for (const [head, ...rows] of tablesIn(page)) {
      if (head?.at(-1) !== "test") continue
      for (const row of rows)
        for (const [file, title] of testsNamed(row.at(-1) ?? "")) {
          const found = tests.filter((test) => test.endsWith(`/${file}.test.ts`))
          const there = found.some((test) => title === "" || words(textOf(test)).includes(title))
          if (!there) t.fail(`${page}: ${file}: ${title}`)
          seen++
        }
    }
  t.ok(seen > 100, `${seen} tests are named`)
  t.end()
})

t.test("every link to another page or section leads there", (t) => {
  let seen = 0
  for (const page of pages)
    for (const [, link = ""] of textOf(page).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(link)) continue
      seen++
      const [path = "", section] = link.split("#")
      const target = path === "" ? page : join(dirname(page), path)
      if (!existsSync(join(root, target))) t.fail(`${page}: ${link}`)
      else if (section !== undefined && !sectionsOf(target).includes(section))
        t.fail(`${page}: ${link}`)
    }
  t.ok(seen > 100, `${seen} links`)
  t.end()
})

/** Tables with their rows, the head first, as cells. `\|` is a bar inside of a cell. */
function tablesIn(page: string): string[][][] {
  const tables = textOf(page).match(/(?:^\|.*\n)+/gm) ?? []
  return tables.map((table) => {
    const rows = table.trimEnd().split("\n")
    const cells = rows.map((row) => row.split(/(?<!\\)\|/).slice(1, -1))
    return cells.filter((_, at) => at !== 1).map((row) => row.map((cell) => cell.trim()))
  })
}

function codeIn(text: string): string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, code = ""]) => code)
}

/** "`file`: title; another title; `other`: title", or the names of files alone. */
function testsNamed(cell: string): [file: string, title: string][] {
  let file = ""
  return cell.split("; ").flatMap((part): [string, string][] => {
    const [, named, title = ""] = /^`([\w./-]+)`: (.*)$/.exec(part) ?? []
    if (named !== undefined) {
      file = named
      return [[named, words(title)]]
    }
    const files = codeIn(part).filter((name) => /^[\w./-]+$/.test(name))
    if (/^`[^`]+`(?:, (?:`[^`]+`|as above|the first))*$/.test(part))
      return files.map((name) => [name.replace(/\.test\.ts$/, ""), ""])
    return file === "" || part === "the same" ? [] : [[file, words(part)]]
  })
}

/** Text without what only the notation adds: quotes, lines, and a text put together of two. */
function words(text: string): string {
  return text
    .replace(/" \+\s+"/g, "")
    .replace(/[`\\]/g, "")
    .replace(/\s+/g, " ")
}

/** Anchors of headings, as GitHub makes them. */
function sectionsOf(page: string): string[] {
  return [...textOf(page).matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replace(/[^\w\- ]/g, "")
      .replaceAll(" ", "-"),
  )
}

/** Paths of keys; what is in lists and in maps with keys of the operator's own does not count. */
function keysOf(value: unknown, path = ""): string[] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [path]
  return Object.entries(value).flatMap(([key, part]) =>
    keysOf(part, path === "" ? key : `${path}.${key}`),
  )
}

/** Events that a module says: `log("info", "name", …)`, `logger.info({ … }, "name")`, `new RareLog`,
 * `this.#seldom("name", …)`. */
function eventsIn(source: string): string[] {
  const calls = source.matchAll(/\blog(?:\?)?(?:\.\w+)?\(|\bnew RareLog\(|\.#seldom\(/g)
  return [...calls].flatMap(({ 0: call, index }) => {
    const given = argumentsFrom(source, index + call.length)
    const event = call === ".#seldom(" ? given[0] : call.includes(".") ? given.at(-1) : given[1]
    const texts = (event ?? "").matchAll(/(=== )?["`]([a-z][a-z0-9-]*(?:\$\{\w+\})?)["`]/g)
    return [...texts].flatMap(([, compared, text = ""]) => (compared ? [] : stateEvents(text)))
  })
}

/** `evidence-${state}`: of a recorder that fails or works again. */
function stateEvents(text: string): string[] {
  const [before = "", after] = text.split(/\$\{state\}/)
  return after === undefined ? [text] : ["failing", "recovered"].map((state) => before + state)
}

/** Arguments of the call whose bracket ends before `start`, by the commas outside of inner brackets. */
function argumentsFrom(source: string, start: number): string[] {
  const given = [""]
  for (let at = start, depth = 0; at < source.length && depth >= 0; at++) {
    const letter = source[at] ?? ""
    if ("([{".includes(letter)) depth++
    if (")]}".includes(letter)) depth--
    if (letter === "," && depth === 0) given.push("")
    else if (depth >= 0) given.push(`${given.pop()}${letter}`)
  }
  return given.map((argument) => argument.trim()).filter((argument) => argument !== "")
}
