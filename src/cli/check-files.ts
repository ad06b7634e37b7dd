import { readKeys } from '../access/keys-file.ts'
import type { Config } from '../config.ts'
import { readPersistedFile } from '../server/persisted-file.ts'

/**
 * Reads the files that settings name, before anything of the service is loaded or opened: one that is not there, or cannot
 * be taken, stops the start at once, and not when a database has been opened for nothing.
 * @throws AccessError, PersistedOperationsError
 */
export async function checkFiles({
  apiKeysFile,
  persistedOperationsFile,
}: Pick<Config, 'apiKeysFile' | 'persistedOperationsFile'>): Promise<void> {
  if (apiKeysFile !== undefined) await readKeys(apiKeysFile)
  if (persistedOperationsFile !== undefined) await readPersistedFile(persistedOperationsFile)
}
