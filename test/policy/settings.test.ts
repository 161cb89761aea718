import t from "tap"
import { ByteCount, ControlSettings, controlOf, Rule, Rules } from "../../src/policy/settings.ts"

t.test("control settings have the documented defaults", async (t) => {
  t.same(ControlSettings.parse({}), {
    mode: "trial",
    "armed-for": 86_400_000,
    "splice-for": 120_000,
    connections: 20,
    bytes: 52_428_800,
    "per-key-a-day": 3,
    "fleet-an-hour": 30,
    "cool-down": 21_600_000,
    "re-inspect-for": 86_400_000,
    hold: "inspect",
    "hold-for": 604_800_000,
    "per-device-a-day": 20,
    "broken-at-most": 43_200_000,
    learn: { accept: false, devices: 3, "retest-before": 86_400_000, renewals: 4 },
    groups: [],
  })
})

t.test("bytes are a number or a number with a binary unit", async (t) => {
  const rows: [given: unknown, bytes: number | null][] = [
    [1, 1],
    ["512 B", 512],
    ["4KiB", 4096],
    ["50 MiB", 52_428_800],
    ["1 GiB", 1_073_741_824],
    ["50 MB", null],
    ["50", null],
    ["0 KiB", null],
    [0, null],
    [-1, null],
    [1.5, null],
  ]
  for (const [given, bytes] of rows)
    t.equal(ByteCount.safeParse(given).data ?? null, bytes, `${given}`)
})

t.test("a rule takes every condition", async (t) => {
  const rule = {
    name: "vpn-phones",
    when: {
      client: ["10.0.0.0/8", "2001:db8::/32"],
      "device-group": ["executives"],
      sni: ["*.example.org", "192.0.2.1"],
      destination: ["203.0.113.0/24"],
      port: [443, 8443],
      alpn: ["h2"],
      stack: ["t13"],
      listener: ["explicit"],
    },
    do: "splice",
    cause: "private",
    owner: "network team",
    reason: "certificate pinned by the vendor",
    review: "2026-06-01T00:00:00.000Z",
  }
  t.same(Rule.parse(rule), rule)
})

t.test("a rule that cannot mean what it says is refused with the way out", async (t) => {
  const rows: [name: string, rule: object, message: RegExp][] = [
    ["host bits", { when: { client: ["10.0.0.1/8"] } }, /write 10\.0\.0\.0\/8/],
    ["a leading dot", { when: { sni: [".example.org"] } }, /write \*\.example\.org/],
    ["a wildcard inside", { when: { sni: ["a*.example.org"] } }, /only stand first/],
    ["an empty list", { when: { sni: [] } }, />=1|at least|Too small/],
    ["an unknown condition", { when: { user: ["x"] } }, /user/],
    ["an unknown key", { otherwise: "x" }, /otherwise/],
    ["a cause without a splice", { do: "block", cause: "private" }, /only a rule that splices/],
    ["the sensor's own cause", { do: "splice", cause: "trial" }, /cause|Invalid/],
    ["the sensor's own name", { name: "default" }, /used by the sensor itself/],
    ["a name in capitals", { name: "Rule" }, /lower-case/],
    ["port 0", { when: { port: [0] } }, />=1|Too small/],
  ]
  for (const [name, given, message] of rows) {
    const parsed = Rule.safeParse({ name: "r", do: "inspect", ...given })
    t.equal(parsed.success, false, name)
    t.match(parsed.error?.message ?? "", message, name)
  }
})

t.test("two rules of one name are refused", async (t) => {
  const parsed = Rules.safeParse([
    { name: "a", do: "inspect" },
    { name: "a", do: "block" },
  ])
  t.match(parsed.error?.message ?? "", /\\"a\\" is taken/)
})

t.test(
  "of a device in several groups the first group in the configured order chooses",
  async (t) => {
    const groups = [
      { group: "kiosk", mode: "off" },
      { group: "field", mode: "learn", hold: "splice", accept: true },
      { group: "office", hold: "block", "hold-for": "1d" },
    ]
    const control = ControlSettings.parse({ groups })
    const all = { mode: "trial", hold: "inspect", "hold-for": 604_800_000, accept: false }
    const rows: [of: string[], choice: object][] = [
      [[], all],
      [["other"], all],
      [["kiosk"], { ...all, mode: "off" }],
      [["office", "field"], { ...all, mode: "learn", hold: "splice", accept: true }],
      [["office"], { ...all, hold: "block", "hold-for": 86_400_000 }],
    ]
    for (const [of, choice] of rows) t.same(controlOf(control, of), choice, of.join())
    t.equal(controlOf({ ...control, mode: "off" }, ["field"]).mode, "off", "off is off for all")
  },
)

t.test("a group with two choices is refused", async (t) => {
  const groups = [{ group: "a" }, { group: "a", mode: "off" }]
  t.match(ControlSettings.safeParse({ groups }).error?.message, /\\"a\\" is taken/)
})
