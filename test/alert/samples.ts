/** One incident as the records tell it: a banking app on a managed Android phone, pinned. */
import { Alert } from "../../src/record/alert.ts"
import { Finding, FindingLabel } from "../../src/record/finding.ts"
import { Incident } from "../../src/record/incident.ts"

const common = {
  tenant: "acme",
  site: "hq",
  sensor_id: "sensor-1",
  v: 1 as const,
  observed_at: "2026-11-21T01:02:03.004Z",
}

export function finding(with_: Partial<Finding> = {}): Finding {
  return Finding.parse({
    ...common,
    id: "finding-1",
    analytic: "AN1725",
    analytic_version: "1.1",
    key: {
      device_id: "d-17",
      profile: "work",
      app_id: "com.example.bank",
      app_version: "7.1",
      stack: "t13d1516h2_8daaf6152771_e5627efa2ab1",
      destination: "api.bank.example",
    },
    platform: "android",
    registrable_domain: "bank.example",
    verdict: "confirmed",
    confidence: "medium",
    severity: "medium",
    channels: [
      {
        channel: "Flow",
        component: "DC0085",
        log_source: "NSM:Flow",
        state: "met",
        why: "2 direct retries within RetryPatternWindow",
        evidence_ids: ["flow-1", "flow-2"],
      },
    ],
    app_attribution: "observed",
    device_attribution: "bound",
    expected: false,
    reasons: ["4 refusals in 3 buckets", "2 control flows were used"],
    confounders_ruled_out: [],
    would_raise: [],
    would_refute: [],
    evidence_ids: ["attempt-1", "flow-1"],
    refusals: 4,
    control_flows: 2,
    first_seen: "2026-11-21T00:00:00.000Z",
    last_seen: common.observed_at,
    state: "open",
    ...with_,
  })
}

/** What ana said of it: expected, in force. */
export function label(with_: Partial<FindingLabel> = {}): FindingLabel {
  return FindingLabel.parse({
    label_id: "l-1",
    label: "expected",
    standing: "in-force",
    signs: [],
    who: "ana@desk",
    created_at: "2026-11-20T00:00:00.000Z",
    expires_at: "2027-02-20T00:00:00.000Z",
    why: ["Marked expected 2026-11-20T00:00:00.000Z by ana@desk (owner soc): it pins"],
    ...with_,
  })
}

export function incident(with_: Partial<Incident> = {}): Incident {
  return Incident.parse({
    ...common,
    id: "incident-1",
    analytic: "AN1725",
    analytic_version: "1.1",
    app_id: "com.example.bank",
    stack: null,
    registrable_domain: "bank.example",
    confidence: "medium",
    severity: "medium",
    state: "open",
    device_count: 1,
    device_ids: ["d-17"],
    finding_ids: ["finding-1"],
    lead_finding: "finding-1",
    first_seen: "2026-11-21T00:00:00.000Z",
    last_seen: common.observed_at,
    ...with_,
  })
}

export function alert(with_: Partial<Alert> = {}): Alert {
  const lead = finding()
  return Alert.parse({
    ...common,
    id: "0123456789abcdef0123456789abcdef",
    news: "opened",
    incident_id: "incident-1",
    analytic: "AN1725",
    analytic_version: "1.1",
    confidence: "medium",
    severity: "medium",
    summary: "AN1725: com.example.bank on device d-17 (Android) shows a pin-validation effect",
    platform: "android",
    device_id: lead.key.device_id,
    device_attribution: "bound",
    device_count: 1,
    user: "ana",
    client_ip: "10.1.2.3",
    binding: { binding_id: "lease-7", losers: ["hint-3"] },
    app_id: lead.key.app_id,
    app_version: "7.1",
    app_attribution: "observed",
    stack: lead.key.stack,
    destination: lead.key.destination,
    registrable_domain: "bank.example",
    verdict: "confirmed",
    refusals: 4,
    control_flows: 2,
    channels: lead.channels.map(({ evidence_ids: _, ...channel }) => channel),
    reasons: lead.reasons,
    finding_id: lead.id,
    evidence_ids: lead.evidence_ids,
    ...with_,
  })
}
