# Unbound: questions for HTTPS (65) and SVCB (64) records are answered "there are none" (NODATA), so that no
# client learns an ECH configuration or of HTTP/3. resolver.md says how it is loaded, and why NODATA.

HIDDEN_TYPES = (64, 65)


def init(id, cfg):
    return True


def deinit(id):
    return True


def inform_super(id, qstate, superqstate, qdata):
    return True


def operate(id, event, qstate, qdata):
    if event in (MODULE_EVENT_NEW, MODULE_EVENT_PASS):
        if qstate.qinfo.qtype not in HIDDEN_TYPES:
            qstate.ext_state[id] = MODULE_WAIT_MODULE
            return True
        answer = DNSMessage(
            qstate.qinfo.qname_str, qstate.qinfo.qtype, RR_CLASS_IN, PKT_QR | PKT_RD | PKT_RA
        )
        if not answer.set_return_msg(qstate):
            qstate.ext_state[id] = MODULE_ERROR
            return True
        # Not signed and never checked: the validator must not call it bogus.
        qstate.return_msg.rep.security = 2
        qstate.return_rcode = RCODE_NOERROR
        qstate.ext_state[id] = MODULE_FINISHED
        return True
    qstate.ext_state[id] = MODULE_FINISHED if event == MODULE_EVENT_MODDONE else MODULE_ERROR
    return True
