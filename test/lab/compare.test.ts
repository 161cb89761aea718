import t from "tap"
import { type DeviceId, devices } from "../../src/lab/cast.ts"
import { differences, type Outcome } from "../../src/lab/compare.ts"
import { told, toldAlerts, toldOfDevices } from "../../src/lab/told.ts"
import type { Alert } from "../../src/record/alert.ts"
import { alert, finding } from "../alert/samples.ts"
import { attempt, flow } from "../support/records.ts"

/** The world exactly as told, for tests to change one thing of. */
function asTold(): { -readonly [K in keyof Outcome]: Outcome[K] } {
  const places = told.flatMap(({ hosts, ...rest }) => hosts.map((host) => ({ ...rest, host })))
  const from = (device: DeviceId) => ({ client_ip: devices[device].address })
  return {
    attempts: places.map(({ device, host, outcomes: [outcome = "accepted"] }) =>
      attempt(host, 0, outcome, from(device)),
    ),
    flows: places
      .filter(({ spliced }) => spliced)
      .flatMap(({ device, host }) => [0, 1].map((ms) => flow(host, ms, from(device)))),
    findings: [
      ...places.flatMap((place) =>
        place.finding === null ? [] : [findingAt(place.device, place.host, place.finding)],
      ),
      ...toldOfDevices.map(({ device, analytic }) =>
        findingAt(device, "*", { analytic, verdict: "refuses-everything" }),
      ),
    ],
    alerts: toldAlerts.map(alertOf),
  }
}

function findingAt(
  device_id: string,
  destination: string,
  over: Partial<ReturnType<typeof finding>>,
) {
  const { key } = finding()
  return finding({ key: { ...key, device_id, destination }, ...over })
}

function alertOf({ device, ...over }: (typeof toldAlerts)[0]): Alert {
  return alert({ ...over, device_id: device, client_ip: devices[device].address })
}

const at = (device: DeviceId) => ({ client_ip: devices[device].address })

t.test("a world that is as told has no differences", (t) => {
  t.strictSame(differences(asTold()), [])
  t.end()
})

t.test("each difference is named with what was told", (t) => {
  const cases: [string, (world: ReturnType<typeof asTold>) => void, string][] = [
    [
      "another outcome",
      (world) => {
        world.attempts = [
          ...world.attempts,
          attempt("www.news.example", 9, "refused-close", at("galaxy-1")),
        ]
      },
      "galaxy-1 at www.news.example: refused-close, told accepted",
    ],
    [
      "an attempt of nobody",
      (world) => {
        world.attempts = [...world.attempts, attempt("www.news.example", 9, "accepted")]
      },
      "nobody at www.news.example: accepted, told nothing",
    ],
    [
      "no attempt",
      (world) => {
        world.attempts = world.attempts.filter(({ sni }) => sni !== "vault.corp.example")
      },
      "galaxy-1 at vault.corp.example: no attempt, told origin-wants-client-certificate",
    ],
    [
      "a control flow that is missing",
      (world) => {
        world.flows = world.flows.slice(1)
      },
      "pixel-1 at api.bank.example: 1 strongly used splices of a trial, told at least 2",
    ],
    [
      "a bypass that nobody asked for",
      (world) => {
        world.flows = [...world.flows, flow("www.news.example", 9, at("pixel-3"))]
      },
      "pixel-3 at www.news.example: spliced, told nothing of the kind",
    ],
    [
      "a false accusation",
      (world) => {
        const accused = { analytic: "AN1725", verdict: "suspected" } as const
        world.findings = [...world.findings, findingAt("galaxy-1", "api.bank.example", accused)]
      },
      "galaxy-1 at api.bank.example: AN1725 suspected, told no finding",
    ],
    [
      "a verdict that is missing",
      (world) => {
        world.findings = world.findings.map((each) =>
          each.key.device_id === "pixel-3" ? { ...each, state: "closed" as const } : each,
        )
      },
      "pixel-3 at api.bank.example: no finding, told AN1725 refuses-here",
    ],
    [
      "an alert that is missing",
      (world) => {
        world.alerts = world.alerts.filter(({ analytic }) => analytic === "AN1725")
      },
      "no alert of iphone-1: AN1726 opened, medium, confirmed",
    ],
    [
      "an alert twice",
      (world) => {
        world.alerts = [...world.alerts, ...world.alerts.slice(0, 1)]
      },
      "alert of pixel-1: AN1725 opened, medium, confirmed, told none or no second one",
    ],
    [
      "an alert without the address",
      (world) => {
        world.alerts = world.alerts.map((each, index) =>
          index === 1 ? { ...each, client_ip: null } : each,
        )
      },
      "alert of iphone-1: its address is null",
    ],
  ]
  for (const [name, change, difference] of cases) {
    const world = asTold()
    change(world)
    t.strictSame(differences(world), [difference], name)
  }
  t.end()
})
