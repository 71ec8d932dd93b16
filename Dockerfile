# syntax=docker/dockerfile:1
# One image for every service: they share the libs, and a deployment runs one version of all.
# Which one a container runs is its command: dist/apps/<name>/src/main.js

FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY libs ./libs
COPY apps ./apps
RUN node node_modules/typescript/bin/tsc -p tsconfig.build.json

FROM node:24-bookworm-slim AS production-dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund

FROM node:24-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
# package.json carries the aliases that lead to dist.
COPY --from=production-dependencies /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY package.json LICENSE ./
# The account of the base image that owns nothing.
USER node
# Node is the first process: it gets the signals itself, so services end in good order.
ENTRYPOINT ["node", "--enable-source-maps"]
CMD ["dist/apps/orchestrator/src/main.js"]
