/** Quick proof that worlds are fit for use: one seed gives the same bytes twice, and every line imports. */
import { createHash } from "node:crypto"
import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { importFiles, summaryText } from "../../src/cli/import/import-files.ts"
import { openStore } from "../../src/evidence/open.ts"
import { makeInto } from "./open-loop.ts"
import { switchesOf } from "./switches.ts"
import { makeWorld } from "./world/make-world.ts"

export async function check(): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), "fleet-check-"))
  try {
    const digests = ["one", "two"].map((name) => {
      const choice = { seed: "check", phones: 6, days: 1, pinShare: 0.1 }
      makeInto(join(dir, name), makeWorld({ ...choice, switches: switchesOf("hostile") }))
      return digestOf(join(dir, name))
    })
    if (digests[0] !== digests[1]) throw new Error("fleet: one seed made two worlds")
    const store = openStore(join(dir, "store"))
    const complaints: string[] = []
    const summary = await importFiles({
      store,
      files: recordsIn(join(dir, "one")),
      now: Date.parse("2026-12-01T00:00:00Z"),
      by: "fleet",
      defaults: { tenant: "acme", site: "hq", sensor_id: "import" },
      report: (message) => complaints.push(message),
    })
    store.close()
    console.log(summaryText(summary))
    const kept = [...summary.counts.values()].every(({ bad, conflicts }) => bad + conflicts === 0)
    if (summary.exitCode !== 0 || !kept)
      throw new Error(`fleet: ${complaints.slice(0, 5).join("\n")}`)
    console.log("one seed, the same bytes; every line imported")
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

function recordsIn(dir: string): string[] {
  return globSync("*.ndjson", { cwd: dir })
    .filter((name) => name !== "truth.ndjson")
    .sort()
    .map((name) => join(dir, name))
}

function digestOf(dir: string): string {
  const hash = createHash("sha256")
  for (const name of globSync("*", { cwd: dir }).sort()) hash.update(readFileSync(join(dir, name)))
  return hash.digest("hex")
}
