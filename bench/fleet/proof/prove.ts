/**
 * Runs the worlds of the plan in some processes beside one another, and writes what came of each as soon as it is
 * known: a run that is cut off gives figures, too, and one that is begun again goes on with what is left.
 */
import { type ChildProcess, fork } from "node:child_process"
import { appendFileSync, mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { jobsOf, nameOf, type Seeds } from "../plan.ts"
import type { Choice, Ran } from "../run-world.ts"
import { codeInForce } from "./code-in-force.ts"
import { headFile, keyOf, readResults, resultLine, resultsFile } from "./results.ts"
import type { Answer } from "./worker.ts"

export interface ProofOptions {
  out: string
  seeds: Seeds
  processes: number
  /** Epoch milliseconds after which no world is begun, and those that run end with their next slice. */
  deadline: number
  /** Of the worlds of each stratum. */
  part: number
  tell: (line: string) => void
}

export async function prove(options: ProofOptions): Promise<void> {
  const { out, seeds, processes, deadline, part, tell } = options
  mkdirSync(out, { recursive: true })
  const code = codeInForce()
  writeFileSync(join(out, headFile), `${JSON.stringify({ ...code, seeds })}\n`)
  tell(
    `${code.commit}${code.changed > 0 ? ` and ${code.changed} changed files` : ""}, src ${code.src}`,
  )
  const done = new Set(
    readResults(out)
      .filter(({ stoppedAt }) => stoppedAt === null)
      .map(keyOf),
  )
  const jobs = jobsOf(seeds, undefined, part).filter(
    (job) => !done.has(keyOf({ stratum: nameOf(job), seed: job.seed })),
  )
  tell(`${jobs.length} worlds to run, ${done.size} were run before`)
  const next = () => (Date.now() < deadline ? jobs.shift() : undefined)
  const keep = (ran: Ran) => {
    appendFileSync(join(out, resultsFile), resultLine(ran))
    tell(`${ran.stratum} ${ran.seed}: ${ran.cases} cases, ${ran.seconds.toFixed(1)} s`)
    for (const wrong of ran.score.falselyConfirmed)
      tell(`  falsely confirmed: ${JSON.stringify(wrong)}`)
    for (const wrong of ran.score.falselySent) tell(`  falsely sent: ${JSON.stringify(wrong)}`)
  }
  const worker = async () => {
    const start = () => fork(join(import.meta.dirname, "worker.ts"))
    let child = start()
    for (let job = next(); job; job = next()) {
      const slice = job.slice * 1_000
      if (!child.connected) child = start()
      const answer = await answerOf(child, { ...job, pinShare: null, slice, deadline, out: null })
      if ("ran" in answer) keep(answer.ran)
      else tell(`${nameOf(job)} ${job.seed} failed: ${answer.failed}`)
    }
    if (child.connected) child.disconnect()
  }
  await Promise.all(Array.from({ length: processes }, worker))
}

/** A process that dies takes its world with it, and no other. */
function answerOf(child: ChildProcess, question: Choice): Promise<Answer> {
  return new Promise((resolve) => {
    const ended = (code: number | null) => resolve({ failed: `its process ended with ${code}` })
    child.once("exit", ended)
    child.once("message", (answer) => {
      child.off("exit", ended)
      resolve(answer as Answer)
    })
    child.send(question)
  })
}
