// An attack, in a process of its own: begun by its name over IPC, and told how it stands with each further message.
import { ATTACKS, createCrowd } from './attacks.mjs'

/** @type {ReturnType<typeof createCrowd> | undefined} */
let crowd

process.on('message', (/** @type {{ name?: string, port: number, supplies: readonly string[] }} */ message) => {
  if (message.name !== undefined) {
    crowd = createCrowd(message.port)
    ATTACKS[message.name]?.(crowd, message)
  }
  process.send?.(crowd?.counts())
})
process.on('disconnect', () => process.exit())
