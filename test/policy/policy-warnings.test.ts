import t from "tap"
import { groupsNamed, policyWarnings } from "../../src/policy/policy-warnings.ts"
import { ControlSettings, Rules } from "../../src/policy/settings.ts"

const answers = { owner: "ann", reason: "ticket 7" }
const warned = (rules: unknown[], control: unknown = {}, lists = {}) => ({
  rules: Rules.parse(rules),
  control: ControlSettings.parse(control),
  lists,
})
const a = { sni: ["a.example", "b.example"], port: [443] }
const aAgain = { port: [443], sni: ["b.example", "a.example"] }
const own = { do: "splice", ...answers }

const rows: [name: string, rules: unknown[], says: RegExp[]][] = [
  [
    "nothing",
    [
      { name: "x", when: a, do: "block" },
      { name: "y", when: { port: [443] }, do: "block" },
    ],
    [],
  ],
  [
    "a rule behind one for everything",
    [
      { name: "x", do: "inspect" },
      { name: "y", when: a, do: "block" },
    ],
    [/^rule y can never match: x, before it, matches everything$/],
  ],
  [
    "a rule behind its double",
    [
      { name: "x", when: a, do: "block" },
      { name: "y", when: aAgain, do: "inspect" },
    ],
    [/^rule y can never match: x, before it, has the same conditions$/],
  ],
  [
    "a splice behind a block of the same names",
    [
      { name: "x", when: a, do: "block" },
      { name: "y", when: a, ...own },
    ],
    [/^rule y can never match: x/],
  ],
  [
    "a block behind a splice, which does not go by the CONNECT host",
    [
      { name: "x", when: a, ...own },
      { name: "y", when: a, do: "block" },
    ],
    [],
  ],
  [
    "two splices of the same",
    [
      { name: "x", when: a, ...own },
      { name: "y", when: aAgain, ...own },
    ],
    [/^rule y can never match: x/],
  ],
  [
    "a splice by port, then a block by it",
    [
      { name: "x", when: { port: [22] }, ...own },
      { name: "y", when: { port: [22] }, do: "block" },
    ],
    [/^rule y can never match: x/],
  ],
  [
    "a bypass that nobody answers for",
    [{ name: "x", when: a, do: "splice" }],
    [/^rule x lets connections pass uninspected and has no owner and no reason$/],
  ],
  [
    "one without a reason",
    [{ name: "x", when: a, do: "inspect", origin: { "on-untrusted": "splice" }, owner: "ann" }],
    [/^rule x .* has no reason$/],
  ],
]
for (const [name, rules, says] of rows)
  t.test(`warned of: ${name}`, async (t) => {
    const warnings = policyWarnings(warned(rules))
    t.equal(warnings.length, says.length)
    for (const [index, what] of says.entries()) t.match(warnings[index], what)
  })

t.test("under control off lists that nobody chose are told to be inspected", async (t) => {
  const [said, ...others] = policyWarnings(
    warned(
      [],
      { mode: "off" },
      {
        apple: { do: "splice", hosts: [] },
        google: { do: "inspect", hosts: [] },
        health: { do: "auto", hosts: ["*.clinic.example"] },
      },
    ),
  )
  t.match(said, /^control.mode is off, so what is shipped in the lists captive-portal is inspected/)
  t.strictSame(others, [])
})

t.test("groups are named by rules and by control", async (t) => {
  const rules = [{ name: "x", when: { "device-group": ["kiosks", "phones"] }, do: "block" }]
  const control = { groups: [{ group: "executives" }, { group: "phones" }] }
  t.strictSame([...groupsNamed(warned(rules, control))].sort(), ["executives", "kiosks", "phones"])
})
