/**
 * Asks DNS servers for the addresses of a name (c-ares, by node:dns), without a thread: a name whose
 * servers are slow costs a socket and a timer, and no other name waits for it.
 *
 * A and AAAA are asked at once; who has one family does not wait long for the other. Large answers come
 * over TCP, and aliases are followed, by c-ares.
 */
import { Resolver as Ares } from "node:dns"
import { statSync } from "node:fs"
import { networkInterfaces } from "node:os"
import type { Lookup, Told } from "./resolver.ts"
import { errorCode } from "./tls-error.ts"

/** Each server is asked twice, the second time for twice as long; in milliseconds. With one server this
 * ends before the resolver's deadline. */
const tries = { timeout: 1_500, tries: 2, maxTimeout: 3_000 }

/** How long the second family is waited for (RFC 8305 section 3), in ms; without it an answer holds
 * only for the least time. */
const secondFamily = 100

/** How often it is looked whether the system's servers or our addresses have changed, in ms. */
const lookAgain = 5_000
const resolvConf = "/etc/resolv.conf"

interface Record {
  address: string
  /** Seconds. */
  ttl: number
}
type Family = { records: readonly Record[] } | { error: Error }

/** `servers`: addresses, with a port if it is not 53; "system": those of the system. */
export function askDns(servers: "system" | readonly string[], clock: () => number): Lookup {
  let ares = newAres(servers)
  let looked = clock()
  let changed = changeTime()
  let sixFirst = hasIpv6()

  function look(): void {
    if (clock() - looked < lookAgain) return
    looked = clock()
    sixFirst = hasIpv6()
    if (servers !== "system" || changeTime() === changed) return
    changed = changeTime()
    // Questions under way go on with the old one.
    ares = newAres(servers)
  }

  return (name) => {
    look()
    const four = family((done) => ares.resolve4(name, { ttl: true }, done))
    const six = family((done) => ares.resolve6(name, { ttl: true }, done))
    return sixFirst ? together(six, four) : together(four, six)
  }
}

function newAres(servers: "system" | readonly string[]): Ares {
  const ares = new Ares(tries)
  if (servers !== "system") ares.setServers(servers)
  return ares
}

function family(
  ask: (done: (error: Error | null, records: readonly Record[]) => void) => void,
): Promise<Family> {
  return new Promise((resolve) => {
    ask((error, records) => resolve(error ? { error } : { records }))
  })
}

/** `first` is the family that is dialled first. */
function together(first: Promise<Family>, second: Promise<Family>): Promise<Told> {
  const got: { first: Family | null; second: Family | null } = { first: null, second: null }
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined
    const settle = () => {
      clearTimeout(timer)
      const [one, other] = [recordsOf(got.first), recordsOf(got.second)]
      const records = alternating(one, other)
      if (records.length === 0) return reject(worse(got.first, got.second))
      const complete = got.first !== null && got.second !== null && !unsure(got.first, got.second)
      const ttl = complete ? Math.min(...records.map(({ ttl }) => ttl)) * 1_000 : 0
      resolve({ addresses: records.map(({ address }) => address), ttl })
    }
    const came = () => {
      // A name that does not exist has no addresses of either family (RFC 8020).
      if ((got.first && got.second) || isGone(got.first) || isGone(got.second)) return settle()
      if (recordsOf(got.first ?? got.second).length > 0) timer = setTimeout(settle, secondFamily)
    }
    first.then((answer) => {
      got.first = answer
      came()
    })
    second.then((answer) => {
      got.second = answer
      came()
    })
  })
}

function recordsOf(answer: Family | null): readonly Record[] {
  return answer && "records" in answer ? answer.records : []
}

function isGone(answer: Family | null): boolean {
  return answer !== null && "error" in answer && errorCode(answer.error) === "ENOTFOUND"
}

/** A family that no server answered for: it may have addresses. */
function unsure(...answers: Family[]): boolean {
  return answers.some(
    (answer) => "error" in answer && !/^(ENOTFOUND|ENODATA)$/.test(errorCode(answer.error)),
  )
}

/** Of two reasons the one that leaves more open; none: both families are empty. */
function worse(...answers: (Family | null)[]): Error {
  const errors = answers.flatMap((answer) => (answer && "error" in answer ? [answer.error] : []))
  if (isGone(answers[0] ?? null) || isGone(answers[1] ?? null))
    return errors.find((error) => errorCode(error) === "ENOTFOUND") ?? noAddress()
  return errors.find((error) => errorCode(error) !== "ENODATA") ?? errors[0] ?? noAddress()
}

function noAddress(): Error {
  return Object.assign(new Error("the name has no address"), { code: "ENODATA" })
}

/** So that a limit on how many are tried leaves some of each. */
function alternating(one: readonly Record[], other: readonly Record[]): Record[] {
  const length = Math.max(one.length, other.length)
  return Array.from({ length }, (_, at) => [one[at], other[at]])
    .flat()
    .filter((record) => record !== undefined)
}

/** Whether IPv6 is worth trying first (RFC 6724 section 2.1 would ask the routing table). */
function hasIpv6(): boolean {
  return Object.values(networkInterfaces()).some((list) =>
    list?.some(
      ({ family, internal, address }) =>
        family === "IPv6" && !internal && !address.startsWith("fe80:"),
    ),
  )
}

function changeTime(): number | null {
  return statSync(resolvConf, { throwIfNoEntry: false })?.mtimeMs ?? null
}
