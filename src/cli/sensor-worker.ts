/** One sensor worker: the data path on one core. It appends evidence and follows the register. */
import { randomBytes } from "node:crypto"
import { readFileSync } from "node:fs"
import { networkInterfaces } from "node:os"
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
import { loadCa } from "./inspection-ca.ts"
import { logTo, openLog } from "./log.ts"
import { PolicyWatch } from "./policy-watch.ts"
import { childProcess, tellParent } from "./process-messages.ts"

/** How often the counters are logged, in milliseconds. */
const countsEvery = 60_000

childProcess(async (config, listen) => {
  const logger = openLog(config, "sensor")
  const log = logTo(logger)
  const ca = loadCa(config, Date.now())
  const originCaPem =
    config["origin-ca"] === null ? null : readFileSync(config["origin-ca"], "utf8")
  const trials = new TrialUse()
  const store = openStore(config.data, { readonly: true })
  const watch = new PolicyWatch(store, config, trials, log)
  const recorder = new Recorder({
    dir: config.data,
    onTrouble: ({ state, because }) =>
      log(state === "failing" ? "error" : "info", `evidence-${state}`, { because }),
  })
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
      newId: (now) => recordId(now, randomBytes(10)),
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
  tellParent({ is: "ready", ...sensor.address })
  const counts = () =>
    log("info", "counts", { ...sensor.counts, open: sensor.open, evidence: recorder.counters() })
  const timer = setInterval(counts, countsEvery)
  return {
    stop: async () => {
      clearInterval(timer)
      await sensor.close(config.limits["drain-time"])
      watch.close()
      await recorder.close()
      counts()
      store.close()
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
