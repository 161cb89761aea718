/** `pinsensor policy test`: what would be done with a connection, and why. It needs no running sensor. */

import { printableLines } from "../printable.ts"
import { withStore } from "../with-store.ts"
import { type Answer, answerTo } from "./answer.ts"
import { type Question, readQuestion } from "./question.ts"

export async function policyTest(args: readonly string[]): Promise<void> {
  const { question, config, json } = readQuestion(args, Date.now())
  const answer = await withStore(config.data, (store) => answerTo(question, config, store))
  process.stdout.write(json ? `${JSON.stringify(answer, null, 2)}\n` : text(question, answer))
}

function text(question: Question, answer: Answer): string {
  const { client, listener, sni, connectHost, destinationIp, port } = question
  const { device } = answer
  const groups = device.device_groups.length > 0 ? `, of ${device.device_groups.join(", ")}` : ""
  const whose = device.device_personal ? ", a person's own" : ""
  const asked = connectHost === null ? `${destinationIp}:${port}` : `CONNECT ${connectHost}:${port}`
  return printableLines([
    `client ${client}: ${device.device_id ?? "no device is known"}${groups}${whose}`,
    `by listener ${listener.name}: ${asked}, SNI ${sni ?? "none"}`,
    ...answer.why,
    `=> ${answer.do}${answer.splice_cause === null ? "" : ` (${answer.splice_cause})`} by ${answer.by}${dialled(answer)}`,
  ])
}

function dialled({ dials }: Answer): string {
  if (dials === null) return ""
  const { addresses, host, port, upstream_proxy } = dials
  const to = addresses.length > 0 ? addresses.join(", ") : host
  return `, dials ${to} port ${port}${upstream_proxy ? " through the upstream proxy" : ""}`
}
