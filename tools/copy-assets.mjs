// Copies what TypeScript does not compile, the Lua scripts, from src to dist.
import { cpSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const [source, target] = ['../src', '../dist'].map((path) => fileURLToPath(new URL(path, import.meta.url)))
cpSync(source, target, {
  recursive: true,
  filter: (path) => path.endsWith('.lua') || statSync(path).isDirectory(),
})
