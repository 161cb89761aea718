/**
 * A real syslog-ng (Debian package syslog-ng-core) on loopback, and what it parsed of each message.
 *
 * Debian's rsyslog and syslog-ng-core exclude each other. To have both, unpack the second one, for example
 * with `dpkg -x syslog-ng-core_*.deb /opt/syslog-ng`; this finds it there, or under SYSLOG_NG_ROOT.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { existsSync } from "node:fs"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { freePort, tcpAnswers } from "./free-port.ts"
import {
  type DaemonPlaces,
  type DaemonTls,
  end,
  jsonLines,
  type ReceivedJson,
  type ReceivedMessage,
  type ReceivedParams,
  type SyslogDaemon,
  untilAtLeast,
} from "./rsyslog.ts"

const { SYSLOG_NG_ROOT: given = "/opt/syslog-ng" } = process.env
const ROOTS = ["", given]
const root = ROOTS.find((each) => existsSync(`${each}/usr/sbin/syslog-ng`))

/** Why no syslog-ng can be started here, or false. */
export function syslogNgMissing(): string | false {
  return root === undefined ? "the Debian package syslog-ng-core is missing" : false
}

export async function startSyslogNg(options: { tls?: DaemonTls } = {}): Promise<SyslogDaemon> {
  const folder = await mkdtemp(join(tmpdir(), "pinsensor-syslog-ng-"))
  const ports = { tcpPort: await freePort(), udpPort: await freePort(), tlsPort: await freePort() }
  const output = join(folder, "received.ndjson")
  const places = { ...ports, address: "127.0.0.1", folder, output, tls: options.tls }
  const configuration = syslogNgConfiguration(places)
  await writeFile(join(folder, "syslog-ng.conf"), configuration)
  let daemon: ChildProcess | null = null

  const start = async () => {
    const own = {
      cfgfile: "syslog-ng.conf",
      "persist-file": "persist",
      pidfile: "pid",
      control: "ctl",
    }
    const files = Object.entries(own).map(([name, file]) => `--${name}=${join(folder, file)}`)
    const unpacked = root ? [`--module-path=${root}/usr/lib/syslog-ng/3.38`] : []
    daemon = spawn(
      `${root}/usr/sbin/syslog-ng`,
      ["--foreground", "--stderr", "--no-caps", ...files, ...unpacked],
      {
        stdio: ["ignore", "ignore", "pipe"],
        env: root ? { ...process.env, LD_LIBRARY_PATH: `${root}/usr/lib/syslog-ng` } : process.env,
      },
    )
    await tcpAnswers(ports.tcpPort, daemon)
  }
  const received = async () => (await jsonLines(output)).map(readSyslogNgLine)
  await start()
  return {
    ...ports,
    received,
    atLeast: (count) => untilAtLeast(received, count),
    restart: async () => {
      await end(daemon)
      await start()
    },
    stop: async () => {
      await end(daemon)
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** The sample of docs/alerts.md, with other places. */
export function syslogNgConfiguration(places: DaemonPlaces): string {
  const { address, tcpPort, udpPort, tlsPort, output, tls } = places
  const tlsSource = tls
    ? `
  syslog(transport("tls") ip("${address}") port(${tlsPort}) flags(store-raw-message)
    tls(ca-file("${tls.ca}") peer-verify(required-trusted)
        cert-file("${tls.cert}")
        key-file("${tls.key}")));`
    : ""
  return `@version: 3.38
options { keep-hostname(yes); use-dns(no); stats-freq(0); };
source s_pinsensor {
  syslog(transport("tcp") ip("${address}") port(${tcpPort}) flags(store-raw-message));
  syslog(transport("udp") ip("${address}") port(${udpPort}) flags(store-raw-message));${tlsSource}
};
parser p_alert { json-parser(prefix(".alert.")); };
destination d_parsed {
  file("${output}" template("$(format-json --scope none
    raw=\${RAWMSG} pri=\${PRI} timestamp=\${S_ISODATE} hostname=\${HOST} appName=\${PROGRAM}
    procid=\${PID} msgid=\${MSGID} msg=\${MSG} --key .SDATA.pinsensor@32473.* --key .alert.*)\\n")
    frac-digits(3) time-zone("UTC"));
};
log { source(s_pinsensor); filter { program("pinsensor" type(string)) }; parser(p_alert); destination(d_parsed); };
`
}

/** format-json writes a key that begins with a dot with `_`, and dots inside as nested objects. */
function readSyslogNgLine(line: Record<string, unknown>): ReceivedMessage {
  const text = (name: string) => String(line[name])
  const { _SDATA: sdata, _alert: json } = line as {
    _SDATA?: Record<string, ReceivedParams>
    _alert?: ReceivedJson
  }
  return {
    raw: text("raw"),
    pri: Number(text("pri")),
    timestamp: text("timestamp"),
    hostname: text("hostname"),
    appName: text("appName"),
    procid: text("procid"),
    msgid: text("msgid"),
    structured: sdata?.["pinsensor@32473"] ?? {},
    msg: text("msg"),
    json: json ?? null,
  }
}
