/**
 * A protocol tried twice, by a client that trusts what it must: inspected (our certificate is shown)
 * and spliced (the origin's own). The names `NAME.inspected.test` and `NAME.spliced.test` decide.
 */
import type { Test } from "tap"
import type { Attempt } from "../../src/record/attempt.ts"
import type { Flow } from "../../src/record/flow.ts"
import {
  type Given,
  inspectionCa,
  type OriginCertificate,
  originCa,
  originCertificate,
  type TestSensor,
  testSensor,
} from "../support/sensor.ts"

export interface Way {
  title: "inspected" | "spliced"
  /** The origin's name, and its certificate. */
  host: string
  certificate: OriginCertificate
  /** PEM of the CA that a client has to trust here, and of one that does not help it. */
  ca: string
  otherCa: string
  sensor: TestSensor
  /** The next record, after it was checked: the client took what it was shown, and used it. */
  used(t: Test, expected?: object): Promise<Attempt | Flow>
}

export const titles = ["inspected", "spliced"] as const

export async function bothWays(
  t: Test,
  name: string,
  body: (t: Test, way: Way) => Promise<void>,
  given: Given = {},
): Promise<void> {
  for (const title of titles)
    await t.test(title, async (t) => body(t, await openWay(t, name, title, given)))
}

/** One way alone, for what must go on in both at the same time. */
export async function openWay(
  t: Test,
  name: string,
  title: Way["title"],
  given: Given = {},
): Promise<Way> {
  const rules = [{ name: "let-go", when: { sni: ["*.spliced.test"] }, do: "splice" }]
  const sensor = await testSensor(t, { rules, ...given })
  const host = `${name}.${title}.test`
  const inspected = title === "inspected"
  return {
    title,
    host,
    certificate: originCertificate(host),
    ca: inspected ? inspectionCa.certPem : originCa.certPem,
    otherCa: inspected ? originCa.certPem : inspectionCa.certPem,
    sensor,
    used: async (t, expected = {}) => {
      const record = inspected ? await sensor.attempt() : await sensor.flow()
      const common = { decision: inspected ? "inspect" : "splice", connect_host: host }
      const judged = inspected
        ? { outcome: "accepted", strength: null, leaf_check: "ok" }
        : { verdict: "used", splice_cause: "operator", control: false }
      t.match(record, { ...common, ...judged, ...expected })
      return record
    },
  }
}
