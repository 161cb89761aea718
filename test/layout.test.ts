/** The shape of the project, checked: who may import whom, how large modules get, what has a test. */
import { existsSync, globSync, readFileSync } from "node:fs"
import { dirname, join, normalize } from "node:path"
import t from "tap"
import { runBy, startedFiles } from "./support/one-process.ts"

/** Stage -> the stages it may import. Everything flows one way; `record/` is the only common ground. */
const mayImport: Record<string, readonly string[]> = {
  record: [],
  observe: ["record"],
  policy: ["record"],
  ca: ["record"],
  intercept: ["record", "observe", "policy", "ca"],
  evidence: ["record"],
  source: ["record"],
  identity: ["record", "source"],
  telemetry: ["record", "source"],
  analytics: ["record"],
  alert: ["record"],
  // Compositions: they put stages together and are imported by nobody below them.
  lab: ["record", "ca", "cli", "config.ts"],
  cli: [
    "record",
    "observe",
    "policy",
    "ca",
    "intercept",
    "evidence",
    "source",
    "identity",
    "telemetry",
    "analytics",
    "alert",
    "lab",
    "config.ts",
    "pipeline.ts",
    "world.ts",
  ],
  "pipeline.ts": [
    "policy",
    "intercept",
    "evidence",
    "identity",
    "analytics",
    "alert",
    "record",
    "world.ts",
  ],
  "world.ts": ["policy", "identity", "analytics", "alert", "record", "config.ts"],
  "config.ts": [
    "policy",
    "intercept",
    "evidence",
    "identity",
    "telemetry",
    "analytics",
    "alert",
    "record",
  ],
}

/** Stages of functions over records: every module with code in it has a test beside it. */
const pure = ["observe", "policy", "analytics"]
const longest = 400

const root = new URL("..", import.meta.url).pathname
const modules = globSync("src/**/*.ts", { cwd: root }).sort()
const textOf = (module: string) => readFileSync(join(root, module), "utf8")
/** The folder of a stage, or the file's own name at the top. */
const stageOf = (module: string) => module.split("/")[1] ?? ""

t.test("a stage imports record/ and nothing downstream", (t) => {
  for (const module of modules) {
    const stage = stageOf(module)
    const allowed = mayImport[stage]
    if (!allowed) {
      t.fail(`${module}: ${stage} is not in the table of stages`)
      continue
    }
    for (const [, target = ""] of textOf(module).matchAll(/(?:from|import\() ?"(\.[^"]+)"/g)) {
      const to = stageOf(normalize(join(dirname(module), target)))
      if (to !== stage && !allowed.includes(to)) t.fail(`${module} imports ${target}`)
    }
  }
  t.ok(modules.length > 50, `${modules.length} modules looked at`)
  t.end()
})

t.test("every module of a pure stage has its test", (t) => {
  for (const module of modules.filter((name) => pure.includes(stageOf(name)))) {
    if (!/^export (?:async )?(?:function|class|const)/m.test(textOf(module))) continue
    const test = module.replace(/^src/, "test").replace(/\.ts$/, ".test.ts")
    t.ok(existsSync(join(root, test)), test)
  }
  t.end()
})

t.test("every stage has tests", (t) => {
  for (const stage of Object.keys(mayImport).filter((name) => !name.endsWith(".ts")))
    t.not(globSync(`test/${stage}/**/*.test.ts`, { cwd: root }).length, 0, `test/${stage}`)
  t.end()
})

t.test("npm test runs every test file once, alone or with its folder", (t) => {
  const started = startedFiles()
  t.equal(new Set(started.files).size, started.files.length)
  for (const file of globSync("test/**/*.test.ts", { cwd: root })) {
    const by = runBy(file, started)
    if (by === null) t.fail(`${file} is not run`)
    if (by === null || by === file) continue
    const shared =
      /^(?:(?:const|let) .*|await )?t\.(?:testdir\(|jobs|setTimeout|beforeEach|afterEach)/m
    t.notMatch(textOf(file), shared, `${file} leaves alone what all of its process share`)
  }
  t.end()
})

t.test("the pipeline shows the whole way on one screen, and no module outgrows two", (t) => {
  const lines = (module: string) => textOf(module).split("\n").length
  t.ok(lines("src/pipeline.ts") <= 80, "src/pipeline.ts has at most 80 lines")
  for (const module of modules)
    if (lines(module) > longest) t.fail(`${module} has more than ${longest} lines`)
  t.end()
})

t.test("http-mitm-proxy is known in one place", (t) => {
  const knowing = modules.filter((module) => textOf(module).includes('from "http-mitm-proxy"'))
  t.strictSame(knowing, ["src/intercept/plain-http.ts"])
  t.end()
})

t.test("SQL is spoken in evidence/ only", (t) => {
  const speaking = modules.filter((module) => textOf(module).includes('from "better-sqlite3"'))
  t.strictSame([...new Set(speaking.map(stageOf))], ["evidence"])
  t.end()
})
