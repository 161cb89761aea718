/** What a label covers. */
import t from "tap"
import {
  isWhole,
  labelScopeText,
  scopeKey,
  scopeKinds,
  scopeOf,
  widthOfLabel,
} from "../../src/analytics/label-scope.ts"
import type { Finding } from "../../src/record/finding.ts"
import { LabelScope, type LabelScopeKind } from "../../src/record/label.ts"
import { finding } from "../alert/samples.ts"

const key = finding().key

/** Which kinds of scope made of the sample cover another finding as well. */
const rows: { name: string; other: Partial<Finding>; covered: LabelScopeKind[] }[] = [
  { name: "the same again", other: {}, covered: [...scopeKinds] },
  {
    name: "another version and stack of the app",
    other: { key: { ...key, app_version: "8", stack: "other" } },
    covered: [...scopeKinds],
  },
  {
    name: "another device",
    other: { key: { ...key, device_id: "d-2" } },
    covered: ["app-destination", "app-domain", "app", "destination", "domain"],
  },
  {
    name: "another name of the domain",
    other: { key: { ...key, destination: "cdn.bank.example" } },
    covered: ["device-app", "app-domain", "app", "domain", "device"],
  },
  {
    name: "another app",
    other: { key: { ...key, app_id: "org.other" } },
    covered: ["destination", "domain", "device"],
  },
  {
    name: "another analytic",
    other: { analytic: "AN1726" },
    covered: scopeKinds.filter((kind) => kind !== "finding"),
  },
  { name: "another tenant", other: { tenant: "other" }, covered: [] },
]
for (const { name, other, covered } of rows)
  t.test(`a label on a finding covers: ${name}`, (t) => {
    const [one, two] = [finding(), finding(other)]
    const same = scopeKinds.filter((kind) => {
      const [a, b] = [scopeOf(kind, one), scopeOf(kind, two)]
      return a && b && scopeKey(one.tenant, a) === scopeKey(two.tenant, b)
    })
    t.strictSame(
      same,
      scopeKinds.filter((kind) => covered.includes(kind)),
    )
    t.end()
  })

t.test("where the app is not known the stack takes its place, in the narrowest scope only", (t) => {
  const unknown = finding({ key: { ...key, app_id: null } })
  t.equal(scopeOf("finding", unknown)?.stack, key.stack)
  for (const kind of scopeKinds.filter((one) => one.includes("app")))
    t.equal(scopeOf(kind, unknown), null, kind)
  t.end()
})

t.test(
  "what is about a device as a whole has no destination that could be silenced everywhere",
  (t) => {
    const missing = finding({
      analytic: "ca-missing",
      key: { ...key, app_id: null, destination: "*" },
      registrable_domain: "*",
    })
    t.strictSame(
      scopeKinds.filter((kind) => scopeOf(kind, missing)),
      ["finding", "device"],
    )
    t.end()
  },
)

t.test("a scope that lacks what its kind needs covers nothing", (t) => {
  t.notOk(isWhole(LabelScope.parse({ kind: "app-destination", app_id: "a" })))
  t.ok(isWhole(LabelScope.parse({ kind: "app-destination", app_id: "a", destination: "b" })))
  t.end()
})

t.test("scopes over a whole app, domain or device are wide, and each has its words", (t) => {
  const wide = scopeKinds.filter((kind) => {
    const scope = scopeOf(kind, finding())
    return scope !== null && widthOfLabel(scope) !== null
  })
  t.strictSame(wide, ["app", "domain", "device"])
  const words = scopeKinds.map((kind) =>
    labelScopeText(scopeOf(kind, finding()) ?? LabelScope.parse({ kind })),
  )
  t.equal(new Set(words).size, words.length)
  t.end()
})
