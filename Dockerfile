# One stage: Node runs the TypeScript as it is, and better-sqlite3 and koffi ship prebuilt binaries.
FROM node:24-slim

ENV NODE_ENV=production
WORKDIR /opt/pinsensor
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund \
  && rm -rf /root/.npm /tmp/node-compile-cache
COPY src ./src
COPY certs/README.md ./certs/README.md
COPY README.md CHANGELOG.md ./

# COPY keeps the modes of the checkout, and under umask 077 the user node could read none of it.
RUN find /opt/pinsensor ! -perm -004 -exec chmod a+rX {} +

# Evidence and, unless the operator mounts a CA, the inspection CA that is made at the first start.
RUN mkdir -p /var/lib/pinsensor/certs && chown -R node:node /var/lib/pinsensor
USER node
WORKDIR /var/lib/pinsensor
VOLUME /var/lib/pinsensor

EXPOSE 8080
STOPSIGNAL SIGTERM
# Listens on all addresses of the container; who may use it is said by --allow-client.
ENTRYPOINT ["node", "/opt/pinsensor/src/cli/main.ts"]
CMD ["run", "--listen", "0.0.0.0:8080"]
