/** One sensor worker: the data path on one core. It appends evidence and follows the register. */
import { setTimeout as sleep } from "node:timers/promises"
import { createLeafKeys } from "../ca/leaf-keys.ts"
import { LeafStore } from "../ca/leaf-store.ts"
import { type Config, sensorConfigId } from "../config.ts"
import { openStore } from "../evidence/open.ts"
import { Recorder } from "../evidence/recorder.ts"
import { openTrialLedger } from "../evidence/trial-ledger.ts"
import { Hindrance } from "../intercept/hindrance.ts"
import type { Limits } from "../intercept/limits.ts"
import { OriginMemory } from "../intercept/origin-memory.ts"
import { originTrust } from "../intercept/origin-trust.ts"
import { Overload } from "../intercept/overload.ts"
import { ProxyLogins, readProxyUsers } from "../intercept/proxy-logins.ts"
import { sense } from "../pipeline.ts"
import { TrialUse } from "../policy/trial/trial-use.ts"
import { recordId } from "../record/record-id.ts"
import { configuredFile } from "./configured-file.ts"
import { configuredGuard, servedClients } from "./configured-guard.ts"
import { connectionsWithin, DescriptorWatch, descriptorLimit } from "./descriptors.ts"
import { loadCa } from "./inspection-ca.ts"
import { logTo } from "./log.ts"
import { childProcess } from "./process-messages.ts"
import { openResolver } from "./worker/open-resolver.ts"
import { PolicyWatch } from "./worker/policy-watch.ts"
import { randomPool } from "./worker/random-pool.ts"
import { openUpstreamProxy } from "./worker/upstream-proxy.ts"

/** How often the counters are logged, and how often it is looked for faults, in milliseconds. */
const countsEvery = 60_000
const faultsEvery = 5_000
/** After the drain, for connections that were ended to become records, in milliseconds. */
const lastRecords = 500

childProcess("sensor-worker", async (config, listeners, logger) => {
  const log = logTo(logger)
  const ca = loadCa(config, Date.now())
  const originCaPem =
    config["origin-ca"] === null ? null : configuredFile("origin-ca", config["origin-ca"])
  const ledger = openTrialLedger(config.data, {
    onTrouble: (because) => log("error", "trial-ledger-failing", { because }),
  })
  const trials = new TrialUse(ledger)
  const open = () => openStore(config.data, { readonly: true })
  const watch = new PolicyWatch({ open, config, trials, log })
  const recorder = new Recorder({
    dir: config.data,
    onTrouble: ({ state, because }) =>
      log(state === "failing" ? "error" : "info", `evidence-${state}`, { because }),
  })
  recorder.start()
  const overload = new Overload(config.overload)
  const hindrance = new Hindrance({
    ca,
    onExpired: config.ca["on-expired"],
    overload,
    onOverload: config.overload.do,
    clock: Date.now,
    log,
  })
  const descriptors = new DescriptorWatch(log)
  const random = randomPool()
  const trust = originTrust(originCaPem)
  const clock = () => performance.now()
  const resolver = openResolver(config, log, clock)
  const upstreamProxy = openUpstreamProxy(config, { resolver, trust, log, clock })
  const sensor = await sense(listeners, {
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
    trust,
    origin: config.origin,
    resolver,
    upstreamProxy,
    guard: configuredGuard(config),
    clientAllowed: servedClients(config),
    logins: proxyLogins(config),
    limits: limitsWithin(config.limits, descriptorLimit()),
    notTls: config["not-tls"],
    instead: () => hindrance.instead(),
    deviceOf: (clientIp) => watch.clients.of(clientIp, Date.now()),
    trials,
    clock: Date.now,
    log,
    watch,
    recorder,
  })
  const counts = () =>
    log("info", "counts", {
      ...sensor.counts,
      open: sensor.open,
      uninspected: hindrance.counts,
      late_ms: overload.lateness,
      evidence: recorder.counters(),
      names: resolver.counts,
      ...(upstreamProxy ? { upstream_proxy: upstreamProxy.counts } : {}),
    })
  let lost = 0
  const losses = () => {
    const { dropped, failed } = recorder.counters()
    if (dropped + failed > lost) log("error", "evidence-lost", { dropped, failed })
    lost = dropped + failed
  }
  const faults = () => {
    losses()
    hindrance.look()
    descriptors.look()
  }
  faults()
  const timers = [setInterval(counts, countsEvery), setInterval(faults, faultsEvery)]
  const unwatch = overload.watch()
  return {
    listeners: sensor.listeners,
    reload: (next) => watch.reload(next),
    stop: async () => {
      await sensor.close(config.limits["drain-time"])
      // What was ended just now becomes records when its sockets close.
      const until = performance.now() + lastRecords
      do await sleep(20)
      while (sensor.open > 0 && performance.now() < until)
      await recorder.close()
      for (const timer of timers) clearInterval(timer)
      unwatch()
      watch.close()
      ledger.close()
      losses()
      counts()
    },
  }
})

function proxyLogins(config: Config): ProxyLogins | null {
  const settings = config["proxy-users"]
  if (settings === null) return null
  const users = readProxyUsers(configuredFile("proxy-users", settings.file), settings.file)
  return new ProxyLogins({ users, require: settings.require, clock: () => performance.now() })
}

/** No more clients than there are descriptors for. */
function limitsWithin(limits: Limits, descriptors: number | null): Limits {
  if (descriptors === null) return limits
  return { ...limits, connections: Math.min(limits.connections, connectionsWithin(descriptors)) }
}
