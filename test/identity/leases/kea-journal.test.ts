import fc from "fast-check"
import t from "tap"
import { KeaJournal } from "../../../src/identity/leases/kea-journal.ts"
import type { LeaseStated } from "../../../src/identity/leases/ledger.ts"

const header =
  "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context"
const one = "3c:22:fb:00:00:01"
const two = "3c:22:fb:00:00:02"
const start = 1_795_260_000

/** A row `at` seconds after the start, for so many seconds; none: it is deleted. */
function row(mac: string, at: number, lifetime: number, state = 0): string {
  return `10.0.0.5,${mac},,${lifetime},${start + at + lifetime},1,0,0,,${state},`
}

function batch(rows: readonly string[], writtenAt: number) {
  const units = rows.map((text, at) => ({ text, at }))
  const modifiedMs = (start + writtenAt) * 1_000 + 0.5
  return { live: true, head: `${header}\n`, units, modifiedMs, atEnd: true }
}

function told(stated: readonly LeaseStated[]) {
  const seconds = (ms: number | null) => (ms === null ? null : Math.floor(ms / 1_000) - start)
  return stated.map(({ names, from, to }) => [names.wifi_mac?.at(-1), seconds(from), seconds(to)])
}

t.test("rows of one address are the stays of those who had it", async (t) => {
  const rows: [name: string, rows: string[], writtenAt: number, is: unknown[]][] = [
    ["a lease", [row(one, 0, 600)], 0, [["1", 0, 600]]],
    [
      "renewed: the same stay, said again",
      [row(one, 0, 600), row(one, 300, 600)],
      300,
      [
        ["1", 0, 600],
        ["1", 0, 900],
      ],
    ],
    [
      "asked for again after it had ended: another stay",
      [row(one, 0, 600), row(one, 700, 600)],
      700,
      [
        ["1", 0, 600],
        ["1", 700, 1300],
      ],
    ],
    [
      "released: it ends when the file was written, for the row tells of the last renewal only",
      [row(one, 0, 600), row(one, 0, 0)],
      42,
      [
        ["1", 0, 600],
        ["1", 0, 42],
      ],
    ],
    [
      "declined: its row tells when, though the file was written later",
      [row(one, 0, 600), row("", 42, 900, 1)],
      500,
      [
        ["1", 0, 600],
        ["1", 0, 42],
      ],
    ],
    [
      "released before the next client asked",
      [row(one, 0, 600), row(one, 0, 0), row(two, 20, 600)],
      500,
      [
        ["1", 0, 600],
        ["1", 0, 20],
        ["2", 20, 620],
      ],
    ],
    [
      "given to another before its time was over",
      [row(one, 0, 600), row(two, 100, 600)],
      100,
      [
        ["1", 0, 600],
        ["1", 0, 100],
        ["2", 100, 700],
      ],
    ],
    [
      "reclaimed after its end: as was known",
      [row(one, 0, 600), row(one, 0, 600, 2)],
      700,
      [["1", 0, 600]],
    ],
    [
      "declined: nobody's",
      [row(one, 0, 600), row("", 10, 86_400, 1)],
      10,
      [
        ["1", 0, 600],
        ["1", 0, 10],
      ],
    ],
    [
      "written twice, as after a clean-up",
      [row(one, 0, 600), row(one, 0, 600)],
      0,
      [["1", 0, 600]],
    ],
    ["of a client without hardware address", [row("", 0, 600)], 0, []],
  ]
  for (const [name, lines, writtenAt, is] of rows) {
    const { stated, rejected } = new KeaJournal(4).read(batch(lines, writtenAt))
    t.same(told(stated), is, name)
    t.same(rejected, [], name)
  }
})

t.test("a batch that was not kept says the same when it is read again", async (t) => {
  const journal = new KeaJournal(4)
  journal.read(batch([row(one, 0, 600)], 0))
  journal.ledger.keep()
  const renewal = batch([row(one, 300, 600), row(two, 400, 600)], 400)
  const first = journal.read(renewal)
  t.same(journal.read(renewal), first)
})

t.test("however rows are cut into batches, no two devices have the address at once", async () => {
  const step = fc.record({
    mac: fc.constantFrom(one, two),
    after: fc.integer({ min: 1, max: 900 }),
    gone: fc.boolean(),
  })
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 20 }),
      fc.integer({ min: 1, max: 20 }),
      (steps, size) => {
        let at = 0
        let holder: string | null = null
        const times: number[] = []
        const rows = steps.map(({ mac, after, gone }) => {
          at += after
          times.push(at)
          if (gone && holder !== null) return row(holder, at - after, 0)
          holder = mac
          return row(mac, at, 600)
        })
        const journal = new KeaJournal(4)
        const last = new Map<string, LeaseStated>()
        for (let from = 0; from < rows.length; from += size) {
          const { stated } = journal.read(
            batch(
              rows.slice(from, from + size),
              times[Math.min(from + size, times.length) - 1] ?? at,
            ),
          )
          journal.ledger.keep()
          for (const each of stated) {
            const key = `${each.names.wifi_mac} ${each.from}`
            if ((last.get(key)?.at ?? 0) <= each.at) last.set(key, each)
          }
        }
        const stays = [...last.values()]
        return stays.every((stay) =>
          stays.every(
            (other) =>
              other.names.wifi_mac === stay.names.wifi_mac ||
              Math.max(stay.from, other.from) >= Math.min(stay.to ?? 0, other.to ?? 0),
          ),
        )
      },
    ),
  )
})
