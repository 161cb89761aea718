/** What is remembered of origins: for which question, how long, in whose share. */
import t from "tap"
import { FairMap } from "../../src/intercept/fair-map.ts"
import { OriginMemory, type OriginQuestion } from "../../src/intercept/origin-memory.ts"

const second = 1_000
const ann = "10.0.0.1"
const bob = "10.0.0.2"

const question: OriginQuestion = {
  address: "192.0.2.1",
  port: 443,
  verifyName: "a.example",
  alpn: ["h2", "http/1.1"],
  hybrid: true,
  lowest: "TLSv1.2",
  onlyFor: null,
}
const facts = {
  names: { dnsNames: [], ipAddresses: [] },
  upstream: {} as never,
  address: "192.0.2.1",
}

t.test(
  "facts of an origin hold for the very question that was asked, for five minutes",
  async (t) => {
    const memory = new OriginMemory()
    memory.put(question, facts, ann, 0)
    t.equal(memory.get(question, 300 * second - 1), facts)
    t.equal(memory.get(question, 300 * second), null)
    const others: [string, Partial<OriginQuestion>][] = [
      ["another address", { address: "192.0.2.2" }],
      ["another port", { port: 8443 }],
      ["another name", { verifyName: "b.example" }],
      ["another offer", { alpn: ["http/1.1"] }],
      ["another order", { alpn: ["http/1.1", "h2"] }],
      ["names that run together alike", { alpn: ["h2http/1.1"] }],
      ["a name that looks like its neighbours", { alpn: ["h2", "8:http/1.1"] }],
      ["no hybrid group", { hybrid: false }],
      ["TLS 1.3 only", { lowest: "TLSv1.3" }],
      ["a client that named nobody", { onlyFor: ann }],
    ]
    for (const [name, other] of others)
      t.equal(memory.get({ ...question, ...other }, 0), null, name)
    memory.forget(question)
    t.equal(memory.get(question, 0), null)
  },
)

t.test("an offer that only an attacker makes is not remembered", async (t) => {
  const memory = new OriginMemory()
  const odd = { ...question, alpn: Array.from({ length: 5_000 }, (_, n) => `p${n}`) }
  memory.put(odd, facts, ann, 0)
  memory.unsteady(odd, ann, 0)
  memory.noteFault(odd, { status: "untrusted", reason: "expired" }, ann, 0)
  t.equal(memory.get(odd, 1), null)
  t.equal(memory.fault(odd, ann, 1), null)
  t.equal(memory.get({ ...question, alpn: ["x".repeat(255)] }, 1), null, "nor is another's answer")
})

t.test(
  "an origin that shows now this, now that is asked each time, for five minutes",
  async (t) => {
    const memory = new OriginMemory()
    memory.put(question, facts, ann, 0)
    memory.unsteady(question, ann, 1)
    memory.put(question, facts, bob, 2)
    t.equal(memory.get(question, 3), null)
    memory.put(question, facts, bob, 300 * second + 1)
    t.equal(memory.get(question, 300 * second + 2), facts)
  },
)

t.test(
  "a fault is remembered for seconds, and for nobody but the client that met it",
  async (t) => {
    const memory = new OriginMemory()
    const fault = { status: "untrusted", reason: "expired" } as const
    memory.noteFault(question, fault, ann, 0)
    t.equal(memory.fault(question, ann, 10 * second - 1), fault)
    t.equal(memory.fault(question, ann, 10 * second), null)
    t.equal(memory.fault(question, bob, 1), null)
    t.equal(memory.get(question, 1), null)
    memory.put(question, facts, bob, 1)
    t.equal(memory.get(question, 2), facts, "it does not stand against what another finds good")
  },
)

t.test("one client cannot push out what others keep, whatever it asks for", async (t) => {
  const memory = new OriginMemory()
  memory.put(question, facts, ann, 0)
  for (let n = 0; n < 30_000; n++)
    memory.put({ ...question, verifyName: `${n}.evil.example` }, facts, bob, 1)
  t.equal(memory.get(question, 2), facts)
  t.equal(memory.get({ ...question, verifyName: "29999.evil.example" }, 2), facts)
  t.equal(memory.get({ ...question, verifyName: "29499.evil.example" }, 2), null, "500 each")
})

t.test("all addresses of one IPv6 host are one client", async (t) => {
  const memory = new OriginMemory()
  for (let n = 0; n < 1_000; n++)
    memory.put({ ...question, port: n }, facts, `2001:db8::${n.toString(16)}`, 0)
  t.equal(memory.get({ ...question, port: 499 }, 1), null)
  t.equal(memory.get({ ...question, port: 500 }, 1), facts)
})

/** Who has how many of the keys `owner/n`. */
function shares(map: FairMap<number>, owners: readonly string[], each: number): number[] {
  return owners.map(
    (owner) =>
      Array.from({ length: each }, (_, n) => map.get(`${owner}/${n}`, 1)).filter(
        (value) => value !== undefined,
      ).length,
  )
}

t.test("a full table makes room at the cost of who holds most", async (t) => {
  const map = new FairMap<number>({ entries: 10, perOwner: 8 })
  const fill = (owner: string, count: number) => {
    for (let n = 0; n < count; n++) map.set(`${owner}/${n}`, n, owner, 0, 100)
  }
  fill("few", 2)
  fill("many", 20)
  t.equal(map.size, 10)
  fill("new", 3)
  t.same(shares(map, ["few", "many", "new"], 20), [2, 5, 3])
  fill("newer", 9)
  const [few, , , newer] = shares(map, ["few", "many", "new", "newer"], 20)
  t.equal(few, 2)
  t.ok(newer !== undefined && newer <= 5)
  t.equal(map.size, 10)
})

t.test("what is over makes room before anything else", async (t) => {
  const map = new FairMap<number>({ entries: 2, perOwner: 2 })
  map.set("a", 1, ann, 0, 10)
  map.set("b", 2, bob, 5, 10)
  map.set("c", 3, bob, 12, 10)
  t.equal(map.get("a", 12), undefined)
  t.equal(map.get("b", 12), 2)
  t.equal(map.get("c", 12), 3)
  map.delete("b")
  map.delete("b")
  t.equal(map.size, 1)
})
