/** All tests of this folder in one process. */
import { inOneProcess } from "./support/one-process.ts"

await inOneProcess("intercept")
