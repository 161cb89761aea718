/**
 * A process for tests: appends batches of 20 attempts to DIR and prints the prefix of a batch once
 * its commit has returned. `node append-child.ts DIR NAME [BATCHES]`; without a number, for ever.
 */
import { writeSync } from "node:fs"
import { openStore } from "../../src/evidence/open.ts"
import { attempt, ten } from "./fixtures.ts"

const [dir = "", name = "", batches = "1e9"] = process.argv.slice(2)
const store = openStore(dir)
for (let batch = 0; batch < Number(batches); batch++) {
  const prefix = `${name}-${batch}`
  store.append(
    "attempts",
    Array.from({ length: 20 }, (_, n) => attempt(`${prefix}-${n}`, ten + batch)),
  )
  writeSync(1, `${prefix}\n`)
}
store.close()
