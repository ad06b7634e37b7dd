# The service as an image: `docker build -t auction .`, then
# `docker run -p 127.0.0.1:4000:4000 -e ALLOW_ANONYMOUS=1 auction` (embedded database in the volume /data), or with DATABASE_URL
# and REDIS_URL. Where others reach it, `-v keys:/keys -e API_KEYS_FILE=/keys/api-keys.json` instead. It is for production, where GraphiQL and introspection are off: `-e GRAPHIQL=on -e INTROSPECTION=on` for a look around.
ARG NODE_VERSION=24

FROM node:${NODE_VERSION}-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY . .
RUN npm run build

FROM node:${NODE_VERSION}-slim
ENV NODE_ENV=production HOST=0.0.0.0 PORT=4000 DATA_DIR=/data
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# Without "optional" too: it is what keeps Prisma's CLI, which the client names as an optional peer, out of the image.
RUN npm ci --omit=dev --omit=optional --ignore-scripts && npm cache clean --force \
  && mkdir /data /keys /operations && chown node:node /data /keys /operations \
  && ln -s /app/bin/auction.mjs /usr/local/bin/auction
COPY --from=build /app/bin ./bin
COPY --from=build /app/prisma ./prisma
COPY --from=build /app/dist ./dist
USER node
VOLUME /data
EXPOSE 4000
# Ready also while Redis or the database is away but auctions are sold.
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/readyz`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["auction"]
CMD ["serve"]
