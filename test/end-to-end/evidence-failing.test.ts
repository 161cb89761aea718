/** Evidence fails while traffic runs: a full disk, and a database that another file replaced. */
import { execFileSync } from "node:child_process"
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import tls from "node:tls"
import t from "tap"
import { openStore } from "../../src/evidence/open.ts"
import { testCa } from "../support/certificates.ts"
import { httpsOrigin } from "../support/https-origin.ts"
import { startPinsensor } from "../support/pinsensor.ts"
import { holds } from "../support/processes.ts"
import { visitOnce } from "../support/tls-load.ts"

const soon = 20_000
const host = "www.load.example"

t.setTimeout(110_000)

/** A small disk of its own, or null where mounting is not allowed. */
function smallDisk(): string | null {
  const disk = mkdtempSync(join(tmpdir(), "pinsensor-disk-"))
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=8m", "tmpfs", disk], { stdio: "ignore" })
    return disk
  } catch {
    rmSync(disk, { recursive: true })
    return null
  }
}

const disk = smallDisk()

t.test(
  "evidence that cannot be stored does not stop traffic: fails open, says so, and resumes",
  { skip: disk ? false : "a tmpfs cannot be mounted here" },
  async (t) => {
    if (!disk) return
    const publicCa = await testCa()
    const origin = await httpsOrigin(publicCa, [host])
    const data = join(disk, "var")
    const sensor = await startPinsensor(
      {
        hosts: { [host]: ["127.0.0.1"] },
        "allow-destination": ["127.0.0.0/8"],
        "origin-ca": publicCa.file,
      },
      data,
    )
    t.teardown(async () => {
      await sensor.remove()
      await Promise.all([origin.close(), publicCa.remove()])
      execFileSync("umount", [disk])
      rmSync(disk, { recursive: true })
    })
    const trusting = tls.createSecureContext({ ca: readFileSync(sensor.ca) })
    const load = { proxy: sensor.proxy, hosts: [host], port: origin.port, from: ["127.0.0.51"] }
    const visits = async (count: number) => {
      const made = []
      for (let index = 0; index < count; index++) made.push(await visitOnce(load, index, trusting))
      return made.filter(({ kind }) => kind === "served").map(({ client }) => client)
    }
    const recorded = () => {
      const store = openStore(data)
      try {
        return new Set(
          [...store.all("attempts")].map((one) => `${one.client_ip}:${one.client_port}`),
        )
      } finally {
        store.close()
      }
    }
    const says = (name: string) => () => sensor.log.some(({ msg }) => msg === name)
    const before = await visits(5)
    t.ok(await holds(() => before.every((client) => recorded().has(client)), soon))

    await t.test("a full disk", async (t) => {
      fill(join(disk, "filler"))
      const meanwhile = await visits(20)
      t.equal(meanwhile.length, 20, "traffic goes on")
      t.ok(await holds(says("evidence-failing"), soon), "the log says so")
      t.match(
        sensor.log.find(({ msg }) => msg === "evidence-failing"),
        { because: /full/ },
      )
      rmSync(join(disk, "filler"))
      t.ok(await holds(says("evidence-recovered"), soon), "and when it works again")
      const all = recorded()
      t.strictSame(
        meanwhile.filter((client) => !all.has(client)),
        [],
        "what waited is recorded",
      )
    })

    await t.test("a database that was moved away", async (t) => {
      const kept = join(disk, "kept")
      mkdirSync(kept)
      for (const end of ["", "-wal", "-shm"])
        renameSync(join(data, `evidence.sqlite${end}`), join(kept, `evidence.sqlite${end}`))
      const after = await visits(5)
      t.equal(after.length, 5, "traffic goes on")
      t.ok(await holds(() => after.every((client) => recorded().has(client)), soon))
      t.ok(await holds(says("evidence-replaced"), soon), "the correlator notices")
      t.ok(await holds(says("process-replaced"), soon), "and starts again on the new one")
      const cursor = () => {
        const store = openStore(data)
        const at = store.cursor("correlator/attempts")
        store.close()
        return at
      }
      t.ok(await holds(() => cursor() > 0, soon), "which it follows")
      await sensor.stop()
      t.equal(sensor.exitCode(), 0)
      const counts = sensor.log.findLast(({ msg }) => msg === "counts")
      t.match(counts, { evidence: { queued: 0, dropped: 0, failed: 0 } }, "nothing was dropped")
    })
  },
)

/** To the last byte. */
function fill(file: string): void {
  for (const size of [1_000_000, 1_000])
    for (;;) {
      try {
        writeFileSync(file, Buffer.alloc(size), { flag: "a" })
      } catch {
        break
      }
    }
}
