import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/**
 * What a thread is started with: a compiled file, or where that is not there, as under tsx and vitest, which run the
 * sources, its source by a tsx of the thread's own.
 */
export function threadFile(compiled: URL): URL {
  if (existsSync(fileURLToPath(compiled))) return compiled
  const source = new URL(compiled.href.replace(/\.js$/, '.ts'))
  const script = `import { register } from '${import.meta.resolve('tsx/esm/api')}'; register(); await import('${source}')`
  return new URL(`data:text/javascript,${encodeURIComponent(script)}`)
}
