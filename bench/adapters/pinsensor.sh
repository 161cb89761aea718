#!/bin/sh
# pinsensor, one worker (or $PINSENSOR_WORKERS): upstream verified, leaf forged by name, EC CA and leaf, attempts stored.
# It resolves names itself, so it runs under with_hosts. ADAPTERS, PORT, PKI, WORK and NODE are set
# by the bench's runner; the repository is found from where this file is.
repo=$(cd "$(dirname "$0")/../.." && pwd)
. "${ADAPTERS:?run this through the runner of the TLS bench, which sets it}/lib.sh"
# The sensor does not start on a CA key that others can read, and the bench's PKI is shared.
(umask 077 && cp "$PKI/ent-ec.key" "$WORK/ent-ec.key")
serve "ca=$PKI/ent-ec.crt by=sni splice=1 ${PINSENSOR_FACTS:-}" with_hosts "$NODE" "$repo/src/cli/main.ts" run \
  --listen "127.0.0.1:$PORT" --ca-cert "$PKI/ent-ec.crt" --ca-key "$WORK/ent-ec.key" \
  --origin-ca "$PKI/public.crt" --data "$WORK/data" --control off --workers "${PINSENSOR_WORKERS:-1}" \
  --allow-client 127.0.0.0/8 --allow-destination 127.0.0.0/8 --splice splice.bench.test
