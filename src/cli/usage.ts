/** What each verb takes, for `pinsensor help` and `--help`; README.md and docs/ say what it is for. */

const store = "[--data DIR] [--config FILE]"

export const usage: Readonly<Record<string, string>> = {
  run: `[--config FILE] [--listen HOST:PORT] [--ca-cert FILE --ca-key FILE] [--origin-ca FILE] [--data DIR]
    [--control off|trial|learn] [--syslog udp|tcp|tls://HOST:PORT]... [--workers N]
    [--allow-client CIDR]... [--allow-destination CIDR]... [--splice HOST]...`,
  export: `KIND... [--since TIME] [--pseudonyms] ${store}`,
  import: `FILE... ${store}        - is standard input`,
  replay: `[--from TIME] [--to TIME] [--set KEY=VALUE]... [--compare] [--examples N] [--step DURATION]
    [--json] [--write FILE] ${store}`,
  explain: `ID [--json] [--bundle FILE.tar.gz|DIR] ${store}`,
  finding: `list [--all] [--json] [--analytic ID] [--confidence C] [--state open|held|closed] [--app ID]
    [--destination PATTERN] [--device ID] [--label expected|benign|malicious|wrong|none|reopened|lowered|expired]
    [--held] [--limit N] ${store}
  pinsensor finding show ID [--json]
  pinsensor finding mark expected|benign|malicious|wrong ID --owner WHO --reason WHY --expires 90d|TIME
    [--scope finding|app-destination|device-app|app-domain|app|destination|domain|device] [--wide]
  pinsensor finding unmark LABEL|ID --reason WHY        mark and unmark: [--on-behalf-of NAME]`,
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
  baseline: `list [--app ID] [--destination PATTERN] [--by learned|added|declared|removed|missing] [--all]
    [--json] ${store}
  pinsensor baseline show --app ID --destination HOST [--json]
  pinsensor baseline add|remove --app ID --destination PATTERN --owner WHO --reason WHY --expires 90d|TIME
  pinsensor baseline withdraw --app ID --destination PATTERN --owner WHO --reason WHY
  pinsensor baseline freeze --app ID|--all --owner WHO --reason WHY --expires 30d|TIME
  pinsensor baseline thaw --app ID|--all --owner WHO --reason WHY
                           those that change something: [--on-behalf-of NAME]`,
  policy: `list [--json] [flags of run]
  pinsensor policy test --client IP [--sni NAME] [--address IP] [--connect-host HOST] [--port N]
    [--alpn a,b] [--stack STACK] [--listener NAME] [--device ID] [--group NAME]... [--at TIME]
    [--resolve] [--json] [flags of run]`,
  trials: `[--all] [--json] ${store}`,
  apps: `list [--app TEXT] [--due] [--json|--yaml] ${store}
  pinsensor apps import FILE [--dry-run] [--replace] [--on-behalf-of NAME] ${store}
  pinsensor apps review [--since 14d] [--json|--yaml] ${store}
  pinsensor apps review APP --next 180d [--owner WHO] [--platform PLATFORM] [--on-behalf-of NAME]`,
  coverage: `[--json] ${store}
  pinsensor coverage accept GAP[:PART] --owner WHO --reason WHY --control WHAT --review 90d|TIME
    [--on-behalf-of NAME]
  pinsensor coverage withdraw GAP[:PART] --reason WHY`,
  doctor: "[--through HOST[:PORT]]... [--json] [flags of run]",
  pseudonym: `reveal VALUE --reason WHY [--on-behalf-of NAME] ${store}
  pinsensor pseudonym list ${store}`,
  erase: `DEVICE --reason WHY [--on-behalf-of NAME] [--dry-run] [--allow-return] [--no-vacuum] ${store}
  pinsensor erase --list ${store}`,
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
