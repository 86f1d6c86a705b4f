# The image: `docker run -p 8080:8080 -v cyberun-data:/data <image>` runs everything (role all); any other command
# line of cyberun-mcp may follow. It needs no root, and no writable file system apart from /data and /tmp.

FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# With optional packages, because the bundler of the pages is one for each platform. Install scripts only set up git hooks.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY nest-cli.json tsconfig.json tsconfig.build.json ./
COPY scripts/build-if-stale.mjs scripts/build-web.mjs ./scripts/
COPY src ./src
COPY web ./web
RUN npm run build

FROM node:24-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# Optional packages are the Node binaries that bring Node 24 to machines without it; here the base image does.
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund

FROM node:24-bookworm-slim
# tini reaps the processes that tasks leave behind. Nothing installs packages at run time, so npm goes.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends tini \
    && rm -rf /var/lib/apt/lists/* /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx \
       /usr/local/bin/corepack /usr/local/bin/yarn /usr/local/bin/yarnpkg /opt/yarn-* \
    && install --directory --owner=1000 --group=1000 --mode=0700 /data
WORKDIR /app
COPY package.json ./
COPY --from=dependencies /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY workflows ./workflows
COPY services ./services
RUN chmod 0755 dist/main.js && ln -s /app/dist/main.js /usr/local/bin/cyberun-mcp

# Of its own accord V8 ends the process at half the memory a container may have, in a small one collects its young
# generation all the time, and in a large one lets it grow by 100 MiB. Tasks do not inherit this.
ENV NODE_ENV=production \
    NODE_OPTIONS="--max-old-space-size-percentage=70 --max-semi-space-size=16" \
    CYBERUN_HTTP_HOST=0.0.0.0 \
    CYBERUN_HTTP_PORT=8080 \
    CYBERUN_DATA_DIR=/data/cyberun
VOLUME ["/data", "/tmp"]
EXPOSE 8080
# By number, so that Kubernetes can see that it is not root; 1000 is the base image's user `node`.
USER 1000:1000
ENTRYPOINT ["/usr/bin/tini", "--", "node", "/app/dist/main.js"]
CMD ["serve"]
