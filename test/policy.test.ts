/** All tests of this stage in one process. */
import { inOneProcess } from "./support/one-process.ts"

await inOneProcess("policy")
