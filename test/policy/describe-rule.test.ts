import t from "tap"
import { describeRule } from "../../src/policy/describe-rule.ts"
import { Rule } from "../../src/policy/settings.ts"

t.test("a rule is told in one line: what it does, when, and who answers for it", async (t) => {
  const rows: [rule: object, line: string][] = [
    [{ name: "all", do: "inspect" }, "all: inspect everything"],
    [
      { name: "guests", when: { client: ["192.168.40.0/24"] }, do: "block" },
      "guests: block if client is in 192.168.40.0/24",
    ],
    [
      {
        name: "push",
        when: { sni: ["*.push.apple.com"], port: [443, 5223] },
        do: "splice",
        cause: "platform",
        owner: "network team",
        reason: "vendor says so",
        review: "2026-06-01T00:00:00Z",
      },
      "push: splice (platform) if port is 443, 5223, and host is *.push.apple.com; owner network team; reason: vendor says so; review 2026-06-01T00:00:00.000Z",
    ],
    [
      {
        name: "lab",
        when: {
          "device-group": ["lab"],
          destination: ["198.51.100.0/24"],
          alpn: ["mqtt"],
          stack: ["t13"],
          listener: ["explicit"],
          "name-agrees": ["yes"],
        },
        do: "inspect",
        origin: { "on-untrusted": "splice", "on-no-name": "refuse" },
      },
      "lab: inspect if listener is explicit, and stack is t13, and name agrees with destination: yes, and ALPN offers mqtt, and device group is lab, and destination is in 198.51.100.0/24 with origins: on-untrusted splice, on-no-name refuse",
    ],
    [{ name: "open", do: "splice" }, "open: splice (operator) everything"],
  ]
  for (const [rule, line] of rows) t.equal(describeRule(Rule.parse(rule)), line)
})
