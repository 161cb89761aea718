/** Kea's lease-file cleanup, as it moves and rewrites files while they are followed. */
import { appendFileSync, mkdtempSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import t, { type Test } from "tap"
import { BindingIndex } from "../../../src/identity/bindings.ts"
import { KeaJournal } from "../../../src/identity/leases/kea-journal.ts"
import { networkBinding } from "../../../src/identity/network-binding.ts"
import type { Binding } from "../../../src/record/binding.ts"
import { FileFollower } from "../../../src/source/follow-file.ts"

const header = "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,state"
const start = 1_795_260_000
const one = "3c:22:fb:00:00:01"
const two = "3c:22:fb:00:00:02"
const source = {
  common: { tenant: "acme", site: "hq", sensor_id: "s", v: 1 as const },
  source: "dhcp" as const,
  confidence: 0.8,
}

/** A lease of the one address, `at` seconds after the start; with no lifetime it is released. */
function row(mac: string, at: number, lifetime = 3_600): string {
  return `10.0.0.5,${mac},,${lifetime},${start + at + lifetime},1,0\n`
}

function bed(t: Test) {
  const folder = mkdtempSync(join(tmpdir(), "pinsensor-kea-"))
  const file = join(folder, "leases.csv")
  const options = { file, fromOldest: true }
  let place: unknown = null
  let follower = new FileFollower(options, place)
  let journal = new KeaJournal(4)
  const stated: Binding[] = []
  t.teardown(() => {
    follower.close()
    rmSync(folder, { recursive: true, force: true })
  })
  const written = (name: string, at: number) => utimesSync(name, start + at, start + at)
  return {
    write: (at: number, ...rows: string[]) => {
      appendFileSync(file, rows.join(""))
      written(file, at)
    },
    /** Aside with it, and a new one. */
    begin: (at: number) => {
      renameSync(file, `${file}.1`)
      writeFileSync(file, `${header}\n`)
      written(file, at)
    },
    /** What stands, instead of what was put aside. */
    finish: (at: number, ...rows: string[]) => {
      writeFileSync(`${file}.output`, `${header}\n${rows.join("")}`)
      written(`${file}.output`, at)
      rmSync(`${file}.1`, { force: true })
      renameSync(`${file}.output`, `${file}.2`)
    },
    read: (at: number) => {
      for (;;) {
        const batch = follower.next((start + at) * 1_000)
        if (!batch) return
        for (const each of journal.read(batch).stated)
          stated.push(networkBinding(source, { ...each, realm: null }))
        place = JSON.parse(JSON.stringify(batch.place))
        follower.took()
        journal.ledger.keep()
      }
    },
    restart: (at: number) => {
      follower.close()
      follower = new FileFollower(options, place)
      journal = new KeaJournal(4)
      for (const batch of follower.past((start + at) * 1_000)) {
        journal.read(batch)
        journal.ledger.keep()
      }
    },
    holder: (at: number) => {
      const deviceOf = (names: { wifi_mac: string | null }) => ({
        device_id: names.wifi_mac,
        because: "",
      })
      const index = new BindingIndex(stated.toReversed(), { tenant: "acme", deviceOf })
      const found = index.resolve({ realm: "hq", address: "10.0.0.5", at: (start + at) * 1_000 })
      return found.device_id ?? found.attribution
    },
  }
}

t.test("what a cleanup had put aside before we first came stands", async (t) => {
  const { write, finish, read, holder } = bed(t)
  finish(100, row(one, 50))
  write(100, `${header}\n`)
  read(200)
  t.equal(holder(300), one)
})

t.test("what a cleanup writes again of the past undoes nothing that came since", async (t) => {
  const { write, begin, finish, read, holder } = bed(t)
  write(0, `${header}\n`, row(one, 0))
  read(0)
  begin(100)
  write(110, row(one, 0, 0))
  read(110)
  write(200, row(two, 200))
  read(200)
  finish(300, row(one, 0))
  read(300)
  write(400, row(two, 400))
  read(400)
  t.same([50, 150, 250, 500].map(holder), [one, "absent", two, two])
})

t.test(
  "a lease that ends after a cleanup and a restart ends whatever was said of it",
  async (t) => {
    const { write, begin, finish, read, restart, holder } = bed(t)
    write(0, `${header}\n`, row(one, 0))
    write(1_000, row(one, 1_000))
    read(1_000)
    begin(1_100)
    finish(1_200, row(one, 1_000))
    read(1_200)
    // So long after, what is done with is followed no more.
    read(1_400)
    write(1_500, row(one, 1_000, 0))
    restart(1_500)
    read(1_500)
    write(2_000, row(two, 2_000))
    read(2_000)
    t.same([500, 1_450, 1_800, 2_500].map(holder), [one, one, "absent", two])
  },
)
