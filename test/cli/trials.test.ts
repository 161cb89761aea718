/** `pinsensor trials`: what each trial waits for, and why others have none. */
import t, { type Test } from "tap"
import { trials } from "../../src/cli/trials.ts"
import type { RegisterEntry } from "../../src/record/register-entry.ts"
import { ControlledWorld, hour, minute, target } from "./correlator/controlled-world.ts"

const address = "10.9.0.1"

function said(t: Test, ...args: string[]): string {
  const captured = t.capture(process.stdout, "write", () => true)
  try {
    trials(args)
  } finally {
    captured.restore()
  }
  return captured()
    .map(({ args }) => String(args[0]))
    .join("")
}

/** The verb asks the real clock: a world that is now. */
function worldOfNow(t: Test, more: ConstructorParameters<typeof ControlledWorld>[1] = {}) {
  const world = new ControlledWorld(t, more)
  world.now = Date.now() - hour
  return world
}

t.test("each trial says what it waits for, in words and as JSON", async (t) => {
  const world = worldOfNow(t)
  t.equal(said(t, "--data", world.dir), "no trials\n")
  world.phone("phone-1", address)
  world.suspected(address)
  const one = world.correlator()
  world.settle(one)
  const { id } = world.only("trial")
  const armed = said(t, "--data", world.dir)
  t.match(armed, /^armed +phone-1 {2}api\.bank\.example {2}round 0, since /)
  t.match(armed, `${id}  stack tx13`)
  t.match(armed, /waits for the device's next connection, until /)

  world.now = Date.now() - 10_000
  world.spliced(address, world.only("trial"), { verdict: "sent-only", strong: false })
  world.settle(one)
  const shown = JSON.parse(said(t, "--json", "--data", world.dir))
  t.match(shown, {
    trials: [
      {
        id,
        state: "splicing",
        device_id: "phone-1",
        sni: target,
        round: 0,
        connections: 1,
        bytes: 9_900,
        waiting_for: /^its end: 1\d\d s left, 1 of 20 connections, 0 of 50 MiB$/,
      },
    ],
    not_armed: [],
  })
})

t.test("a key that wants a trial and may not have it says why", async (t) => {
  const rows: [name: string, given: (world: ControlledWorld) => void, why: RegExp][] = [
    ["not bound", (world) => world.suspected("10.9.0.99"), /client's address is absent/],
    [
      "an origin that was not verified",
      (world) => {
        const upstream = {
          ...world.attempt(address, "x.example", "idle").upstream,
          status: "failed" as const,
        }
        world.suspected(address, target, { upstream })
      },
      /own leg has not verified/,
    ],
    [
      "Encrypted ClientHello",
      (world) => world.suspected(address, target, { alert: 121, ech_offered: true }),
      /Encrypted ClientHello/,
    ],
  ]
  for (const [name, given, why] of rows) {
    const world = worldOfNow(t)
    world.phone("phone-1", address)
    given(world)
    world.settle(world.correlator())
    const { trials: shown, not_armed } = JSON.parse(said(t, "--json", "--data", world.dir))
    t.same(shown, [], name)
    t.match(not_armed, [{ sni: target, verdict: /suspected|refuses-here/, why }], name)
    t.match(said(t, "--data", world.dir), why, name)
  }
})

t.test("keys that wait for a cap are told which, and ended trials only with --all", async (t) => {
  const world = worldOfNow(t, { control: { "fleet-an-hour": 1 } })
  for (const index of [1, 2]) {
    world.phone(`phone-${index}`, `10.9.0.${index}`)
    world.suspected(`10.9.0.${index}`)
  }
  const one = world.correlator()
  world.settle(one)
  t.equal(world.entries("trial").length, 1)
  const file = `${world.dir}/sensor.json`
  const { writeFileSync } = await import("node:fs")
  writeFileSync(file, JSON.stringify({ tenant: "acme", control: { "fleet-an-hour": 1 } }))
  const args = ["--data", world.dir, "--config", file]
  t.match(JSON.parse(said(t, "--json", ...args)).not_armed, [{ why: /fleet-an-hour/ }])

  const entry = world.only("trial") as RegisterEntry & { trial: object }
  const over = new Date(world.now - minute).toISOString()
  const ended = { ...entry, expires_at: over, trial: { ...entry.trial, state: "cooling" as const } }
  world.store.putRegister([ended as RegisterEntry], "correlator", world.now)
  t.match(said(t, ...args), /^no trials/)
  t.match(said(t, "--all", ...args), /^cooling[\s\S]*waits for another refusal/)
})
