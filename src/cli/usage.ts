/** What each verb takes, for `pinsensor help` and `--help`; README.md and docs/ say what it is for. */

const store = "[--data DIR] [--config FILE]"

export const usage: Readonly<Record<string, string>> = {
  run: `[--config FILE] [--listen HOST:PORT] [--ca-cert FILE --ca-key FILE] [--origin-ca FILE] [--data DIR]
    [--control off|trial|learn] [--syslog udp|tcp|tls://HOST:PORT]... [--workers N]
    [--allow-client CIDR]... [--allow-destination CIDR]... [--splice HOST]...`,
  export: `KIND... [--since TIME] ${store}`,
  import: `FILE... ${store}        - is standard input`,
  replay: `[--from TIME] [--to TIME] [--set KEY=VALUE]... [--compare] [--examples N] [--step DURATION]
    [--json] [--write FILE] ${store}`,
  explain: `ID [--json] [--bundle FILE.tar.gz|DIR] ${store}`,
  lab: "[--keep]",
  "proxy-user": "NAME < FILE        the file holds the password",
  ca: "create|show [flags of run]",
  "check-config": "FILE",
  config: "show [flags of run]",
  bypass: `list [--all] [--json] [--kind KIND] [--source SOURCE] ${store}
  pinsensor bypass show ID [--json]
  pinsensor bypass add [--sni PATTERN] [--destination CIDR] [--client CIDR] [--device ID] [--group NAME]
    [--stack STACK] --owner WHO --reason WHY --expires 30d|TIME [--review 15d|TIME]
    [--evidence ID]... [--kind operator|platform|private] [--wide]
  pinsensor bypass renew ID --expires 30d|TIME --reason WHY [--review 15d|TIME] [--owner WHO]
  pinsensor bypass review ID --reason WHY [--next 90d|TIME]
  pinsensor bypass remove ID --reason WHY
  pinsensor bypass accept ID --owner WHO --reason WHY [--expires 30d|TIME] [--review 15d|TIME]
    [--group NAME] [--any-stack]
  pinsensor bypass reject ID --reason WHY        those that change something: [--on-behalf-of NAME]`,
  policy: `list [--json] [flags of run]
  pinsensor policy test --client IP [--sni NAME] [--address IP] [--connect-host HOST] [--port N]
    [--alpn a,b] [--stack STACK] [--listener NAME] [--device ID] [--group NAME]... [--at TIME]
    [--resolve] [--json] [flags of run]`,
  trials: `[--all] [--json] ${store}`,
  db: `check ${store}`,
}

/** Of one verb, or of all. */
export function usageText(verb?: string): string {
  const known = verb === undefined ? undefined : usage[verb]
  const shown = known === undefined ? Object.entries(usage) : [[verb, known]]
  return `${shown.map(([name, takes]) => `pinsensor ${name} ${takes}`).join("\n")}\n`
}

/** Whether somebody asks for help; `--` ends the flags. */
export function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf("--")
  const flags = end < 0 ? args : args.slice(0, end)
  return flags.includes("--help") || flags.includes("-h")
}
