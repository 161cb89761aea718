import { readFileSync } from "node:fs"
import t from "tap"
import { ListSettings } from "../../src/policy/settings.ts"
import {
  listedHosts,
  listFault,
  listStandings,
  listsInForce,
  shippedLists,
} from "../../src/policy/shipped-lists.ts"

const choice = (given: object) => ListSettings.parse(given)
const names = (choices: Record<string, ListSettings>, mode: "off" | "trial" | "learn") =>
  listsInForce(choices, mode).map(({ name }) => name)

t.test("without any choice the vendors' lists are in force, and name who says so", (t) => {
  t.strictSame(names({}, "trial"), ["captive-portal", "apple", "google"])
  const push = listedHosts({}, "learn").find(({ pattern }) => pattern === "*.push.apple.com")
  t.match(push, { list: "apple", cause: "platform", source: /^https:/, read: /^20/ })
  t.end()
})

const choices: { name: string; given: object; mode: "off" | "trial"; hosts: string[] }[] = [
  {
    name: "while control is off nothing shipped is spliced, but what the operator named is",
    given: { hosts: ["bank.example"] },
    mode: "off",
    hosts: ["bank.example"],
  },
  {
    name: "a host that is shipped too counts as the operator's own where the shipped ones are out",
    given: { hosts: ["accounts.google.com"] },
    mode: "off",
    hosts: ["accounts.google.com"],
  },
  {
    name: "a list that is to be inspected splices nothing, not even the operator's own",
    given: { do: "inspect", hosts: ["bank.example"] },
    mode: "trial",
    hosts: [],
  },
]

for (const { name, given, mode, hosts } of choices)
  t.test(name, (t) => {
    const listed = listedHosts({ google: choice(given) }, mode)
    t.strictSame(
      listed.filter(({ list }) => list === "google").map(({ pattern }) => pattern),
      hosts,
    )
    t.end()
  })

t.test("a list that the operator splices stays in force while control is off", (t) => {
  t.strictSame(names({ apple: choice({ do: "splice" }) }, "off"), ["apple"])
  t.end()
})

t.test("the operator's own hosts join a shipped list, or make a private one", (t) => {
  const given = {
    apple: choice({ hosts: ["mdm.example.org", "albert.apple.com"] }),
    canteen: choice({ hosts: ["canteen.example.org"], owner: "hr", reason: "asked for" }),
  }
  const apple = listsInForce(given, "trial").find(({ name }) => name === "apple")
  t.equal(apple?.own, 1, "one that is shipped already is listed once")
  t.match(apple?.hosts.at(-1), {
    pattern: "mdm.example.org",
    cause: "platform",
    source: "configuration",
    purpose: null,
  })
  const canteen = listsInForce(given, "trial").find(({ name }) => name === "canteen")
  t.match(canteen, { cause: "private", owner: "hr", reason: "asked for", shipped: 0, own: 1 })
  t.end()
})

t.test("privacy categories are shipped empty, each with a word on what belongs there", (t) => {
  const empty = shippedLists.filter(({ hosts }) => hosts.length === 0)
  t.ok(empty.length >= 5)
  for (const { about, cause } of empty) {
    t.equal(cause, "private")
    t.match(about, /\w.*\.$/)
  }
  t.end()
})

t.test("people see each list with what is in force and what is not", (t) => {
  const standings = listStandings(
    { google: choice({ do: "inspect", hosts: ["x.example"] }) },
    "off",
  )
  const google = standings.find(({ name }) => name === "google")
  const shipped = shippedLists.find(({ name }) => name === "google")?.hosts.length ?? 0
  t.match(google, { do: "inspect", hosts: [], shipped: 0, own: 0, inspected: shipped + 1 })
  t.equal(standings.length, shippedLists.length)
  t.end()
})

t.test(
  "a list without hosts that is not shipped is a slip, and the answer names those that are",
  (t) => {
    t.match(listFault("appel", choice({ do: "inspect" })), /"appel".*captive-portal, apple, google/)
    t.equal(listFault("apple", choice({ do: "inspect" })), null)
    t.equal(listFault("canteen", choice({ hosts: ["canteen.example.org"] })), null)
    t.end()
  },
)

t.test("the documentation counts the lists, and what it says was left out is on none", (t) => {
  const text = readFileSync(new URL("../../docs/lists.md", import.meta.url), "utf8")
  for (const { name, hosts } of shippedLists)
    t.match(text, `| \`${name}\` | ${hosts.length || "yours"} |`, name)
  const table = text.split("| left out |")[1]?.split("\n## ")[0] ?? ""
  const leftOut = [...table.matchAll(/^\| (.*?) \|/gm)].flatMap(([, cell = ""]) =>
    [...cell.matchAll(/`([^`]+)`/g)].map(([, host = ""]) => host),
  )
  t.ok(leftOut.length > 40, `${leftOut.length} hosts were read`)
  const shipped = new Set(shippedLists.flatMap(({ hosts }) => hosts.map(({ pattern }) => pattern)))
  for (const host of leftOut) t.notOk(shipped.has(host), host)
  t.end()
})
