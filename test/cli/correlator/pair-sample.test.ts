import t from "tap"
import { PairSample } from "../../../src/cli/correlator/pair-sample.ts"
import { attempt, by, who } from "../../support/records.ts"

const refuses = (sample: PairSample, device_id: string, sni: string) =>
  sample.note(sni, true, by(attempt(sni, 0, "refused-alert"), who({ device_id })))
const devices = (sample: PairSample) =>
  new Set(sample.attempts().map((each) => each.who.device_id)).size
const destinations = (sample: PairSample) =>
  new Set(sample.attempts().map(({ fact }) => fact.sni)).size
const upTo = (count: number) => Array.from({ length: count }, (_, index) => index)

t.test(
  "neither one device with many names nor one name of all devices fills the sample",
  async (t) => {
    const sample = new PairSample()
    for (const index of upTo(5)) refuses(sample, `phone-${index}`, `api-${index}.example`)
    for (const index of upTo(3_000)) refuses(sample, "loud", `h${index}.example`)
    for (const index of upTo(3_000)) refuses(sample, `phone-${index}`, "popular.example")
    t.equal(sample.attempts().filter((each) => each.who.device_id === "loud").length, 20)
    t.equal(sample.attempts().filter(({ fact }) => fact.sni === "popular.example").length, 100)
    t.equal(destinations(sample), 26)
  },
)

t.test(
  "it keeps a thousand pairs, those untouched longest go, and of each what came last",
  async (t) => {
    const sample = new PairSample()
    for (const device of upTo(300))
      for (const place of upTo(10))
        refuses(sample, `phone-${device}`, `h${(device + place) % 60}.example`)
    t.equal(sample.size, 1_000)
    t.equal(devices(sample) <= 300, true)
    const [before] = sample.attempts()
    const sni = before?.fact.sni ?? ""
    const accepted = by(attempt(sni, 0, "accepted"), before?.who)
    sample.note(sni, false, accepted)
    t.equal(sample.size, 1_000)
    t.same(sample.attempts().slice(-2), [accepted, before])
  },
)
