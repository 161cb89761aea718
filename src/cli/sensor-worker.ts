/** One sensor worker: the data path on one core. It appends evidence and follows the register. */
import { networkInterfaces } from "node:os"
import { setTimeout as sleep } from "node:timers/promises"
import { createLeafKeys } from "../ca/leaf-keys.ts"
import { LeafStore } from "../ca/leaf-store.ts"
import { type Config, sensorConfigId } from "../config.ts"
import { openStore } from "../evidence/open.ts"
import { Recorder } from "../evidence/recorder.ts"
import { OriginMemory } from "../intercept/origin-memory.ts"
import { originTrust } from "../intercept/origin-trust.ts"
import { defaultResolverLimits, lookupWith, Resolver } from "../intercept/resolver.ts"
import { sense } from "../pipeline.ts"
import { parseNetwork } from "../policy/addresses.ts"
import { clientAllowed, makeGuard } from "../policy/guard.ts"
import { TrialUse } from "../policy/trial-use.ts"
import { recordId } from "../record/record-id.ts"
import { configuredFile } from "./configured-file.ts"
import { loadCa } from "./inspection-ca.ts"
import { logTo } from "./log.ts"
import { PolicyWatch } from "./policy-watch.ts"
import { childProcess } from "./process-messages.ts"
import { randomPool } from "./random-pool.ts"

/** How often the counters are logged, and how often it is looked for lost evidence, in ms. */
const countsEvery = 60_000
const lossesEvery = 5_000
/** After the drain, for connections that were ended to become records, in milliseconds. */
const lastRecords = 500

childProcess("sensor-worker", async (config, listen, logger) => {
  const log = logTo(logger)
  const ca = loadCa(config, Date.now())
  const originCaPem =
    config["origin-ca"] === null ? null : configuredFile("origin-ca", config["origin-ca"])
  const trials = new TrialUse()
  const open = () => openStore(config.data, { readonly: true })
  const watch = new PolicyWatch({ open, config, trials, log })
  const recorder = new Recorder({
    dir: config.data,
    onTrouble: ({ state, because }) =>
      log(state === "failing" ? "error" : "info", `evidence-${state}`, { because }),
  })
  recorder.start()
  const random = randomPool()
  const sensor = await sense(listen, {
    sensor: {
      common: {
        tenant: config.tenant,
        site: config.site,
        sensor_id: config["sensor-id"],
        v: 1,
      },
      issuingCa: ca.fingerprint,
      sensorConfig: sensorConfigId(config, originCaPem),
      fastWindow: config["fast-window"],
      newId: (now) => recordId(now, random(10)),
    },
    ca,
    leaves: new LeafStore({ ca, keys: await createLeafKeys() }),
    origins: new OriginMemory(),
    trust: originTrust(originCaPem),
    resolver: new Resolver(Date.now, defaultResolverLimits, lookupWith(config.hosts)),
    guard: makeGuard({
      ownAddresses: ownAddresses(),
      allowDestinations: config["allow-destination"].map(parseNetwork),
    }),
    clientAllowed: clientAllowed(allowedClients(config)),
    limits: config.limits,
    notTls: config["not-tls"],
    deviceOf: (clientIp) => watch.clients.of(clientIp, Date.now()),
    trials,
    clock: Date.now,
    log,
    watch,
    recorder,
  })
  const counts = () =>
    log("info", "counts", { ...sensor.counts, open: sensor.open, evidence: recorder.counters() })
  let lost = 0
  const losses = () => {
    const { dropped, failed } = recorder.counters()
    if (dropped + failed > lost) log("error", "evidence-lost", { dropped, failed })
    lost = dropped + failed
  }
  const timers = [setInterval(counts, countsEvery), setInterval(losses, lossesEvery)]
  return {
    ...sensor.address,
    stop: async () => {
      await sensor.close(config.limits["drain-time"])
      // What was ended just now becomes records when its sockets close.
      const until = Date.now() + lastRecords
      do await sleep(20)
      while (sensor.open > 0 && Date.now() < until)
      await recorder.close()
      for (const timer of timers) clearInterval(timer)
      watch.close()
      losses()
      counts()
    },
  }
})

function allowedClients(config: Config) {
  const networks = config["allow-client"]
  return networks.length > 0 ? networks.map(parseNetwork) : undefined
}

function ownAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap(
    (list) => list?.map(({ address }) => address) ?? [],
  )
}
