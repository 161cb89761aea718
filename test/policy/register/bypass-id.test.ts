import t from "tap"
import { type Decision, decide } from "../../../src/policy/decide.ts"
import { preparePolicy } from "../../../src/policy/prepare.ts"
import { bypassIdOf, originBypassId } from "../../../src/policy/register/bypass-id.ts"
import { control, entry, facts, noon, rules } from "../given.ts"

const spliced: Decision = {
  do: "splice",
  rule: "",
  splice_cause: "operator",
  register_entry: null,
  by_name: false,
  needs_resolution: false,
  splice_until: null,
}

t.test("whatever lets a connection pass unread has an id in the register", async (t) => {
  const settings = {
    rules: rules([{ name: "push", when: { sni: ["push.test"] }, do: "splice" }]),
    control,
    lists: [
      {
        list: "health",
        pattern: "*.clinic.test",
        cause: "private" as const,
        source: "configuration",
        read: "",
      },
    ],
  }
  const policy = preparePolicy(settings, [entry({ id: "e-1", scope: { sni: "entry.test" } })])
  const at = (host: string) =>
    bypassIdOf(decide(facts({ sni: host, connect_host: host }), policy, noon))
  const rows: [what: string, id: string | null, expected: string | null][] = [
    ["a rule", at("push.test"), "rule:push"],
    ["a list", at("a.clinic.test"), "list:health"],
    ["a register entry", at("entry.test"), "e-1"],
    ["an inspection", at("other.test"), null],
    ["a block", bypassIdOf({ ...spliced, do: "block", rule: "no" }), null],
    ["an expired CA", bypassIdOf({ ...spliced, rule: "ca-expired" }), "setting:ca.on-expired"],
    ["overload", bypassIdOf({ ...spliced, rule: "overload" }), "setting:overload.do"],
    [
      "an origin that is no good",
      bypassIdOf({ ...spliced, rule: "default", bypass: "setting:origin.on-untrusted" }),
      "setting:origin.on-untrusted",
    ],
  ]
  for (const [what, id, expected] of rows) t.equal(id, expected, what)
})

t.test(
  "an origin is let pass by the rule that says so of its fault, else by the setting",
  async (t) => {
    const rule = { rule: "old-box", origin: { "on-untrusted": "splice" as const } }
    t.equal(originBypassId(rule, "on-untrusted"), "rule:old-box")
    t.equal(originBypassId(rule, "on-no-name"), "setting:origin.on-no-name")
    t.equal(
      originBypassId({ rule: "default" }, "on-client-certificate"),
      "setting:origin.on-client-certificate",
    )
  },
)
