// Compiles src to dist: beside it first, and then file by file, of which only those that differ are replaced, each at
// once. So a service that runs from dist keeps its files, and a build that fails leaves dist as it was.
import { execFile } from 'node:child_process'
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const ENTRY = 'main.js'

try {
  await build({ allowTypeErrors: process.argv.includes('--allow-type-errors') })
} catch (error) {
  console.error(error.stdout || error.message)
  console.error('The build has failed, and dist is as it was.')
  process.exitCode = 1
}

async function build({ allowTypeErrors }) {
  // As deep as dist, since source maps name the sources by their way from there.
  const draft = await mkdtemp(join(ROOT, '.dist-'))
  try {
    const compiler = join(ROOT, 'node_modules/.bin/tsc')
    const compiling = promisify(execFile)(compiler, ['-p', 'tsconfig.build.json', '--outDir', draft], { cwd: ROOT })
    await compiling.catch((error) => {
      if (!allowTypeErrors) throw error
    })
    await copyAssets(join(ROOT, 'src'), draft)
    // As npm links it: a link into dist is what earlier versions had npm make.
    await chmod(join(draft, ENTRY), 0o755)
    await replaceWhatDiffers(draft, join(ROOT, 'dist'))
  } finally {
    await rm(draft, { recursive: true, force: true })
  }
}

/** What TypeScript does not compile: the Lua scripts. */
async function copyAssets(source, target) {
  const filter = async (path) => path.endsWith('.lua') || (await stat(path)).isDirectory()
  await cp(source, target, { recursive: true, filter })
}

/** The entry comes last: where it is there, so is all that it needs. */
async function replaceWhatDiffers(draft, target) {
  const entries = await readdir(draft, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  const entry = join(draft, ENTRY)
  for (const file of [...files.filter((path) => path !== entry), entry]) {
    const path = join(target, file.slice(draft.length))
    if (await isSame(file, path)) continue
    await mkdir(dirname(path), { recursive: true })
    await rename(file, path)
  }
}

async function isSame(file, other) {
  const [content, otherContent] = await Promise.all([file, other].map((path) => readFile(path).catch(() => undefined)))
  if (otherContent === undefined || !content.equals(otherContent)) return false
  return (await stat(file)).mode === (await stat(other)).mode
}
