// npm run bench: measures the service beside other servers and writes results.md.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, release, totalmem } from 'node:os'
import { parseArgs } from 'node:util'
import { startLoader } from './load.mjs'
import { fixed, table } from './numbers.mjs'
import { LOADER_CPU, PINNED, SERVER_CPU } from './server.mjs'

const SECTIONS = [
  'http',
  'websocket',
  'redis',
  'log',
  'catalog',
  'subscribers',
  'overhead',
  'overload',
  'metrics',
  'bidders',
  'heap',
  'limiter',
  'abuse',
]
const SIGNALS = ['SIGINT', 'SIGTERM']
const RESULTS = new URL('results.md', import.meta.url)
const USAGE = `Usage: node test/bench/run.mjs [--rounds N] [--seconds S] [--only ${SECTIONS.join(',')}]
                             [--supplies N] [--auctions N] [--no-write]

  --rounds    measured rounds of each server, in turn (default 5)
  --seconds   the length of a round (default 4)
  --only      these sections alone; results.md is then printed, not written
  --supplies  the largest catalogue (default 1000000)
  --auctions  how many auctions count as a million for the heap (default 1000000)
  --no-write  only print
  --help`

const options = readOptions()
if (process.platform !== 'linux') fail('The bench reads CPU times from /proc: run it on Linux.')
if (!existsSync(new URL('../../dist/main.js', import.meta.url))) {
  fail('dist/main.js is not there: run npm run build first.')
}

const startedAt = new Date()
const [loadAtStart = 0] = loadavg()
const report = []
const goals = []
for (const name of options.only) {
  const section = await import(`./sections/${name}.mjs`)
  console.error(`\n${section.title}`)
  const { lines, goals: sectionGoals } = await runSection(section)
  report.push(`## ${section.title}`, ...lines)
  goals.push(...sectionGoals)
  console.log(`\n## ${section.title}\n\n${lines.join('\n\n')}`)
}
console.log(`\n## Goals\n\n${goalsTable()}`)
if (options.write) {
  writeFileSync(RESULTS, `${[...heading(), '## Goals', goalsTable(), ...report].join('\n\n')}\n`)
  console.error('\nWrote test/bench/results.md')
}

/**
 * Runs one section; whatever it started is stopped after it, however it ends.
 * @param {import('./types.ts').Section} section
 */
async function runSection(section) {
  const stops = []
  const loader = startLoader()
  stops.push(() => loader.stop())
  const use = async (starting) => {
    const started = await starting
    stops.push(() => started.stop())
    return started
  }
  const progress = (what) => console.error(`  ${what}`)
  const { rounds, seconds, supplies, auctions } = options
  const stopAll = async () => {
    for (const stop of stops.splice(0).reverse()) await stop()
  }
  const interrupt = () => void stopAll().finally(() => process.exit(130))
  for (const signal of SIGNALS) process.once(signal, interrupt)
  try {
    return await section.run({ loader, use, progress, supplies, auctions, settings: { rounds, seconds, progress } })
  } finally {
    for (const signal of SIGNALS) process.off(signal, interrupt)
    await stopAll()
  }
}

function heading() {
  const model = cpus()[0]?.model ?? 'a processor'
  const pinning = PINNED
    ? `Servers run on processor ${SERVER_CPU} alone, the load generator (and Redis and subscribers) on processor ${LOADER_CPU} (taskset); PostgreSQL where the system puts it.`
    : 'Servers and the load generator share the processors.'
  return [
    '# Benchmark',
    `Measured ${startedAt.toISOString().slice(0, 10)} on ${cpus().length} × ${model}, ${fixed(totalmem() / 2 ** 30, 1)} GiB, Linux ${release()}, Node.js ${process.versions.node}; load average at the start ${fixed(loadAtStart, 2)}. ${versions()}.`,
    `CPU is the server process's time, user and system, over all its threads (/proc/PID/task/*/schedstat), divided by the requests answered. ${pinning} ${options.rounds} rounds of ${options.seconds} s each after a warm-up, the servers in turn; the medians of the rounds are shown, and of their ratios. Wall-clock figures depend on what else the machine did; CPU per request and the ratios within one run are what holds. Every request is from an address of its own, asks eight bidders without simulated latency, and passes the rate limit. The peers run this service's own schema, resolvers, auction, limiter and statistics, in memory; raw node:http runs the same without GraphQL.`,
    'Reproduce it with `npm run bench`, on an idle machine.',
  ]
}

function goalsTable() {
  return table(
    ['figure', 'goal', 'measured', 'met'],
    goals.map(({ figure, goal, measured, isMet }) => [figure, goal, measured, isMet ? 'yes' : 'NO']),
  )
}

function versions() {
  const root = '../../node_modules/'
  const own = 'node_modules/'
  return [
    [own, 'mercurius'],
    [own, 'fastify'],
    [own, '@apollo/server'],
    [root, 'graphql-yoga'],
    [root, 'graphql'],
    [root, 'graphql-jit'],
    [root, 'undici'],
  ]
    .map(([folder, name]) => {
      const file = new URL(`${folder}${name}/package.json`, import.meta.url)
      return `${name} ${JSON.parse(readFileSync(file, 'utf8')).version}`
    })
    .join(', ')
}

function readOptions() {
  let values
  try {
    values = parseArgs({
      options: {
        rounds: { type: 'string', default: '5' },
        seconds: { type: 'string', default: '4' },
        only: { type: 'string' },
        supplies: { type: 'string', default: '1000000' },
        auctions: { type: 'string', default: '1000000' },
        'no-write': { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }).values
  } catch (error) {
    fail(/** @type {Error} */ (error).message)
  }
  if (values.help) {
    console.log(USAGE)
    process.exit()
  }
  const only = values.only?.split(',') ?? SECTIONS
  for (const name of only) if (!SECTIONS.includes(name)) fail(`There is no section ${name}.`)
  const numbers = { rounds: 0, seconds: 0, supplies: 0, auctions: 0 }
  for (const name of /** @type {const} */ (['rounds', 'seconds', 'supplies', 'auctions'])) {
    numbers[name] = Number(values[name])
    if (!(numbers[name] > 0)) fail(`--${name} must be a number above 0.`)
  }
  return { ...numbers, only, write: !values['no-write'] && values.only === undefined }
}

/**
 * @param {string} message
 * @returns {never}
 */
function fail(message) {
  console.error(`error: ${message}\n${USAGE}`)
  process.exit(1)
}
