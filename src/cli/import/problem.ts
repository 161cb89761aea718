/** Where in an imported file something is wrong. */
import type { Problem } from "../../record/problem.ts"

/** `devices.csv:3: platform: must be one of android, ios; correct it` */
export function problemLine(file: string, line: number, problem: Problem): string {
  const field = problem.field === null ? "" : ` ${problem.field}:`
  return `${file}:${line}:${field} ${problem.text}`
}
