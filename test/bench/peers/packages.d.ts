// The peers' packages are installed for a run of the bench alone: what is theirs is not checked.
declare module '@apollo/server'
declare module '@apollo/server/plugin/disabled'
declare module '@as-integrations/fastify'
declare module 'fastify'
declare module 'mercurius'
