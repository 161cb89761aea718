import t from "tap"
import { summary } from "../../src/alert/summary.ts"
import { ScopeVerdict } from "../../src/record/finding.ts"
import { finding, incident, label } from "./samples.ts"

t.test(
  "a confirmed finding reads as one sentence with what was seen, of whom, how sure",
  async (t) => {
    t.equal(
      summary("opened", incident(), finding(), null),
      "AN1725: com.example.bank on device d-17 (Android) shows a pin-validation effect towards " +
        "api.bank.example: refused our certificate 4 times, worked 2 times when spliced, refused again; " +
        "confidence medium",
    )
  },
)

t.test("only the verdict `confirmed` is called a pin-validation effect", async (t) => {
  for (const verdict of ScopeVerdict.options) {
    const sentence = summary("opened", incident(), finding({ verdict }), null)
    t.equal(sentence.includes("pin-validation effect"), verdict === "confirmed", verdict)
    t.match(sentence, "api.bank.example", `${verdict} names the destination`)
    t.notMatch(sentence, /malicious|malware|attack/i, verdict)
  }
})

t.test("the sentence says how sure the app and the device are", async (t) => {
  const key = finding().key
  const rows: [string, Parameters<typeof finding>[0], RegExp][] = [
    ["observed app", {}, /: com\.example\.bank on device d-17 \(Android\)/],
    [
      "inferred app",
      { app_attribution: "inferred" },
      /an app inferred to be com\.example\.bank on/,
    ],
    [
      "app not known",
      { app_attribution: "unknown", key: { ...key, app_id: null } },
      /an unknown app \(stack t13d/,
    ],
    ["ambiguous binding", { device_attribution: "ambiguous" }, /one of several that may have had/],
    ["shared address", { device_attribution: "shared" }, /address shared by several/],
    [
      "no binding",
      { device_attribution: "absent", key: { ...key, device_id: "address:10.0.0.9" } },
      /an unidentified device \(address:10\.0\.0\.9/,
    ],
  ]
  for (const [name, with_, words] of rows) {
    t.match(summary("opened", incident(), finding(with_), null), words, name)
  }
})

t.test("later news says what has changed", async (t) => {
  const told = {
    news: "opened",
    confidence: "medium",
    severity: "medium",
    device_count: 1,
    verdict: "probable",
  } as const
  const rows: [string, string, RegExp][] = [
    [
      "more confidence",
      summary("raised", incident({ confidence: "high" }), finding(), told),
      /confidence raised from medium to high$/,
    ],
    [
      "more severity",
      summary("raised", incident({ severity: "high" }), finding(), told),
      /severity raised from medium to high, confidence medium$/,
    ],
    [
      "more devices",
      summary("raised", incident({ device_count: 5 }), finding(), {
        ...told,
        verdict: "confirmed",
      }),
      /and 4 other devices .*now 5 devices instead of 1/,
    ],
    [
      "less confidence",
      summary("lowered", incident({ confidence: "low" }), finding(), told),
      /confidence lowered from medium to low$/,
    ],
    [
      "the verdict became confirmed at the same level",
      summary("raised", incident(), finding(), told),
      /verdict raised from probable to confirmed, confidence medium$/,
    ],
    ["closed", summary("closed", incident(), finding(), told), /closed, last confidence medium$/],
    [
      "declared as expected",
      summary("closed", incident(), finding({ expected: true }), told),
      /closed because the operator declared it as expected/,
    ],
    [
      "closed by a label",
      summary("closed", incident(), finding({ label: label({ label: "benign" }) }), told),
      /closed because ana@desk marked it benign, confidence medium$/,
    ],
    [
      "reopened by drift",
      summary(
        "opened",
        incident(),
        finding({
          label: label({ standing: "reopened", why: ["Marked expected.", "Since then: X."] }),
        }),
        null,
      ),
      /confidence medium\. Marked expected\. Since then: X\.$/,
    ],
  ]
  for (const [name, sentence, words] of rows) t.match(sentence, words, name)
})

t.test("operational findings blame neither app nor pin", async (t) => {
  const missing = summary("opened", incident(), finding({ analytic: "ca-missing" }), null)
  t.match(missing, /^ca-missing: device d-17 \(Android\) seems to lack our inspection CA/)
  const fault = summary("opened", incident(), finding({ analytic: "sensor-fault" }), null)
  t.match(fault, /suspect the sensor, not the apps/)
  for (const sentence of [missing, fault]) t.notMatch(sentence, "pin-validation")
})

t.test("a name off the wire can neither break the line nor fill the sentence", async (t) => {
  const destination = `a\r\n\u001b[2J\u202e${"x".repeat(5_000)}`
  const sentence = summary(
    "opened",
    incident(),
    finding({ key: { ...finding().key, destination } }),
    null,
  )
  for (const evil of ["\r", "\n", "\u001b", "\u202e"]) t.notOk(sentence.includes(evil))
  t.ok(sentence.length < 600)
})

t.test("a gap of coverage is one sentence, without a stop in its middle", async (t) => {
  const lead = finding({ analytic: "coverage", reasons: ["41 % of connections used QUIC: why."] })
  t.match(
    summary("opened", incident({ analytic: "coverage" }), lead, null),
    /^coverage: 41 % of connections used QUIC: why; confidence/,
  )
})
