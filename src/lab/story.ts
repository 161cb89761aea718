/**
 * The story of the lab: who connects where, when mobile EDR tells what, and what is waited for.
 *
 * It tells what happens as it happens, and judges nothing: told.ts says how it must end.
 */
import { setTimeout as sleep } from "node:timers/promises"
import { apps, type Host } from "./cast.ts"
import { connectEvents, inventory, pinComparison } from "./inventory.ts"
import type { LabSensor, LogLine } from "./sensor.ts"
import type { SyslogReceiver } from "./syslog-receiver.ts"
import { make, type Surroundings, type Visit, type Visited } from "./visit.ts"

export interface Stage {
  sensor: LabSensor
  syslog: SyslogReceiver
  around: Surroundings
  /** One line for a human. */
  tell: (line: string) => void
  /** Epoch milliseconds. */
  clock: () => number
}

/** Between two tries of an app: longer than a bucket of time, so that each try counts. */
const betweenTries = 1_100
/** Workers see a changed register within a fifth of a second; a loaded machine gets a second. */
const registerTravels = 1_000
/** For each thing that is waited for. */
const patience = 12_000
/** Clients at a time: more would only wait for the processor. */
const atOnce = 4

const bank: Host = "api.bank.example"
const elsewhere: readonly Host[] = ["www.news.example", "cdn.shop.example"]

const wallet = { device: "pixel-1", app: "wallet" } as const
const loyalty = { device: "iphone-1", app: "loyalty" } as const

/** The two apps that pin at the bank's API. */
const pinned: readonly Visit[] = [
  { ...wallet, host: bank, manner: "pin-late" },
  { ...loyalty, host: bank, manner: "pin-early" },
]

/** Acceptances elsewhere, and what is no pinning. */
const first: readonly Visit[] = [
  ...elsewhere.flatMap((host): Visit[] => [
    { ...wallet, host, manner: "trusting" },
    { ...loyalty, host, manner: "trusting" },
    { device: "pixel-3", app: "reader", host, manner: "trusting" },
  ]),
  ...([bank, ...elsewhere, "tiles.maps.example", "gw.chat.example"] as const).map(
    (host): Visit => ({ device: "pixel-2", app: "viewer", host, manner: "distrusting" }),
  ),
  { device: "galaxy-1", app: "explorer", host: "www.news.example", manner: "trusting" },
  { device: "galaxy-1", app: "explorer", host: "old.intranet.example", manner: "trusting" },
  { device: "galaxy-1", app: "explorer", host: "vault.corp.example", manner: "trusting" },
]

/** An app on a phone whose other apps trust us. */
const distrusting: Visit = {
  device: "pixel-3",
  app: "viewer",
  host: bank,
  manner: "distrusting",
}
const unused: Visit = { device: "galaxy-1", app: "explorer", host: bank, manner: "preconnect" }

/** Plays the story to its end; gives up early where what is waited for does not come. */
export async function play(stage: Stage): Promise<void> {
  const { sensor, syslog, tell, clock } = stage
  await sensor.give(inventory(clock()))

  tell("Apps ask here and there. Some phones distrust our CA, some origins are no good.")
  await edr(stage, elsewhere)
  await all(first, stage)

  tell("Three tries at the bank's API. The two pinned apps refuse our certificate there.")
  const began = clock()
  const idle: Promise<void>[] = []
  for (let round = 0; round < 3; round++) {
    await edr(stage, [bank])
    idle.push(all([unused], stage))
    await all([...pinned, distrusting], stage)
    await sleep(betweenTries)
  }

  tell("Refused here, accepted elsewhere: suspected. A trial is armed for each of the two.")
  if (!(await noted(stage, "armed", 2))) return
  await sleep(registerTravels)
  tell("The same apps again. They are spliced now, see the real certificate, and work.")
  await edr(stage, [bank])
  for (let use = 0; use < 2; use++) await all(pinned, stage)
  if (!(await noted(stage, "re-inspecting", 2))) return
  await sleep(registerTravels)
  tell("The trials have seen enough; our certificate is back. Do they refuse again?")
  await edr(stage, [bank])
  await all(pinned, stage)
  await Promise.all(idle)
  if (!(await noted(stage, "confirmed", 2))) return
  if (!(await arrived(stage, 2))) return

  tell("A late batch of mobile EDR: the Wallet did compare a pin before it connected.")
  await sensor.give(pinComparison(wallet.device, wallet.app, bank, began))
  if (await arrived(stage, 3)) tell(`${syslog.received.items.length} alerts have left the house.`)
}

/** Mobile EDR is on the Pixel alone, and tells of connections as they are made. */
function edr({ sensor, clock }: Stage, hosts: readonly Host[]): Promise<void> {
  return sensor.give(connectEvents(wallet.device, wallet.app, hosts, clock()))
}

/** All visits, a few at a time, each told when it has ended. */
async function all(visits: readonly Visit[], stage: Stage): Promise<void> {
  const waiting = [...visits]
  const workers = Array.from({ length: atOnce }, async () => {
    for (let next = waiting.shift(); next; next = waiting.shift())
      stage.tell(visitLine(await make(next, stage.around)))
  })
  await Promise.all(workers)
}

function visitLine({ device, app, host, worked, word }: Visited): string {
  const short = word.length > 58 ? `${word.slice(0, 57)}…` : word
  const who = `${device.padEnd(9)} ${apps[app].name.padEnd(9)}`
  return `  ${who} ${host.padEnd(21)} ${worked ? "served " : "stopped"}  ${short}`
}

async function noted({ sensor, tell }: Stage, begins: string, count: number): Promise<boolean> {
  const isMeant = ({ msg, note }: LogLine) => msg === "trial" && String(note).startsWith(begins)
  const came = await sensor.log.reaches(count, patience, isMeant)
  if (!came) tell(`No ${count} trials are ${begins} within ${patience / 1_000} s: the story ends.`)
  return came
}

async function arrived({ syslog, tell }: Stage, count: number): Promise<boolean> {
  const came = await syslog.received.reaches(count, patience)
  if (!came) tell(`No ${count} alerts arrive within ${patience / 1_000} s: the story ends.`)
  return came
}
